"""What changed between two models, from their manifests and from the weights themselves."""

from __future__ import annotations

import math
import subprocess
import sys
import time

import pytest
import torch

from gitml.comparison.weights import compare_weights
from gitml.outputs.tensor_manifest import TensorSummary, parse, render
from tests.comparison.models import estimated, exactly, summaries


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    torch.manual_seed(0)


def network(seed: int = 0, blocks: int = 3) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random) * 0.05

    tensors = {"stem.weight": draw(64, 3, 7, 7)}
    for block in range(blocks):
        tensors |= {
            f"layers.{block}.conv.weight": draw(64, 64, 3, 3),
            f"layers.{block}.norm.weight": torch.ones(64),
            f"layers.{block}.norm.running_var": torch.rand(64, generator=random) * 50,
            f"layers.{block}.norm.num_batches_tracked": torch.tensor(100),
        }
    return tensors | {"head.weight": draw(10, 640), "head.bias": torch.zeros(10)}


def stepped(tensors: dict[str, torch.Tensor], names: str, share: float) -> dict[str, torch.Tensor]:
    """Return the model with a step of a share of their size in some tensors."""
    random = torch.Generator().manual_seed(99)
    changed = dict(tensors)
    for name, tensor in tensors.items():
        if names in name:
            step = torch.randn(tensor.shape, generator=random)
            changed[name] = tensor + step * (share * tensor.norm() / step.norm())
    return changed


@pytest.mark.parametrize("compare", [estimated, exactly])
def test_what_was_added_removed_reshaped_retyped_changed_and_kept_is_told(compare):
    one = network()
    other = stepped(one, "layers.1.conv", 0.1)
    other["head.weight"] = torch.randn(5, 640)
    other["layers.2.conv.weight"] = one["layers.2.conv.weight"].half()
    other["new.weight"] = torch.randn(4, 4)
    del other["head.bias"]
    found = compare(one, other)
    assert {tensor.name: tensor.change for tensor in found.tensors} == {
        "layers.1.conv.weight": "changed",
        "head.weight": "reshaped",
        "layers.2.conv.weight": "retyped",
        "new.weight": "added",
        "head.bias": "removed",
    }
    assert found.counts == {
        "added": 1,
        "removed": 1,
        "reshaped": 1,
        "retyped": 1,
        "changed": 1,
        "same": 11,
    }
    assert found.kinship == "related" and found.exact == (compare is exactly)
    by_name = {tensor.name: tensor for tensor in found.tensors}
    assert by_name["head.weight"].shapes == ((10, 640), (5, 640))
    assert by_name["head.weight"].relative is None
    assert by_name["layers.2.conv.weight"].dtypes == ("F32", "F16")
    assert 0 < by_name["layers.2.conv.weight"].relative < 1e-3
    assert by_name["new.weight"].shapes == (None, (4, 4))
    total = sum(tensor.numel() for tensor in one.values())
    assert found.parameters == (total, total - 3200 - 10 + 16)
    assert found.sizes[0] == 4 * (total - 3) + 3 * 8


def test_estimates_are_close_to_what_the_weights_say():
    one = network()
    other = stepped(stepped(one, "layers.0.conv", 0.3), "head", 0.02)
    other = stepped(other, "layers.2.conv", 1e-4)
    rough, exact = estimated(one, other), exactly(one, other)
    for compared in (rough, exact):
        assert [block.name for block in compared.blocks] == ["layers.0", "head", "layers.2"]
    for guess, truth in zip(rough.blocks, exact.blocks, strict=True):
        assert guess.relative == pytest.approx(truth.relative, rel=0.25)
        assert guess.cosine == pytest.approx(truth.cosine, abs=0.02)
        assert (guess.largest, guess.norms) == (None, truth.norms)
        assert truth.largest > 0
    norm = one["layers.0.norm.weight"].norm().item()
    conv = one["layers.0.conv.weight"].norm().item()
    assert exact.blocks[0].relative == pytest.approx(0.3 * conv / math.hypot(conv, norm), rel=1e-4)
    (tensor,) = [tensor for tensor in exact.tensors if tensor.name == "layers.0.conv.weight"]
    assert tensor.relative == pytest.approx(0.3, rel=1e-5) and tensor.share > 0.99
    cosine = torch.cosine_similarity(one[tensor.name].ravel(), other[tensor.name].ravel(), 0)
    assert tensor.cosine == pytest.approx(cosine.item(), abs=1e-5)


