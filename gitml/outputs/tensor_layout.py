"""How tensors lie in a safetensors file: element types, sizes, order and the header's bytes.

Byte for byte as the library of safetensors lays them out.

Training scripts save their weights through this module and those that build on it, so they import
nothing that isn't in the standard library: a library that a script imports counts as an input.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gitml.errors import StorageError

METADATA = "__metadata__"

# Element type → bits of one element, in the order in which the library lays tensors out.
BITS = {
    "U64": 64,
    "I64": 64,
    "F64": 64,
    "C64": 64,
    "F32": 32,
    "U32": 32,
    "I32": 32,
    "BF16": 16,
    "F16": 16,
    "U16": 16,
    "I16": 16,
    "F8_E5M2FNUZ": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E8M0": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "I8": 8,
    "U8": 8,
    "F6_E3M2": 6,
    "F6_E2M3": 6,
    "F4": 4,
    "BOOL": 8,
}
_ORDER = {dtype: index for index, dtype in enumerate(BITS)}

Data = bytes | bytearray | memoryview


class TensorEntry(NamedTuple):
    """One tensor of a file.

    Attributes:
        name: As the file has it; may hold anything, so escape it before showing it.
        dtype: A key of `BITS`.
        shape: Dimensions; empty for a scalar.
        start: Offset of the first byte in the data (the header left out).
        end: Offset after the last byte.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int = 0
    end: int = 0

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - self.start


def lay_out(entries: Iterable[TensorEntry]) -> list[TensorEntry]:
    """Return the entries in the canonical order of a file, with their offsets.

    Wide element types come first, then names by code point. Of `start` and `end` only the
    difference counts.

    Raises:
        StorageError: if an element type is unknown, or a size doesn't fit its shape.
    """
    entries = list(entries)
    for entry in entries:
        try:
            fits = entry.size == tensor_size(entry.dtype, entry.shape)
        except ValueError as error:
            raise StorageError(f"The tensor {entry.name[:100]!r}: {error}.") from error
        if not fits:
            raise StorageError(
                f"The tensor {entry.name[:100]!r} has bytes that don't fit its shape."
            )
    placed, at = [], 0
    for entry in sorted(entries, key=lambda entry: (_ORDER[entry.dtype], entry.name)):
        end = at + entry.size
        placed.append(TensorEntry(entry.name, entry.dtype, entry.shape, at, end))
        at = end
    return placed


def render_header(ordered: Iterable[TensorEntry], metadata: Mapping[str, str] | None) -> bytes:
    """Return the start of a file, up to the data: the header's length and the header.

    Raises:
        StorageError: if a name isn't text that UTF-8 can hold.
    """
    notes = {"format": "pt"} if metadata is None else dict(sorted(metadata.items()))
    tree: dict[str, Any] = {METADATA: notes} if notes else {}
    for entry in ordered:
        if entry.name == METADATA:
            raise StorageError(f"A tensor can't be called {METADATA}.")
        tree[entry.name] = {
            "dtype": entry.dtype,
            "shape": entry.shape,
            "data_offsets": (entry.start, entry.end),
        }
    try:
        text = json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise StorageError("A tensor's name holds half of a surrogate pair.") from error
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def tensor_size(dtype: str, shape: Sequence[int]) -> int:
    """Return the bytes of a tensor.

    Raises:
        ValueError: if the element type is unknown, or the elements don't fill whole bytes.
    """
    if dtype not in BITS:
        raise ValueError(f"the element type {dtype[:40]!r} is unknown")
    bits = BITS[dtype]
    if 0 in shape:
        return 0
    for dimension in shape:
        bits *= dimension
        if bits >= 1 << 64:
            raise ValueError("its shape is larger than any memory")
    if bits % 8:
        raise ValueError("its elements don't fill whole bytes")
    return bits // 8
