"""Comparing weights element by element: agrees with torch, in little memory, and fails cleanly."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gitml.errors import NotFoundError, StorageError
from gitml.outputs import tensor_difference
from gitml.outputs.tensor_difference import Difference, differences
from gitml.outputs.tensor_places import places

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
SMALL_FLOATS = [torch.float8_e4m3fn, torch.float8_e5m2]
WHOLE = [torch.int64, torch.int32, torch.int8, torch.uint8, torch.bool]


def compared(tmp_path: Path, one: torch.Tensor, other: torch.Tensor) -> Difference:
    save_file({"w": one}, tmp_path / "a.safetensors")
    save_file({"w": other}, tmp_path / "b.safetensors")
    (found,) = differences(
        [(places([tmp_path / "a.safetensors"])["w"], places([tmp_path / "b.safetensors"])["w"])]
    )
    assert found is not None
    return found


@pytest.mark.parametrize("dtype", [*FLOATS, *SMALL_FLOATS, *WHOLE])
def test_numbers_of_every_type_agree_with_torch(tmp_path, dtype):
    torch.manual_seed(0)
    a = (torch.randn(301, 257) * 3).to(dtype)
    b = (a.double() + torch.randn(301, 257)).to(dtype)
    b[:100] = a[:100]
    found = compared(tmp_path, a, b)
    a, b = a.double(), b.double()
    expected = [tensor.square().sum().item() for tensor in (a, b, b - a)]
    assert found.squares == pytest.approx(expected, rel=1e-6)
    assert found.largest == pytest.approx((b - a).abs().max().item(), rel=1e-6)
    assert found.changed == (a != b).sum().item()
    assert (found.elements, found.odd) == (301 * 257, (0, 0))


@pytest.mark.parametrize("types", [(torch.float32, torch.bfloat16), (torch.float64, torch.int8)])
def test_tensors_of_two_types_are_compared_as_numbers(tmp_path, types):
    torch.manual_seed(0)
    a, b = (torch.randn(70_000).mul(5).to(dtype) for dtype in types)
    found = compared(tmp_path, a, b)
    assert found.squares[2] == pytest.approx((b.double() - a.double()).square().sum().item())
    assert found.changed == (a.double() != b.double()).sum().item()


def test_complex_elements_are_two_numbers(tmp_path):
    a = torch.randn(500, dtype=torch.complex64)
    b = a.clone()
    b[7] += 3j
    found = compared(tmp_path, a, b)
    assert (found.elements, found.changed) == (1000, 1)
    assert found.squares[2] == pytest.approx(9, rel=1e-5)


def test_nan_and_infinity_are_counted_and_left_out(tmp_path):
    a, b = torch.ones(200_000), torch.ones(200_000)
    a[:3], b[2:5], b[100_000] = math.nan, math.nan, -math.inf
    b[150_000] = 1.5
    found = compared(tmp_path, a, b)
    assert found.odd == (3, 4)
    assert found.squares[2] == pytest.approx(0.25) and found.largest == 0.5
    assert found.changed == 2 + 2 + 1 + 1  # NaN in both is no change
    only = compared(tmp_path, torch.full((3,), math.nan), torch.full((3,), math.nan))
    assert only == Difference(3, (0, 0, 0), 0, 0, (3, 3))


@pytest.mark.parametrize("scale", [1e-30, 1e25, 1e-44])
def test_tiny_and_huge_numbers_lose_nothing(tmp_path, scale):
    a = torch.rand(10_000) * scale
    b = a + torch.rand(10_000) * scale
    found = compared(tmp_path, a, b)
    step = (b.double() - a.double()).square().sum().item()
    assert found.squares[2] == pytest.approx(step, rel=1e-6)
    assert found.largest == pytest.approx((b.double() - a.double()).abs().max().item(), rel=1e-6)


def test_a_difference_much_smaller_than_the_tensor_is_exact(tmp_path):
    a = torch.full((300_000,), 3.0)
    b = a.clone()
    b[299_999] = torch.nextafter(b[0], torch.tensor(4.0))
    found = compared(tmp_path, a, b)
    assert found.changed == 1 and found.largest == pytest.approx(2.0**-22)
    assert math.sqrt(found.squares[2]) == pytest.approx(2.0**-22)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (65_536,), (65_537,)])
def test_scalars_empty_tensors_and_whole_pieces(tmp_path, shape):
    a = torch.full(shape, 2.0)
    found = compared(tmp_path, a, a + 1)
    assert found.elements == found.changed == math.prod(shape)
    assert found.squares == pytest.approx([4 * a.numel(), 9 * a.numel(), a.numel()])


def test_one_file_and_shards_are_compared_tensor_by_tensor(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_difference, "_AT_ONCE", 1 << 16)
    monkeypatch.setattr(tensor_difference, "_OPEN", 2)
    torch.manual_seed(0)
    one = {f"layers.{i}.w": torch.randn(100, 200 + i) for i in range(9)}
    other = {name: tensor + 0.1 for name, tensor in one.items()}
    save_file(one, tmp_path / "whole.safetensors")
    shards = []
    for number, (name, tensor) in enumerate(reversed(other.items())):
        shards.append(tmp_path / f"{number}.safetensors")
        save_file({name: tensor}, shards[-1])
    ours, theirs = places([tmp_path / "whole.safetensors"]), places(shards)
    seen = []
    found = differences(
        [(ours[name], theirs[name]) for name in reversed(one)],
        lambda done, total: seen.append((done, total)),
    )
    for name, difference in zip(reversed(one), found, strict=True):
        assert difference is not None
        assert difference.elements == one[name].numel()
        assert math.sqrt(difference.squares[2]) == pytest.approx(
            0.1 * one[name].numel() ** 0.5, rel=1e-4
        )
    total = 8 * sum(tensor.numel() for tensor in one.values())
    assert seen[-1] == (total, total) and [done for done, _ in seen] == sorted(
        done for done, _ in seen
    )


def test_types_that_are_not_decoded_are_none(tmp_path):
    header = json.dumps({"w": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}).encode()
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(len(header).to_bytes(8, "little") + header + b"ab")
    found = places([tmp_path / "a"])["w"], places([tmp_path / "b"])["w"]
    assert differences([found]) == [None]
    assert differences([]) == []


def test_tensors_at_odd_offsets_are_read(tmp_path):
    # Allowed by the format, though the library aligns what it writes.
    header = json.dumps(
        {
            "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
            "w": {"dtype": "F32", "shape": [50_000], "data_offsets": [1, 200_001]},
        }
    ).encode()
    numbers = torch.randn(50_000)
    data = len(header).to_bytes(8, "little") + header + b"\1" + numbers.numpy().tobytes()
    (tmp_path / "a").write_bytes(data)
    save_file({"w": numbers * 2}, tmp_path / "b")
    (found,) = differences([(places([tmp_path / "a"])["w"], places([tmp_path / "b"])["w"])])
    assert found is not None
    assert found.squares[2] == pytest.approx(numbers.double().square().sum().item(), rel=1e-6)


def test_a_file_that_shrinks_or_vanishes_while_it_is_read_is_an_error(tmp_path):
    names = [f"t{i}" for i in range(4)]
    for file in ("a", "b"):
        save_file({name: torch.ones(9_000_000) for name in names}, tmp_path / file)
    ours, theirs = places([tmp_path / "a"]), places([tmp_path / "b"])

    def shrink(done: int, total: int) -> None:
        with (tmp_path / "b").open("r+b") as file:
            file.truncate(1000)

    with pytest.raises(StorageError, match="b became shorter while it was read") as caught:
        differences([(ours[name], theirs[name]) for name in names], shrink)
    assert caught.value.hint
    (tmp_path / "a").unlink()
    with pytest.raises(StorageError, match="a can't be read: No such file"):
        differences([(ours["t0"], theirs["t0"])])


def test_hostile_files_are_refused_before_anything_is_read(tmp_path):
    (tmp_path / "huge").write_bytes((1 << 60).to_bytes(8, "little") + b"{}")
    (tmp_path / "text").write_text("hello, this is no model")
    for name in ("huge", "text"):
        with pytest.raises(StorageError, match="no sound safetensors file"):
            places([tmp_path / name])
    with pytest.raises(NotFoundError):
        places([tmp_path / "gone"])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_bounded_however_large_the_files_are(tmp_path):
    # 200 MB each, more than the whole process may use.
    for name in ("a", "b"):
        save_file({f"t{i}": torch.rand(5_000_000) for i in range(10)}, tmp_path / name)
    code = (
        "import sys; from pathlib import Path\n"
        "from gitml.outputs.tensor_difference import differences\n"
        "from gitml.outputs.tensor_places import places\n"
        "a, b = (places([Path(name)]) for name in sys.argv[1:])\n"
        "assert all(d.changed > 4_999_000 for d in differences([(a[n], b[n]) for n in a]))\n"
        # What getrusage says counts the memory of the process that started this one.
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    argv = [sys.executable, "-c", code, str(tmp_path / "a"), str(tmp_path / "b")]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 130e6