def test_running_statistics_dont_hide_what_training_changed():
    one = network()
    other = stepped(one, "layers.0.conv", 0.01)
    other["layers.0.norm.running_var"] = one["layers.0.norm.running_var"] * 2
    other["layers.0.norm.num_batches_tracked"] = torch.tensor(900)
    found = exactly(one, other)
    (block,) = found.blocks
    assert block.relative < 0.01 and block.changed == 3 and block.tensors == 4
    assert block.statistics == 2 and block.largest < 1
    counters = [tensor.name for tensor in found.tensors if tensor.statistic]
    assert counters == ["layers.0.norm.num_batches_tracked", "layers.0.norm.running_var"]


def test_the_same_weights_are_the_same():
    found = estimated(network(), network())
    assert (found.kinship, found.tensors, found.blocks, found.notes) == ("same", (), (), ())
    assert found.counts == {"same": 15}


def test_of_models_that_were_initialised_apart_no_change_is_claimed():
    for compare in (estimated, exactly):
        found = compare(network(0), network(1))
        assert found.kinship == "independent"
        assert all(item.relative is None is item.cosine for item in (*found.blocks, *found.tensors))
        assert any("initialised independently" in note for note in found.notes)
        assert found.counts["changed"] == 8


def test_nan_and_infinity_are_named():
    one, other = network(), stepped(network(), "layers.0.conv", 0.1)
    one["stem.weight"][0, 0, 0, 0] = math.inf  # in both
    other["stem.weight"][0, 0, 0, 0] = math.inf
    other["layers.0.conv.weight"][0, :2] = math.nan
    other["head.bias"] = torch.full((10,), math.nan)
    for compare in (estimated, exactly):
        found = compare(one, other)
        assert found.notes == (
            "the first has NaN or infinite numbers in 1 tensor: stem.weight (1 of 9,408).",
            "the second has NaN or infinite numbers in 3 tensors: head.bias (10 of 10), "
            "layers.0.conv.weight (18 of 36,864), stem.weight (1 of 9,408).",
        )
        odd = {tensor.name: tensor.odd for tensor in found.tensors}
        assert odd == {"layers.0.conv.weight": (0, 18), "head.bias": (0, 10)}
        assert {block.name: block.odd for block in found.blocks}["layers.0"] == (0, 18)
    # What is finite in both can still be compared, but only by reading it.
    by_name = {tensor.name: tensor for tensor in found.tensors}
    assert by_name["layers.0.conv.weight"].relative == pytest.approx(0.1, rel=0.01)
    assert estimated(one, other).tensors[1].relative is None


def test_manifests_from_before_sketches_give_norms_and_no_changes():
    def old(tensors: dict[str, torch.Tensor]) -> list[TensorSummary]:
        import msgspec

        return [msgspec.structs.replace(one, sketch="") for one in summaries(tensors)]

    one, other = network(), stepped(network(), "layers.0.conv", 0.1)
    found = compare_weights(old(one), old(other))
    (tensor,) = found.tensors
    assert tensor.relative is None is tensor.cosine and None not in tensor.norms
    assert found.kinship == "related"  # the other matrices are the same
    assert compare_weights(old(network(0)), old(network(1))).kinship == "unknown"
    mixed = compare_weights(old(one), summaries(other))
    assert mixed.tensors[0].relative is None


def test_manifests_without_numbers_tell_what_differs():
    bare = [
        TensorSummary(one.name, one.dtype, one.shape, one.digest) for one in summaries(network())
    ]
    other = [
        TensorSummary(one.name, one.dtype, one.shape, one.digest)
        for one in summaries(stepped(network(), "head", 0.1))
    ]
    found = compare_weights(bare, other)
    assert found.counts == {"changed": 1, "same": 14} and found.kinship == "unknown"


