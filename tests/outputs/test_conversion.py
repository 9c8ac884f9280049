"""Pickles of tensors become safetensors; nothing else does, and nothing is unpickled here."""

from __future__ import annotations

import collections
import json
import os
import pickle
import stat
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gitml.errors import StorageError
from gitml.outputs import conversion, torch_tensors
from gitml.outputs.conversion import Converter, convert, inspect_pickle
from gitml.outputs.sharding import INDEX


class Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(300, 700)
        self.layers = torch.nn.Sequential(torch.nn.Linear(700, 500), torch.nn.BatchNorm1d(500))
        self.head = torch.nn.Linear(700, 300, bias=False)
        self.head.weight = self.embed.weight


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("it-ran",))


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network()


def loaded(folder: Path) -> dict[str, torch.Tensor]:
    index = json.loads((folder / INDEX).read_text())
    state = {}
    for file in sorted(set(index["weight_map"].values())):
        state |= load_file(folder / file)
    return state | {
        name: state[kept] for name, kept in index["metadata"].get("aliases", {}).items()
    }


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_is_converted_and_loads_strictly(tmp_path, network, zipped):
    torch.save(network.state_dict(), tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    outcome = convert(tmp_path / "m.pt", tmp_path / "a" / "weights")
    assert outcome.converted and not outcome.unsafe and outcome.reason == ""
    assert outcome.aliases == {"head.weight": "embed.weight"}
    other = Network()
    other.load_state_dict(loaded(tmp_path / "a" / "weights"), strict=True)
    for one, two in zip(network.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(one, two)
    assert {*outcome.files, INDEX} == {path.name for path in (tmp_path / "a" / "weights").iterdir()}


def test_wrapped_and_prefixed_weights_are_the_same_bytes(tmp_path, network):
    state = network.state_dict()
    torch.save(state, tmp_path / "a.pt")
    torch.save(
        {"state_dict": {f"module.{name}": t for name, t in state.items()}}, tmp_path / "b.pt"
    )
    one = convert(tmp_path / "a.pt", tmp_path / "a")
    two = convert(tmp_path / "b.pt", tmp_path / "b")
    assert two.key == "state_dict"
    assert one.files == two.files
    for file in (*one.files, INDEX):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_every_kind_of_tensor_keeps_its_value(tmp_path):
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    state = collections.OrderedDict(
        transposed=base.t(),
        strided=base[:, ::2],
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        half=base.half(),
        brain=base.bfloat16(),
        eight=base.to(torch.float8_e4m3fn),
        flag=base > 3,
        long=base.long(),
        complex=torch.complex(base, base).conj(),
        parameter=torch.nn.Parameter(base),
        row=base[1],
    )
    torch.save({"generator": {"a": base}, "critic": state}, tmp_path / "m.pth")
    outcome = convert(tmp_path / "m.pth", tmp_path / "w")
    assert outcome.converted, outcome.reason
    found = loaded(tmp_path / "w")
    assert found.keys() == {"generator.a", *(f"critic.{name}" for name in state)}
    for name, tensor in state.items():
        other = found[f"critic.{name}"]
        assert other.dtype == tensor.dtype and other.shape == tensor.shape
        assert torch.equal(
            other.float() if name == "eight" else other,
            tensor.float() if name == "eight" else tensor.resolve_conj(),
        )


def test_the_weights_of_a_training_state_are_taken_out_and_the_rest_is_named(tmp_path):
    content = {"model": {"a": torch.ones(2)}, "optimizer": {"lr": 0.1}, "it\n\x1b[31m": 3}
    torch.save(content, tmp_path / "c.pt")
    outcome = convert(tmp_path / "c.pt", tmp_path / "w")
    assert (outcome.converted, outcome.key, outcome.unsafe) == (True, "model", False)
    assert outcome.rest == ("optimizer", r"it\n\x1b[31m")
    assert loaded(tmp_path / "w").keys() == {"a"}


def test_a_checkpoint_in_the_form_of_lightning_gives_its_weights(tmp_path, network):
    state = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    content = {
        "epoch": 3,
        "global_step": 1200,
        "pytorch-lightning_version": "2.6.0",
        "state_dict": state,
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}}}},
        "callbacks": {"ModelCheckpoint{}": {"best_model_score": torch.tensor(0.5)}},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": []}],
        "lr_schedulers": [],
        "hyper_parameters": {"lr": 0.1},
    }
    torch.save(content, tmp_path / "epoch=3.ckpt")
    outcome = convert(tmp_path / "epoch=3.ckpt", tmp_path / "w")
    assert (outcome.converted, outcome.key) == (True, "state_dict")
    assert "optimizer_states" in outcome.rest and "state_dict" not in outcome.rest
    found = loaded(tmp_path / "w")
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_a_training_state_without_a_known_model_stays_a_checkpoint_that_is_safe(tmp_path):
    content = {"actor": {"a": torch.ones(2)}, "optimizer": {"lr": 0.1}, "it\n\x1b[31m": 3}
    torch.save(content, tmp_path / "c.pt")
    outcome = convert(tmp_path / "c.pt", tmp_path / "w")
    assert (outcome.converted, outcome.kind, outcome.unsafe) == (False, "more", False)
    assert outcome.reason == r"it holds more than tensors (optimizer, it\n\x1b[31m)"
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({}, "no tensors"),
        ({"model": {}}, "more than tensors"),
        ([torch.ones(2)], "list"),
        (torch.ones(2), "single tensor"),
        ({1: torch.ones(2)}, "no text"),
        ({"model": {"a": torch.ones(2)}, "a": torch.ones(2)}, "same name"),
        ({"a": torch.ones(2).to_sparse()}, "sparse"),
        ({"a": torch.ones(2, device="meta")}, "without data"),
        ({"a": torch.ones(2, dtype=torch.complex128)}, "complex128"),
    ],
)
def test_what_safetensors_cannot_hold_is_named(content, part):
    with pytest.raises(torch_tensors.Kept, match=part) as caught:
        torch_tensors.describe(torch_tensors.tensors_in(content)[0], 1000)
    assert caught.value.kind == "more"


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "weights", "module"])
def test_a_state_dict_alone_under_a_usual_key_is_unwrapped(key):
    held = {key: {"a": torch.ones(2)}, "step": torch.ones(1)}
    tensors, found, rest = torch_tensors.tensors_in(held)
    assert (tensors.keys(), found, rest) == ({"a", "step"}, key, [])


