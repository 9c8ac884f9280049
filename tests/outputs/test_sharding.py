"""Weights in shards: which tensor goes where, and that plain tools can read them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from gitml.errors import StorageError
from gitml.outputs.grouping import SMALL, strip_wrappers
from gitml.outputs.sharding import INDEX, group_tensors
from gitml.outputs.tensor_layout import TensorEntry
from tests.outputs.models import write_sharded

MIB = 1 << 20


def entry(name: str, *shape: int) -> TensorEntry:
    size = 4
    for dimension in shape:
        size *= dimension
    return TensorEntry(name, "F32", shape, 0, size)


def model(layers: int = 3, width: int = 640, head: int = 10) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    tensors = {"embed.weight": torch.randn(1000, width)}
    for layer in range(layers):
        tensors[f"layers.{layer}.attention.weight"] = torch.randn(width, width)
        tensors[f"layers.{layer}.norm.weight"] = torch.randn(width)
        tensors[f"layers.{layer}.norm.running_mean"] = torch.randn(width)
    tensors["head.weight"] = torch.randn(head, width)
    tensors["head.bias"] = torch.randn(head)
    return tensors


def saved(folder: Path, tensors: dict[str, torch.Tensor], **options) -> tuple[str, ...]:
    return write_sharded(
        folder,
        [(name, "F32", tuple(t.shape), memoryview(t.numpy())) for name, t in tensors.items()],
        **options,
    )


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def loaded(folder: Path) -> dict[str, torch.Tensor]:
    index = json.loads((folder / INDEX).read_text())
    state = {}
    for file in sorted(set(index["weight_map"].values())):
        state |= load_file(folder / file)
    return state | {
        name: state[kept] for name, kept in index["metadata"].get("aliases", {}).items()
    }


def test_four_lines_of_python_load_what_was_saved(tmp_path):
    tensors = model()
    files = saved(tmp_path / "w", tensors, aliases={"lm_head.weight": "embed.weight"})
    assert set(files) == {path.name for path in (tmp_path / "w").iterdir()}
    state = loaded(tmp_path / "w")
    assert torch.equal(state.pop("lm_head.weight"), tensors["embed.weight"])
    assert state.keys() == tensors.keys()
    assert all(torch.equal(state[name], tensors[name]) for name in tensors)


def test_tensors_are_grouped_by_block_with_vectors_apart():
    groups = group_tensors(
        [
            entry("embed.weight", 32_000, 512),
            entry("layers.0.attn.q.weight", 512, 512),
            entry("layers.0.attn.k.weight", 512, 512),
            entry("layers.0.norm.weight", 512),
            entry("layers.1.attn.q.weight", 128, 512),
            entry("layers.2.attn.q.weight", 128, 512),
            entry("conv.body.weight", 512, 1024),
            entry("conv.body.running_mean", 512),
            entry("mask", 4, 4),
            entry("lm_head.weight", 32_000, 1024),
        ],
        buffers=frozenset({"mask"}),
    )
    assert groups == {
        "model-conv.body.safetensors": ["conv.body.weight"],
        "model-embed.safetensors": ["embed.weight"],
        "model-layers.0.safetensors": ["layers.0.attn.k.weight", "layers.0.attn.q.weight"],
        "model-layers.small.safetensors": ["layers.1.attn.q.weight", "layers.2.attn.q.weight"],
        "model-lm_head.weight.safetensors": ["lm_head.weight"],
        "model-vectors.safetensors": ["conv.body.running_mean", "layers.0.norm.weight", "mask"],
    }


def test_a_small_model_is_one_file_and_still_has_an_index(tmp_path):
    tensors = {"a.weight": torch.ones(2, 2), "a.bias": torch.ones(2)}
    assert saved(tmp_path, tensors) == ("model.safetensors", INDEX)
    assert loaded(tmp_path).keys() == tensors.keys()
    assert saved(tmp_path / "empty", {}) == ("model.safetensors", INDEX)


def test_a_new_head_changes_little_and_the_same_model_nothing(tmp_path):
    tensors = model()
    saved(tmp_path / "a", tensors)
    saved(tmp_path / "b", dict(reversed(tensors.items())))
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    changed = {**tensors, "head.weight": torch.randn(10, 640), "head.bias": torch.randn(10)}
    saved(tmp_path / "c", changed)
    before = set(digests(tmp_path / "a").values())
    new = [
        path
        for path in (tmp_path / "c").iterdir()
        if digests(tmp_path / "c")[path.name] not in before
    ]
    total = sum(path.stat().st_size for path in (tmp_path / "c").iterdir())
    assert sum(path.stat().st_size for path in new) < 10 * 640 * 4 + total * 0.01


def test_wrapper_prefixes_change_no_byte(tmp_path):
    tensors = model()
    saved(tmp_path / "plain", tensors)
    wrapped = {f"module._orig_mod.{name}": tensor for name, tensor in tensors.items()}
    saved(tmp_path / "wrapped", wrapped)
    assert digests(tmp_path / "plain") == digests(tmp_path / "wrapped")


def test_module_is_a_wrapper_only_if_every_name_begins_with_it():
    assert strip_wrappers(["module.a", "n_averaged"]) == {
        "module.a": "module.a",
        "n_averaged": "n_averaged",
    }
    assert strip_wrappers(["a._orig_mod.b", "module"]) == {
        "a._orig_mod.b": "a.b",
        "module": "module",
    }
    with pytest.raises(StorageError, match="same name"):
        strip_wrappers(["a._orig_mod.b", "a.b"])


def test_stale_shards_are_removed_and_strange_files_kept(tmp_path):
    saved(tmp_path, model(layers=3))
    (tmp_path / "config.json").write_text("{}")
    saved(tmp_path, model(layers=2))
    names = {path.name for path in tmp_path.iterdir()}
    assert "config.json" in names and "model-layers.2.safetensors" not in names
    assert loaded(tmp_path).keys() == model(layers=2).keys()


def test_a_folder_with_somebody_elses_weights_is_left_alone(tmp_path):
    (tmp_path / "model-best.safetensors").write_bytes(b"precious")
    with pytest.raises(StorageError, match="model-best"):
        saved(tmp_path, model())
    assert [path.name for path in tmp_path.iterdir()] == ["model-best.safetensors"]


def test_a_save_that_was_cut_off_is_made_whole_by_the_next(tmp_path, monkeypatch):
    def full(self, *arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("gitml.outputs.weights_folder._publish", full)
        with pytest.raises(StorageError, match="No space"):
            saved(tmp_path, model(layers=3))
    saved(tmp_path, model(layers=2))
    assert loaded(tmp_path).keys() == model(layers=2).keys()
    assert not (tmp_path / "model-layers.2.safetensors").exists()


def test_hostile_names_stay_inside_the_folder(tmp_path):
    big = torch.zeros(MIB // 4, 2)
    names = [
        "../../evil.weight",
        "a/b.weight",
        "Head.weight",
        "head.weight",
        "x\n\x1b.weight",
        "é.weight",
    ]
    files = saved(tmp_path / "w", dict.fromkeys([*names, "y" * 300 + ".weight"], big))
    assert {path.name for path in (tmp_path / "w").iterdir()} == set(files)
    assert len({file.lower() for file in files}) == 8
    assert loaded(tmp_path / "w").keys() == {*names, "y" * 300 + ".weight"}
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


def test_clashing_names_and_unknown_ties_are_refused(tmp_path):
    one = ("a", "U8", (1,), b"1")
    for tensors, aliases in (([one, one], {}), ([one], {"b": "c"}), ([one], {"a": "a"})):
        with pytest.raises(StorageError):
            write_sharded(tmp_path / "w", tensors, aliases)


parts = st.sampled_from(
    ["layers", "0", "1", "attn", "weight", "vectors", "small", "module", "_orig_mod", "A", "a", ""]
)
shapes = st.lists(st.sampled_from([1, 3, 700, 40_000]), max_size=2).map(tuple)


@given(st.dictionaries(st.lists(parts, min_size=1, max_size=4).map(".".join), shapes, max_size=12))
def test_every_tensor_is_in_exactly_one_file_whatever_the_order(tensors):
    entries = [entry(name, *shape) for name, shape in tensors.items()]
    try:
        groups = group_tensors(entries, large=8 * MIB)
    except StorageError:
        return
    assert sorted(name for names in groups.values() for name in names) == sorted(tensors)
    assert groups == group_tensors(entries[::-1], large=8 * MIB)
    assert all(file.startswith("model") and file.endswith(".safetensors") for file in groups)
    if sum(item.size for item in entries) < SMALL:
        assert list(groups) == ["model.safetensors"]