def test_empty_scalar_and_zero_tensors_are_compared():
    one = {"e": torch.zeros(0, 3), "s": torch.tensor(2.0), "z": torch.zeros(50, 50)}
    other = {"e": torch.zeros(0, 3), "s": torch.tensor(3.0), "z": torch.rand(50, 50)}
    for compare in (estimated, exactly):
        found = compare(one, other)
        s, z = found.tensors
        assert (s.relative, s.cosine) == pytest.approx((0.5, 1.0))
        assert (z.relative, z.cosine) == (None, None)
        back = compare(other, one).tensors[1]
        assert back.relative == pytest.approx(1, rel=0.2) and back.cosine is None
    assert compare_weights([], []).counts == {}


def test_integers_of_a_quantised_model_arent_compared_with_floats():
    one = {"w": torch.randn(100, 100)}
    other = {"w": (one["w"] * 30).to(torch.int8), "w.scale": torch.tensor(1 / 30)}
    for compare in (estimated, exactly):
        found = compare(one, other)
        change = {tensor.name: tensor for tensor in found.tensors}["w"]
        assert (change.change, change.relative, change.cosine) == ("retyped", None, None)


def test_tied_tensors_are_not_taken_for_another_architecture_silently():
    weight = torch.randn(40, 20)
    one = {"embedding.weight": weight, "head.weight": weight.clone(), "body.weight": weight[:9] + 1}
    other = {"embedding.weight": weight, "body.weight": weight[:9] + 1}
    assert estimated(one, other).notes == (
        "head.weight is removed, and holds the same numbers as embedding.weight: the two are tied.",
    )
    assert "head.weight is added" in estimated(other, one).notes[0]


@pytest.mark.parametrize(
    "line",
    [
        b'{"name":"w","dtype":"F32","shape":[64,64],"digest":"x","norm":1e300,"mean":0,'
        b'"deviation":1e300,"sketch":"AAAA"}',
        b'{"name":"w","dtype":"??","shape":[-4,99999999999999999999],"digest":"y","norm":-1.0}',
        b'{"name":"w","dtype":"F32","shape":[0,0],"digest":"","norm":0,"mean":1,"deviation":2}',
    ],
)
def test_hostile_manifests_do_no_harm(line):
    sound = summaries({"w": torch.randn(64, 64)})
    for pair in ((parse(line), sound), (sound, parse(line)), (parse(line), parse(line))):
        found = compare_weights(*pair)
        assert found.kinship in ("unknown", "same", "related")
        for tensor in found.tensors:
            assert tensor.relative is None or math.isfinite(tensor.relative)


def test_thousands_of_tensors_are_compared_at_once():
    (one,), (other,) = (summaries({"w": torch.randn(99, 99)}) for _ in range(2))
    import msgspec

    first, second = (
        [msgspec.structs.replace(tensor, name=f"{prefix}l.{i}.w") for i in range(4000)]
        for prefix, tensor in (("", one), ("model.", other))
    )
    started = time.perf_counter()
    found = compare_weights(first, second)
    assert found.kinship == "independent" and len(found.blocks) == 4000
    assert "4,000 tensors have another name: l.0.w is model.l.0.w now." in found.notes
    assert time.perf_counter() - started < 5


def test_comparing_manifests_imports_neither_numpy_nor_torch():
    code = (
        "import sys, gitml.operations.compare_weights, gitml.views.weights\n"
        "from gitml.comparison.weights import compare_weights\n"
        "from gitml.outputs.tensor_manifest import parse\n"
        "one, other = (parse(line.encode()) for line in sys.argv[1:])\n"
        "assert compare_weights(one, other).kinship == 'independent'\n"
        "print(sorted({'numpy', 'torch', 'click', 'dvc_data'} & set(sys.modules)))"
    )
    lines = [render(summaries(network(seed))).decode() for seed in (0, 1)]
    done = subprocess.run(
        [sys.executable, "-c", code, *lines], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
