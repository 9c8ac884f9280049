"""The safetensors format: byte for byte the library's, and strict with what others wrote."""

from __future__ import annotations

import json
import resource
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save

from gitml.errors import NotFoundError, StorageError
from gitml.outputs.safetensors_file import read_header
from gitml.outputs.tensor_layout import BITS, TensorEntry, lay_out, render_header, tensor_size

TORCH = {
    "U64": torch.uint64,
    "I64": torch.int64,
    "F64": torch.float64,
    "C64": torch.complex64,
    "F32": torch.float32,
    "U32": torch.uint32,
    "I32": torch.int32,
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "U16": torch.uint16,
    "I16": torch.int16,
    "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E8M0": torch.float8_e8m0fnu,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}

names = st.text(st.characters(codec="utf-8"), max_size=10).filter(
    lambda name: name != "__metadata__"
)
kinds = st.tuples(st.sampled_from(sorted(TORCH)), st.lists(st.integers(0, 3), max_size=3))


def raw(dtype: str, shape: list[int]) -> bytes:
    return bytes(index % 2 for index in range(tensor_size(dtype, shape)))


def as_torch(dtype: str, shape: list[int]) -> torch.Tensor:
    data = bytearray(raw(dtype, shape))
    if not data:
        return torch.zeros(shape, dtype=TORCH[dtype])
    return torch.frombuffer(data, dtype=torch.uint8).view(TORCH[dtype]).reshape(shape)


def written(
    tensors: dict[str, tuple[str, list[int], bytes]], metadata: dict | None = None
) -> bytes:
    """Return a file of tensors, given as name → element type, shape and bytes."""
    ordered = lay_out(
        TensorEntry(name, dtype, tuple(shape), 0, len(data))
        for name, (dtype, shape, data) in tensors.items()
    )
    return render_header(ordered, metadata) + b"".join(tensors[one.name][2] for one in ordered)


@given(st.dictionaries(names, kinds, max_size=8), st.sampled_from([None, {}, {"format": "np"}]))
def test_what_is_written_is_what_the_library_writes(tmp_path_factory, tensors, metadata):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(
        written({name: (*kind, raw(*kind)) for name, kind in tensors.items()}, metadata)
    )
    expected = save(
        {name: as_torch(*kind) for name, kind in reversed(tensors.items())},
        {"format": "pt"} if metadata is None else metadata or None,
    )
    assert path.read_bytes() == expected
    header = read_header(path)
    assert {entry.name: (entry.dtype, list(entry.shape)) for entry in header.tensors} == tensors
    assert header.metadata == ({"format": "pt"} if metadata is None else metadata)


def test_every_element_type_is_laid_out_as_the_library_does(tmp_path):
    path = tmp_path / "all.safetensors"
    path.write_bytes(written({dtype: (dtype, [2], raw(dtype, [2])) for dtype in TORCH}))
    assert path.read_bytes() == save({d: as_torch(d, [2]) for d in TORCH}, {"format": "pt"})
    assert [entry.dtype for entry in read_header(path).tensors] == [d for d in BITS if d in TORCH]


def test_tensors_are_where_the_header_says(tmp_path):
    path = tmp_path / "model.safetensors"
    weights = torch.randn(3, 4)
    path.write_bytes(written({"w": ("F32", [3, 4], weights.numpy().tobytes())}))
    header = read_header(path)
    entry = header.tensors[0]
    data = path.read_bytes()[header.offset + entry.start : header.offset + entry.end]
    assert data == weights.numpy().tobytes()
    assert torch.equal(load_file(path)["w"], weights)


@pytest.mark.parametrize(
    ("name", "dtype", "data"),
    [
        ("a", "F32", b"123"),
        ("a", "Q7", b"1"),
        ("a", "F4", b"1"),
        ("\ud800", "U8", b"1"),
        ("__metadata__", "U8", b"1"),
    ],
    ids=range(5),
)
def test_what_the_format_has_no_place_for_is_refused(name, dtype, data):
    with pytest.raises(StorageError):
        written({name: (dtype, [1], data)})


def file_with(
    folder: Path, header: bytes | dict, data: bytes = b"", length: int | None = None
) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "hostile.safetensors"
    size = len(text) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + text + data)
    return path


def tensor(start: int, end: int, dtype: str = "U8", shape: list | None = None) -> dict:
    return {
        "dtype": dtype,
        "shape": [end - start] if shape is None else shape,
        "data_offsets": [start, end],
    }