def test_code_in_a_pickle_never_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.ones(2), "b": Evil()}, tmp_path / "evil.pt")
    torch.save({"b": Evil()}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil()))
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    for name in ("evil.pt", "old.pt", "evil.pkl"):
        outcome = convert(tmp_path / name, tmp_path / "w")
        assert (outcome.converted, outcome.kind, outcome.unsafe) == (False, "refused", True)
        assert "weights_only" not in outcome.reason
    assert not (tmp_path / "it-ran").exists() and not (tmp_path / "w").exists()


def test_a_whole_module_is_refused_with_the_name_of_its_class(tmp_path, network):
    torch.save(network.layers, tmp_path / "m.pt")
    outcome = convert(tmp_path / "m.pt", tmp_path / "w")
    assert outcome.unsafe and "Sequential" in outcome.reason


def test_what_stands_for_far_more_memory_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1).expand(10**12)}, tmp_path / "stride.pt")
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "zip.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for item in plain.infolist():
            packed.writestr(item.filename, plain.read(item))
    for name, part in (("stride.pt", "larger than the file"), ("zip.pt", "compressed")):
        outcome = convert(tmp_path / name, tmp_path / "w")
        assert not outcome.converted and part in outcome.reason


def test_damaged_files_are_said_to_be_unreadable(tmp_path):
    torch.save({"a": torch.ones(1000)}, tmp_path / "m.pt")
    whole = (tmp_path / "m.pt").read_bytes()
    (tmp_path / "torn.pt").write_bytes(whole[: len(whole) // 2])
    outcome = convert(tmp_path / "torn.pt", tmp_path / "w")
    assert (outcome.converted, outcome.kind) == (False, "unreadable")


def test_the_first_bytes_say_what_a_file_is(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "zip.pt")
    torch.save({"a": torch.ones(1)}, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    (tmp_path / "p.pkl").write_bytes(pickle.dumps([1]))
    (tmp_path / "ancient.pkl").write_bytes(pickle.dumps([1], protocol=0))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "numbers.npy", np.ones(3))
    np.savez(tmp_path / "numbers.npz", np.ones(3))
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "empty.pkl").touch()
    kinds = {path.name: inspect_pickle(path) for path in tmp_path.iterdir()}
    assert kinds == {
        "zip.pt": "torch",
        "old.bin": "torch-legacy",
        "p.pkl": "pickle",
        "ancient.pkl": "pickle",
        "objects.npy": "pickle",
        "numbers.npy": "",
        "numbers.npz": "",
        "text.pt": "",
        "empty.pkl": "",
    }


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("raise SystemExit(3)", "status 3"),
        ("print('nonsense')", "no sound answer"),
        ("print('[' * 100_000)", "no sound answer"),
        ("import time; time.sleep(60)", "longer than"),
        ('print(\'{"kind": "torch", "reason": "none \\\\u001b[31m here"}\')', "none [31m here"),
        ('print(\'{"kind": "tensors"}\')', "no sound names"),
        (
            'print(\'{"kind":"tensors","tensors":[["a","F32",[1],7]],"aliases":{}}\')',
            "fit its shape",
        ),
        ('print(\'{"kind":"tensors","tensors":[["a","F32",[-1],-4]],"aliases":{}}\')', ""),
        (
            'print(\'{"kind":"tensors","tensors":[["a","U8",[1],1]],"aliases":{}}\')',
            "no sound answer",
        ),
    ],
)
def test_a_process_that_misbehaves_leaves_the_pickle_as_it_is(tmp_path, monkeypatch, text, part):
    torch.save({"a": torch.ones(1)}, tmp_path / "m.pt")
    monkeypatch.setattr(conversion.importlib.util, "find_spec", lambda name: None)
    outcome = convert(
        tmp_path / "m.pt", tmp_path / "w", program(tmp_path / "python", text), timeout=1
    )
    assert not outcome.converted and part in outcome.reason
    assert not (tmp_path / "w").exists()


