"""Arrays in `.npz` files, read without pickles and without trusting what the file says of itself.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. numpy's own reader
allocates what a header claims before it looks at how much there is.
"""

from __future__ import annotations

import ast
import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import msgspec

from gitml.errors import RecordError
from gitml.outputs.table_limits import check_size, opening

MOST_ARRAY = 1 << 30
_LONGEST_HEADER = 1 << 16
_MOST_ARRAYS = 1_000
_SUFFIX = ".npy"
# Numbers, booleans and texts; no objects, which would be pickles, and no records.
_PLAIN = re.compile(r"[<>|=]?(?:[biufSU]\d{1,9}|\?)\Z")
_BLOCK = 1 << 20
# What a damaged archive, or an element type that numpy doesn't know, ends in.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, TypeError)


class Array(msgspec.Struct, frozen=True):
    """What the header of an array says.

    Attributes:
        kind: Type of its elements, as numpy spells it (`<f4`).
        shape: Its dimensions.
        by_column: Whether the first dimension changes fastest.
    """

    kind: str
    shape: tuple[int, ...]
    by_column: bool


class NpzFile:
    """An open `.npz` file; to be used in a `with` block.

    Args:
        path: The file.
        where: What to call it in messages.

    Raises:
        RecordError: if it is too large or no `.npz` file.
    """

    def __init__(self, path: Path, where: str) -> None:
        check_size(path, where)
        self.where = where
        with opening(where):
            try:
                self._zip = zipfile.ZipFile(path)
            except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
                raise RecordError(f"{where} is no .npz file: {error}.") from error
        members = self._zip.infolist()[:_MOST_ARRAYS]
        self._members = {
            one.filename.removesuffix(_SUFFIX): one
            for one in members
            if one.filename.endswith(_SUFFIX)
        }

    def __enter__(self) -> NpzFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()

    @property
    def names(self) -> list[str]:
        """Names of the arrays."""
        return list(self._members)

    def about(self, name: str) -> Array:
        """Return what an array's header says.

        Raises:
            RecordError: if it is damaged, or of a type that isn't read.
        """
        with self._opened(name) as stream:
            return self._header(stream, name)

    def read(self, name: str) -> Any:
        """Return an array of numpy.

        Raises:
            RecordError: if it is missing, too large, damaged, or holds pickles, or if numpy isn't
                installed.
        """
        numpy = numpy_for(self.where)
        with self._opened(name) as stream:
            array = self._header(stream, name)
            size = self._bytes_of(array, name, MOST_ARRAY)
            data = stream.read(size)
            if len(data) != size:
                raise self._wrong(name, "it ends early")
            order = "F" if array.by_column else "C"
            return numpy.frombuffer(data, dtype=array.kind).reshape(array.shape, order=order)

    def texts(self, name: str) -> list[Any]:
        """Return the elements of an array as plain values.

        Raises:
            RecordError: as for `read`.
        """
        array = self.read(name).reshape(-1)
        try:
            return plain_values(array)
        except (ValueError, OverflowError, SystemError) as error:
            raise self._wrong(name, "its texts are damaged") from error

    def rows(self, name: str, wanted: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Yield some rows of an array by their numbers, in ascending order, one at a time.

        Raises:
            RecordError: as for `read`, except that the array may be larger.
        """
        numpy = numpy_for(self.where)
        with self._opened(name) as stream:
            array = self._header(stream, name)
            if array.by_column and len(array.shape) > 1:
                raise self._wrong(name, "its elements are in Fortran's order")
            total = self._bytes_of(array, name, 16 * MOST_ARRAY)
            size = total // array.shape[0] if array.shape and array.shape[0] else 0
            place = 0
            for number in sorted(wanted):
                _skip(stream, (number - place) * size)
                data = stream.read(size)
                if len(data) != size or not size:
                    raise self._wrong(name, "it ends early")
                place = number + 1
                yield number, numpy.frombuffer(data, dtype=array.kind).reshape(array.shape[1:])

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        if name not in self._members:
            raise RecordError(f"{self.where} has no array {name!r}.")
        try:
            with opening(self.where), self._zip.open(self._members[name]) as stream:
                yield stream
        except _DAMAGED as error:
            raise self._wrong(name, str(error)) from error

    def _header(self, stream: IO[bytes], name: str) -> Array:
        start = stream.read(8)
        if len(start) != 8 or start[:6] != b"\x93NUMPY" or start[6] not in (1, 2, 3):
            raise self._wrong(name, "it doesn't begin as one")
        length = int.from_bytes(stream.read(2 if start[6] == 1 else 4), "little")
        if length > _LONGEST_HEADER:
            raise self._wrong(name, "its header is too long")
        try:
            header = ast.literal_eval(stream.read(length).decode("latin-1").strip())
            kind, order, shape = header["descr"], header["fortran_order"], tuple(header["shape"])
        except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError) as error:
            raise self._wrong(name, "its header is damaged") from error
        if not isinstance(kind, str) or not _PLAIN.match(kind):
            if "O" in str(kind):
                raise RecordError(
                    f"{self.where}: {name} holds Python objects, which gitml never unpickles.",
                    hint="Save plain numbers or texts: numpy.asarray(values, dtype=str).",
                )
            raise RecordError(f"{self.where}: {name} holds elements of type {str(kind)[:60]}.")
        if len(shape) > 8 or not all(isinstance(n, int) and 0 <= n < 1 << 40 for n in shape):
            raise self._wrong(name, "its header is damaged")
        return Array(kind, shape, bool(order))

    def _bytes_of(self, array: Array, name: str, most: int) -> int:
        digits = array.kind.lstrip("<>|=?bifuSU")
        each = int(digits or 1) * (4 if "U" in array.kind else 1)
        size = math.prod(array.shape) * each
        if size > most:
            raise RecordError(
                f"{self.where}: {name} takes {size:,} bytes; gitml reads arrays of up to {most:,}."
            )
        if size > self._members[name].file_size:
            raise self._wrong(name, "it is shorter than its header says")
        return size

    def _wrong(self, name: str, why: str) -> RecordError:
        return RecordError(f"{self.where}: {name} is no array that can be read: {why}.")


def plain_values(array: Any) -> list[Any]:
    """Return the elements of an array of numpy as plain values, bytes as text."""
    values: list[Any] = array.tolist()
    if array.dtype.kind == "S":
        return [value.decode("utf-8", "replace") for value in values]
    return values


def numpy_for(where: str) -> Any:
    """Return numpy, which some files need.

    Raises:
        RecordError: if it isn't installed.
    """
    try:
        import numpy
    except ImportError:
        raise RecordError(
            f"{where} needs numpy to be read.", hint="Install it: pip install numpy."
        ) from None
    return numpy


def _skip(stream: IO[bytes], many: int) -> None:
    while many > 0:
        block = stream.read(min(many, _BLOCK))
        if not block:
            return
        many -= len(block)
