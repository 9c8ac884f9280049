"""The tensor manifest: digests of the bytes, and statistics that agree with torch's."""

from __future__ import annotations

import hashlib
import math
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from gitml.errors import RecordError, StorageError
from gitml.outputs import tensor_manifest
from gitml.outputs.tensor_manifest import TensorSummary, manifest, parse, render


def test_statistics_agree_with_torch_over_several_pieces(tmp_path):
    torch.manual_seed(0)
    weights = torch.randn(900, 700) * 0.02 + 3
    save_file({"w": weights}, tmp_path / "m.safetensors")
    (summary,) = manifest([tmp_path / "m.safetensors"])
    assert summary.digest == "sha256:" + hashlib.sha256(weights.numpy().tobytes()).hexdigest()
    exact = weights.double()
    assert summary.norm == pytest.approx(exact.norm().item(), rel=1e-5)
    assert summary.mean == pytest.approx(exact.mean().item(), rel=1e-5)
    assert summary.deviation == pytest.approx(exact.std(correction=0).item(), rel=1e-4)
    assert summary.largest == pytest.approx(exact.abs().max().item(), rel=1e-5)
    assert (summary.shape, summary.dtype, summary.odd) == ((900, 700), "F32", 0)


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.float8_e4m3fn,
        torch.float8_e5m2,
        torch.float8_e4m3fnuz,
        torch.float8_e5m2fnuz,
        torch.float8_e8m0fnu,
    ],
)
def test_every_float_is_decoded_as_torch_does(tmp_path, dtype):
    bits = 8 * dtype.itemsize
    codes = (
        torch.arange(256, dtype=torch.uint8)
        if bits == 8
        else torch.randint(0, 256, (4096,), dtype=torch.uint8)
    )
    tensor = codes.view(dtype)
    save_file({"w": tensor}, tmp_path / "m.safetensors")
    (summary,) = manifest([tmp_path / "m.safetensors"])
    values = tensor.double()
    finite = values[values.isfinite()]
    assert summary.odd == len(values) - len(finite)
    assert summary.largest == pytest.approx(finite.abs().max().item(), rel=1e-5)
    norm = finite.norm().item()
    assert (
        summary.norm is None if math.isinf(norm) else summary.norm == pytest.approx(norm, rel=1e-5)
    )


@pytest.mark.parametrize(
    "dtype", [torch.int64, torch.int8, torch.uint16, torch.bool, torch.complex64]
)
def test_other_elements_have_statistics_too(tmp_path, dtype):
    save_file({"w": torch.tensor([0, 1, 1]).to(dtype)}, tmp_path / "m.safetensors")
    (summary,) = manifest([tmp_path / "m.safetensors"])
    assert summary.norm == pytest.approx(math.sqrt(2), rel=1e-5) and summary.largest == 1
    assert (summary.mean is None) == (dtype == torch.complex64)


def test_a_small_deviation_around_a_large_mean_is_not_lost(tmp_path):
    weights = 1000 + torch.randn(300_000, dtype=torch.float64) * 1e-3
    save_file({"w": weights}, tmp_path / "m.safetensors")
    (summary,) = manifest([tmp_path / "m.safetensors"])
    assert summary.deviation == pytest.approx(weights.std(correction=0).item(), rel=1e-5)


def test_nan_and_infinity_are_counted_and_left_out(tmp_path):
    tensor = torch.tensor([1.0, math.nan, -3.0, math.inf])
    save_file(
        {"a": tensor, "b": torch.full((2,), math.nan), "c": torch.zeros(0)},
        tmp_path / "m.safetensors",
    )
    a, b, c = manifest([tmp_path / "m.safetensors"])
    assert (a.odd, a.mean, a.largest) == (2, -1, 3)
    assert (b.odd, b.mean, b.norm) == (2, None, None)
    assert (c.odd, c.norm) == (0, None)


def test_shards_are_one_manifest_sorted_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_manifest, "_PARALLEL", 0)
    save_file({"b": torch.ones(2), "d": torch.ones(2)}, tmp_path / "1.safetensors")
    save_file({"c": torch.ones(2), "a": torch.ones(2)}, tmp_path / "2.safetensors")
    found = manifest([tmp_path / "1.safetensors", tmp_path / "2.safetensors"])
    assert [summary.name for summary in found] == ["a", "b", "c", "d"]
    save_file({"a": torch.ones(2)}, tmp_path / "3.safetensors")
    with pytest.raises(StorageError, match="both have 'a'"):
        manifest([tmp_path / "2.safetensors", tmp_path / "3.safetensors"])


def test_without_numpy_there_are_digests_only(tmp_path, monkeypatch):
    save_file({"a": torch.ones(2)}, tmp_path / "m.safetensors")
    real = tensor_manifest.importlib.util.find_spec
    monkeypatch.setattr(
        tensor_manifest.importlib.util,
        "find_spec",
        lambda name: None if name == "numpy" else real(name),
    )
    (summary,) = manifest([tmp_path / "m.safetensors"])
    assert summary.digest.startswith("sha256:") and summary.norm is None
    assert render([summary]).count(b"norm") == 0


def test_the_module_itself_needs_no_numpy():
    import subprocess

    code = (
        "import sys, gitml.outputs.tensor_manifest, gitml.outputs.conversion, gitml.outputs.scrape,"
        "gitml.outputs.tensorboard, gitml.outputs.roles, gitml.outputs.metrics\n"
        "slow = {'numpy', 'torch', 'yaml', 'tomllib', 'zipfile', 'safetensors'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


figures = st.none() | st.floats(allow_nan=False, allow_infinity=False)
summaries = st.builds(
    TensorSummary,
    st.text(st.characters(codec="utf-8")),
    st.sampled_from(["F32", "BF16"]),
    st.lists(st.integers(0, 9)).map(tuple),
    st.just("sha256:00"),
    figures,
    figures,
    figures,
    figures,
    st.integers(0, 9),
)


@given(st.lists(summaries, max_size=4, unique_by=lambda summary: summary.name))
def test_a_manifest_survives_being_written_and_read(found):
    data = render(found)
    assert parse(data) == sorted(found, key=lambda summary: summary.name)
    assert render(parse(data)) == data
    assert data.count(b"\n") == len(found)


@pytest.mark.parametrize("data", [b"x", b"{}", b"\xff", b"[" * 9000, b'{"name":1}'])
def test_what_is_no_manifest_is_an_error_with_its_line(data):
    with pytest.raises(RecordError, match="t, line 2"):
        parse(b"\n" + data, "t")