def test_without_a_suitable_torch_the_reason_says_so(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(1)}, tmp_path / "m.pt")
    monkeypatch.setattr(conversion.importlib.util, "find_spec", lambda name: None)
    assert "torch 2.10" in convert(tmp_path / "m.pt", tmp_path / "w").reason
    assert "started" in convert(tmp_path / "m.pt", tmp_path / "w", tmp_path / "none").reason


def test_the_interpreter_of_the_run_is_used_when_gitml_has_no_torch(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(1)}, tmp_path / "m.pt")
    monkeypatch.setattr(conversion.importlib.util, "find_spec", lambda name: None)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    assert convert(tmp_path / "m.pt", tmp_path / "w", python).converted


def test_one_process_serves_many_files_and_is_replaced_when_it_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(conversion.importlib.util, "find_spec", lambda name: None)
    started = tmp_path / "started"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho one >> {started}\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for name in ("a", "b", "c"):
        torch.save({name: torch.ones(2)}, tmp_path / f"{name}.pt")
    torch.save({"epoch": 1}, tmp_path / "more.pt")
    torch.save(torch.nn.Linear(1, 1), tmp_path / "refused.pt")
    (tmp_path / "torn.pt").write_bytes((tmp_path / "a.pt").read_bytes()[:300])
    with Converter(python) as converter:
        for name in ("a", "more", "refused", "b", "torn", "c"):
            outcome = converter.convert(tmp_path / f"{name}.pt", tmp_path / f"{name}.weights")
            assert outcome.converted == (len(name) == 1), name
    for name in ("a", "b", "c"):
        assert torch.equal(loaded(tmp_path / f"{name}.weights")[name], torch.ones(2))
    assert started.read_text().split() == ["one", "one"]


def test_a_full_disk_is_an_error_and_not_a_reason(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(1000)}, tmp_path / "m.pt")
    target = tmp_path / "file"
    target.write_text("not a folder")
    with pytest.raises(StorageError):
        convert(tmp_path / "m.pt", target)
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(StorageError, match="written"):
            convert(tmp_path / "m.pt", tmp_path / "w")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / "w").exists()
