"""TFRecord files: length-prefixed records with masked CRC-32C checksums.

Source of the format: https://www.tensorflow.org/tutorials/load_data/tfrecord (uint64 length,
uint32 checksum of the length, the bytes, uint32 checksum of the bytes; little-endian).
"""

from __future__ import annotations

import functools
import os
import struct
from collections.abc import Iterator
from pathlib import Path

MAX_RECORD = 8 << 20

_HEAD = struct.Struct("<QI")
_TAIL = struct.Struct("<I")


class Torn(Exception):
    """A file that ends within a record, or whose bytes don't match their checksum."""


def read_records(path: Path) -> Iterator[tuple[memoryview, int]]:
    """Yield (bytes, checksum that they should have) for each record.

    Records larger than 8 MiB (images, audio) are skipped without being read. The checksum of the
    bytes is left to the caller, who may not need every record: see `masked_crc32c`.

    Raises:
        Torn: at the end, if the last record is cut off or a length doesn't match its checksum.
        OSError: if the file can't be read.
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        at = 0
        while True:
            head = stream.read(_HEAD.size)
            if not head:
                return
            if len(head) < _HEAD.size:
                raise Torn
            length, checksum = _HEAD.unpack(head)
            if masked_crc32c(head[:8]) != checksum:
                raise Torn
            at += _HEAD.size + length + _TAIL.size
            # A running program may have made the file longer since.
            if at > size and at > (size := os.fstat(stream.fileno()).st_size):
                raise Torn
            if length > MAX_RECORD:
                stream.seek(length + _TAIL.size, os.SEEK_CUR)
                continue
            body = stream.read(length + _TAIL.size)
            if len(body) < length + _TAIL.size:
                raise Torn
            yield memoryview(body)[:length], _TAIL.unpack(body[length:])[0]


def masked_crc32c(data: bytes | memoryview) -> int:
    """Return the checksum of `data` as TFRecord stores it: CRC-32C, rotated, plus a constant."""
    table = _table()
    value = 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    value ^= 0xFFFFFFFF
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@functools.cache
def _table() -> tuple[int, ...]:
    """Return the table of the Castagnoli polynomial, bits reversed (RFC 3720, appendix B.4)."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)