HOSTILE: dict[str, tuple] = {
    "empty header": (b"", b""),
    "no JSON": (b"{nonsense", b""),
    "a list": (b"[]", b""),
    "leading space": (b" {}", b""),
    "text that is no UTF-8": (b'{"\xff": 1}', b""),
    "deep": (b'{"a":' * 50_000, b""),
    "header longer than the file": (b"{}", b"", 1000),
    "header of exabytes": (b"{}", b"", 1 << 62),
    "header above the limit": (b"{}", b"", (10 << 20) + 1),
    "duplicate names": (b'{"a":%b,"a":%b}' % ((json.dumps(tensor(0, 1)).encode(),) * 2), b"1"),
    "duplicate fields": (
        b'{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}',
        b"1",
    ),
    "unknown type": ({"a": tensor(0, 1, "Q7")}, b"1"),
    "type that is no text": ({"a": {**tensor(0, 1), "dtype": ["U8"]}}, b"1"),
    "unknown field": ({"a": {**tensor(0, 1), "x": 1}}, b"1"),
    "missing field": ({"a": {"dtype": "U8", "shape": [1]}}, b"1"),
    "entry that is no object": ({"a": 1}, b"1"),
    "hole": ({"a": tensor(1, 2)}, b"12"),
    "hole between": ({"a": tensor(0, 1), "b": tensor(2, 3)}, b"123"),
    "overlap": ({"a": tensor(0, 2), "b": tensor(1, 3)}, b"123"),
    "same bytes twice": ({"a": tensor(0, 1), "b": tensor(0, 1)}, b"1"),
    "trailing bytes": ({"a": tensor(0, 1)}, b"12"),
    "truncated data": ({"a": tensor(0, 2)}, b"1"),
    "backwards": ({"a": {**tensor(0, 1), "data_offsets": [1, 0]}}, b"1"),
    "negative": ({"a": {**tensor(0, 1), "data_offsets": [-1, 0]}}, b"1"),
    "negative shape": ({"a": tensor(0, 1, shape=[-1, -1])}, b"1"),
    "float shape": ({"a": tensor(0, 1, shape=[1.0])}, b"1"),
    "boolean shape": ({"a": tensor(0, 1, shape=[True])}, b"1"),
    "shape beyond memory": ({"a": tensor(0, 1, shape=[2**62, 2**62])}, b"1"),
    "many dimensions": ({"a": tensor(0, 1, shape=[1] * 100)}, b"1"),
    "shape of a wrong size": ({"a": tensor(0, 1, "F32", [1])}, b"1"),
    "half a byte": ({"a": tensor(0, 1, "F4", [1])}, b"1"),
    "NaN": (b'{"a":NaN}', b""),
    "5,000 digits": (
        b'{"a":{"dtype":"U8","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,0]}}',
        b"",
    ),
    "metadata that is no text": ({"__metadata__": {"a": 1}}, b""),
    "metadata that is no object": ({"__metadata__": "a"}, b""),
    "half a surrogate pair": (rb'{"\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}', b""),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_by_name(tmp_path, what):
    header, data, *length = HOSTILE[what]
    path = file_with(tmp_path, header, data, *length)
    with pytest.raises(StorageError, match=r"hostile\.safetensors is no sound"):
        read_header(path)


def test_short_and_missing_files_are_errors(tmp_path):
    (tmp_path / "short").write_bytes(b"123")
    with pytest.raises(StorageError, match="short"):
        read_header(tmp_path / "short")
    with pytest.raises(NotFoundError):
        read_header(tmp_path / "none")
    with pytest.raises(StorageError):
        read_header(tmp_path)


def test_a_header_full_of_empty_tensors_is_refused_quickly(tmp_path):
    one = json.dumps(tensor(0, 0))
    text = "{" + ",".join(f'"{number}":{one}' for number in range(120_000)) + "}"
    path = file_with(tmp_path, text.encode())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with pytest.raises(StorageError, match="more than 100,000"):
        read_header(path)
    assert time.monotonic() - began < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    assert len(read_header(path, max_tensors=200_000).tensors) == 120_000


def test_names_that_look_like_paths_are_only_names(tmp_path):
    path = file_with(tmp_path, {"../../x\n\x1b[31m": tensor(0, 1)}, b"1")
    assert read_header(path).tensors[0].name == "../../x\n\x1b[31m"


@given(st.binary(max_size=100))
def test_any_bytes_are_a_file_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzz.safetensors"
    path.write_bytes(len(data).to_bytes(8, "little") + data)
    with suppress(StorageError):
        read_header(path)
        load_file(path)  # what gitml accepts, the library accepts
