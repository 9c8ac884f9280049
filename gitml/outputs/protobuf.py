"""Just enough of the Protocol Buffers wire format to read TensorBoard's event files.

Source of the format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Field = tuple[int, int, int | memoryview]


def fields(message: memoryview) -> Iterator[Field]:
    """Yield (number, wire type, value) of each field; fixed-width values are views of the bytes.

    Raises:
        ValueError: if the bytes are no message.
    """
    at, end = 0, len(message)
    while at < end:
        key, at = read_varint(message, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ValueError("field number 0")
        if kind == VARINT:
            value, at = read_varint(message, at)
            yield number, kind, value
            continue
        if kind == BYTES:
            size, at = read_varint(message, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if size > end - at:
            raise ValueError("a field that is longer than its message")
        yield number, kind, message[at : at + size]
        at += size


def read_varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the unsigned 64-bit integer at `at`, and where it ends.

    Raises:
        ValueError: if it is cut off or longer than ten bytes.
    """
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("a number that is cut off")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError("a number of more than ten bytes")


def signed(value: int) -> int:
    """Return an unsigned 64-bit integer as the signed one with the same bits."""
    return value - (1 << 64) if value >> 63 else value


def unpack(layout: str, data: memoryview) -> float | int:
    """Return the one number that `data` holds in the `struct` layout, such as `<d`.

    Raises:
        ValueError: if there are fewer bytes.
    """
    try:
        number: float | int = struct.unpack_from(layout, data)[0]
    except struct.error as error:
        raise ValueError("a number that is cut off") from error
    return number
