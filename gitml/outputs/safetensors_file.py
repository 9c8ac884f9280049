"""Reading safetensors files: headers are checked strictly before anything is allocated.

Source of the format: https://github.com/huggingface/safetensors#format. The library accepts
headers with duplicate names, and ones that cost gigabytes of memory to read; gitml doesn't.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from gitml.errors import NotFoundError, StorageError
from gitml.outputs.tensor_layout import METADATA, TensorEntry, tensor_size

MAX_HEADER = 10 << 20
MAX_TENSORS = 100_000
MAX_DIMENSIONS = 64

_FIELDS = {"dtype", "shape", "data_offsets"}


class Header(NamedTuple):
    """What a file says about itself.

    Attributes:
        tensors: In the order of their bytes.
        metadata: The file's own notes.
        offset: Where the data starts in the file.
    """

    tensors: tuple[TensorEntry, ...]
    metadata: dict[str, str]
    offset: int


def read_header(
    path: Path, *, max_header: int = MAX_HEADER, max_tensors: int = MAX_TENSORS
) -> Header:
    """Return the header of a safetensors file after checking all of it against the file's size.

    Args:
        path: The file; none of its data is read.
        max_header: Bytes that the header may have.
        max_tensors: Number of tensors that it may have.

    Raises:
        NotFoundError: if there is no such file.
        StorageError: if it is no sound safetensors file: a header that is too large or malformed,
            a name that is there twice, an unknown element type, a shape that doesn't fit its
            bytes, tensors that overlap, or bytes that belong to none.
    """
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            raw = _read_raw(stream, size, max_header)
        if raw.count(b'"data_offsets"') > max_tensors:
            raise ValueError(f"it has more than {max_tensors:,} tensors")
        tree = _decode(raw)
        metadata = _metadata(tree.pop(METADATA, {}))
        if len(tree) > max_tensors:
            raise ValueError(f"it has more than {max_tensors:,} tensors")
        offset = 8 + len(raw)
        tensors = [_entry(name, item, size - offset) for name, item in tree.items()]
        tensors.sort(key=lambda entry: (entry.start, entry.end))
        _check_layout(tensors, size - offset)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{path} doesn't exist.") from error
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise StorageError(
            f"{path} is no sound safetensors file: {error}.",
            hint="Write it again from the model, or restore it from storage.",
        ) from error
    return Header(tuple(tensors), metadata, offset)


def _read_raw(stream: BinaryIO, size: int, max_header: int) -> bytes:
    length = int.from_bytes(stream.read(8), "little")
    if size < 8:
        raise ValueError("it is too short")
    if length > max_header:
        raise ValueError(f"its header would have {length:,} bytes, more than {max_header:,}")
    if length > size - 8:
        raise ValueError("its header is longer than the file")
    raw = stream.read(length)
    if len(raw) < length:
        raise ValueError("it was cut off while it was read")
    if not raw.startswith(b"{"):
        raise ValueError("its header is no JSON object")
    return raw


def _decode(raw: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(
            raw.decode(), object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse
        )
    except RecursionError as error:
        raise ValueError("its header is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise ValueError("its header is not UTF-8 text") from error
    if not isinstance(tree, dict):
        raise ValueError("its header is no JSON object")
    return tree


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("its header has a name twice")
    return tree


def _refuse(text: str) -> Any:
    raise ValueError(f"its header has {text[:40]} where an integer belongs")


def _metadata(tree: Any) -> dict[str, str]:
    if not isinstance(tree, dict) or not all(isinstance(value, str) for value in tree.values()):
        raise ValueError("its metadata is no mapping of text to text")
    return tree


def _entry(name: str, item: Any, available: int) -> TensorEntry:
    where = f"the tensor {name[:100]!r}"
    if not isinstance(item, dict) or item.keys() != _FIELDS:
        raise ValueError(f"{where} isn't described by {', '.join(sorted(_FIELDS))}")
    dtype, shape, offsets = item["dtype"], item["shape"], item["data_offsets"]
    if not isinstance(dtype, str) or not _are_sizes(shape) or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"{where} has no sound element type and shape")
    if not _are_sizes(offsets) or len(offsets) != 2 or not offsets[0] <= offsets[1] <= available:
        raise ValueError(f"{where} lies outside of the file")
    try:
        name.encode()
        size = tensor_size(dtype, shape)
    except UnicodeEncodeError as error:
        raise ValueError("a tensor's name holds half of a surrogate pair") from error
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if size != offsets[1] - offsets[0]:
        raise ValueError(f"{where} has bytes that don't fit its shape")
    return TensorEntry(name, dtype, tuple(shape), offsets[0], offsets[1])


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 1 << 63
        for item in value
    )


def _check_layout(tensors: Sequence[TensorEntry], available: int) -> None:
    at = 0
    for entry in tensors:
        if entry.start != at:
            problem = "overlaps another one" if entry.start < at else "leaves a hole before it"
            raise ValueError(f"the tensor {entry.name[:100]!r} {problem}")
        at = entry.end
    if at != available:
        raise ValueError("it has bytes that belong to no tensor, or too few")
