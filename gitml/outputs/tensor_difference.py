"""How far tensors of two models are apart, exactly: both are streamed, element by element.

One thread does it. Each step of numpy is so short that several would mostly wait for each other:
two of them use twice the processor time and are no faster.

The module needs numpy, so it is imported by the function that uses it.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gitml.errors import StorageError
from gitml.outputs.tensor_elements import Floats, decoder, is_decoded, is_double, sum_of_squares
from gitml.outputs.tensor_layout import BITS
from gitml.outputs.tensor_places import Place

# Two pieces and their difference stay in a core's own cache.
_ELEMENTS = 1 << 16
_AT_ONCE = 16 << 20
_SMALL = 64 << 10
_OPEN = 64
_POPULATE_READ = 22  # MADV_POPULATE_READ of Linux 5.14
# Squares of single precision lose digits below and overflow above.
_SMALLEST, _LARGEST = 1e-30, 1e37

Pair = tuple[Place, Place]
Squares = tuple[float, float]
View = memoryview
Bools = npt.NDArray[np.bool_]


class Difference(NamedTuple):
    """What the elements of two tensors of the same shape say; complex ones count as two.

    Attributes:
        elements: How many there are.
        squares: Sums of A², of B² and of (B - A)² over the elements that are finite in both.
        largest: Largest |B - A| of these.
        changed: How many elements differ; NaN equals NaN, and 0 equals -0.
        odd: Number of elements that are NaN or infinite, in both.
    """

    elements: int = 0
    squares: tuple[float, float, float] = (0.0, 0.0, 0.0)
    largest: float = 0.0
    changed: int = 0
    odd: tuple[int, int] = (0, 0)


def _joined(found: Sequence[Difference]) -> Difference:
    """Return what pieces of one tensor say together."""
    if len(found) == 1:
        return found[0]
    elements, squares, largest, changed, odd = zip(*found, strict=True)
    one, other, step = map(math.fsum, zip(*squares, strict=True))
    return Difference(
        sum(elements),
        (one, other, step),
        max(largest),
        sum(changed),
        (sum(side[0] for side in odd), sum(side[1] for side in odd)),
    )


def differences(
    pairs: Sequence[Pair],
    progress: Callable[[int, int], None] | None = None,
    known: Sequence[Squares | None] = (),
) -> list[Difference | None]:
    """Return the difference of each pair, in order; None where a type isn't decoded (F4, F6).

    Each file is read once, in the order of the first one's bytes. About 100 MB of memory are used
    at most, whatever the size of the files.

    Args:
        pairs: Tensors of the same shape.
        progress: Takes (done, total) in bytes of both.
        known: Sums of A² and B² of each pair, where they are known and all elements are finite.
            They aren't computed then, which takes a fifth of the time.

    Raises:
        StorageError: if a file can't be read, or became shorter than its header says.
    """
    order = [number for number, pair in enumerate(pairs) if _comparable(*pair)]
    order.sort(key=lambda number: (str(pairs[number][0].path), pairs[number][0].offset))
    total = sum(place.entry.size for number in order for place in pairs[number])
    found: list[Difference | None] = [None] * len(pairs)
    done = 0
    compare = _Comparison()
    with _Files() as files:
        for number in order:
            squares = known[number] if known else None
            pieces = [Difference()]
            for one, other in _pieces(pairs[number], files):
                pieces += compare(pairs[number], one, other, measured=squares is None)
                done += one.nbytes + other.nbytes
                if progress is not None:
                    progress(done, total)
            found[number] = _completed(_joined(pieces), squares)
    return found


def _completed(found: Difference, known: Squares | None) -> Difference:
    """Return the difference with the sums of squares that were known before."""
    if known is None:
        return found
    return found._replace(squares=(*known, found.squares[2]))


def _comparable(one: Place, other: Place) -> bool:
    types = one.entry.dtype, other.entry.dtype
    return all(map(is_decoded, types)) and (types[0] == types[1] or "C64" not in types)


def _bytes(dtype: str) -> int:
    """Return the bytes of a number: a complex element is two."""
    return (32 if dtype == "C64" else BITS[dtype]) // 8


def _pieces(pair: Pair, files: _Files) -> Iterator[tuple[View, View]]:
    """Yield the bytes of both tensors, the same elements at a time."""
    each = [_bytes(place.entry.dtype) for place in pair]
    count = pair[0].entry.size // each[0]
    step = _AT_ONCE // max(each)
    for first in range(0, count, step):
        length = min(step, count - first)
        one, other = (
            files.view(place.path, place.offset + first * size, length * size)
            for place, size in zip(pair, each, strict=True)
        )
        yield one, other


class _Files:
    """Gives the bytes of files, mapped into memory, which saves copying them.

    Reading mapped bytes that the file has no more, or that the disk can't give, kills a process.
    So the file's length is looked at just before, and Linux is asked to bring the bytes in, which
    fails with an error instead.
    """

    def __init__(self) -> None:
        self._open: dict[Path, FileIO] = {}

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()

    def view(self, path: Path, offset: int, size: int) -> View:
        """Return so many bytes of a file.

        Raises:
            StorageError: if it doesn't have them, or can't be read.
        """
        try:
            file = self._file(path)
            if os.fstat(file.fileno()).st_size >= offset + size:
                return _mapped(file, offset, size) if size > _SMALL else _copied(file, offset, size)
        except OSError as error:
            raise StorageError(f"{path} can't be read: {error.strerror or error}.") from error
        raise StorageError(
            f"{path} became shorter while it was read.",
            hint="Run the command again when nothing writes to it.",
        )

    def _file(self, path: Path) -> FileIO:
        if path not in self._open:
            if len(self._open) >= _OPEN:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = FileIO(path)
        return self._open[path]


def _copied(file: FileIO, offset: int, size: int) -> View:
    data = os.pread(file.fileno(), size, offset)
    if len(data) < size:
        raise OSError("it was cut off")
    return memoryview(data)


def _mapped(file: FileIO, offset: int, size: int) -> View:
    lead = offset % mmap.ALLOCATIONGRANULARITY
    room = mmap.mmap(file.fileno(), lead + size, access=mmap.ACCESS_READ, offset=offset - lead)
    if sys.platform == "linux":
        try:
            room.madvise(_POPULATE_READ)
        except OSError as error:
            if error.errno != errno.EINVAL:  # which is what older kernels say
                raise
    return memoryview(room)[lead:]


class _Comparison:
    """Compares pieces, with memory that is used again and again."""

    def __init__(self) -> None:
        self._single = np.empty(_ELEMENTS, np.float32)
        self._double = np.empty(_ELEMENTS, np.float64)
        self._mask = np.empty(_ELEMENTS, np.bool_)

    def __call__(self, pair: Pair, one: View, other: View, *, measured: bool) -> list[Difference]:
        """Return the differences of pieces that hold the same elements of both tensors.

        Args:
            pair: The tensors.
            one: Bytes of the first.
            other: Bytes of the second.
            measured: Whether the squares of both count, or only that of their difference.
        """
        types = ["F32" if place.entry.dtype == "C64" else place.entry.dtype for place in pair]
        first, second = map(_bytes, types)
        decode, decode_other = map(decoder, types)
        room: Floats = self._double if any(map(is_double, types)) else self._single
        found = []
        with np.errstate(all="ignore"):
            for at in range(0, one.nbytes // first, _ELEMENTS):
                end = at + _ELEMENTS
                a = decode(one[at * first : end * first])
                b = decode_other(other[at * second : end * second])
                size = a.size
                found.append(_fast(a, b, room[:size], self._mask[:size], measured=measured))
        return found


def _fast(a: Floats, b: Floats, room: Floats, mask: Bools, *, measured: bool) -> Difference:
    """Return the difference, computed in the precision of the numbers where that is enough."""
    np.subtract(b, a, out=room)
    step = sum_of_squares(room)
    ours, theirs = (sum_of_squares(a), sum_of_squares(b)) if measured else (1.0, 1.0)
    largest = max(float(room.max()), -float(room.min()))
    # A number that isn't finite makes a difference that isn't.
    enough = (
        _SMALLEST < ours < _LARGEST
        and _SMALLEST < theirs < _LARGEST
        and (_SMALLEST < step < _LARGEST or not largest)
    )
    if not enough:
        return _slow(a, b, mask)
    np.not_equal(room, 0, out=mask)
    changed = int(np.count_nonzero(mask))
    return Difference(a.size, (ours, theirs, step), largest, changed)


def _slow(a: Floats, b: Floats, mask: Bools) -> Difference:
    """Return the difference in double precision, of the finite elements."""
    np.not_equal(a, b, out=mask)
    mask &= ~(np.isnan(a) & np.isnan(b))
    odd = ~np.isfinite(a), ~np.isfinite(b)
    both = ~(odd[0] | odd[1])
    one, other = a[both].astype(np.float64), b[both].astype(np.float64)
    step = other - one
    return Difference(
        a.size,
        (sum_of_squares(one), sum_of_squares(other), sum_of_squares(step)),
        float(np.abs(step).max()) if step.size else 0.0,
        int(np.count_nonzero(mask)),
        (int(np.count_nonzero(odd[0])), int(np.count_nonzero(odd[1]))),
    )
