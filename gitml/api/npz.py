"""Writing arrays as `.npz` files: without numpy, without pickles, the same bytes for the same data.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterable, Sequence
from typing import BinaryIO

_MAGIC = b"\x93NUMPY\x01\x00"
_ALIGNMENT = 64
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ORDER = "<" if sys.byteorder == "little" else ">"
_AT_ONCE = 4_096

Blocks = Iterable[bytes | memoryview]
Array = tuple[bytes, Blocks]  # header and content


def texts(values: Sequence[str]) -> Array:
    """Return a vector of texts."""
    width = max(map(len, values), default=0) or 1
    codec = "utf-32-le" if _ORDER == "<" else "utf-32-be"

    def blocks() -> Iterable[bytes]:
        for start in range(0, len(values), _AT_ONCE):
            padded = (one.ljust(width, "\0") for one in values[start : start + _AT_ONCE])
            yield "".join(padded).encode(codec, "backslashreplace")

    return _header(f"{_ORDER}U{width}", (len(values),)), blocks()


def numbers(kind: str, shape: tuple[int, ...], blocks: Blocks) -> Array:
    """Return an array of numbers in the byte order of this machine.

    Args:
        kind: `f4`, `f8` or `i8`.
        shape: Its dimensions.
        blocks: Its elements in C's order.
    """
    return _header(f"{_ORDER}{kind}", shape), blocks


def write_npz(file: BinaryIO, arrays: dict[str, Array]) -> None:
    """Write named arrays to an open file, uncompressed."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, (header, blocks) in arrays.items():
            about = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            about.create_system = 3
            about.external_attr = 0o644 << 16
            with archive.open(about, "w", force_zip64=True) as member:
                member.write(header)
                for block in blocks:
                    member.write(block)


def _header(kind: str, shape: tuple[int, ...]) -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode("latin-1")
    blank = -(len(_MAGIC) + 2 + len(text) + 1) % _ALIGNMENT
    text += b" " * blank + b"\n"
    return _MAGIC + len(text).to_bytes(2, "little") + text
