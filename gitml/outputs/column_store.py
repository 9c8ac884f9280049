"""Columns of a table that is read in pieces, each kept in as little memory as its use allows."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

# Column name → its values for some rows, as many for each column.
Chunk = Mapping[str, Sequence[Any]]

_FEW = 10_000


class Values:
    """A column of labels or ids, as they are; texts that repeat are kept once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._known: dict[Any, Any] | None = {}

    def extend(self, values: Sequence[Any]) -> None:
        """Add the values of some rows."""
        known = self._known
        if known is None or not values or type(values[0]) is not str:
            self.values += values
            return
        try:
            self.values += list(map(known.setdefault, values, values))
        except TypeError:  # a list in a column of texts
            self.values += values
        if len(known) > _FEW:
            self._known = None


class Few:
    """A column that is only of use while it has few different values; else it is let go.

    Args:
        most: How many different values there may be.
    """

    def __init__(self, most: int) -> None:
        self.values: list[Any] | None = []
        self.known: dict[Any, Any] = {}
        self._most = most

    def extend(self, values: Sequence[Any]) -> None:
        """Add the values of some rows."""
        if self.values is None:
            return
        try:
            self.values += list(map(self.known.setdefault, values, values))
        except TypeError:
            self.values = None
            return
        fraction = any(isinstance(one, float) and not one.is_integer() for one in self.known)
        if len(self.known) > self._most or fraction:
            self.values, self.known = None, {}


class Scores:
    """A column of numbers, or of rows of numbers; what is none is NaN.

    Attributes:
        width: Numbers a row; 0 for single numbers.
    """

    def __init__(self, width: int = 0) -> None:
        self.numbers = array("d")
        self.width = width
        self.rows = 0

    def extend(self, values: Sequence[Any]) -> None:
        """Add the values of some rows: numbers, sequences, or a table of numpy."""
        if getattr(values, "ndim", 1) == 2:
            self._begin(values.shape[1])  # type: ignore[attr-defined]
            self.numbers.frombytes(values.astype("<f8").tobytes())  # type: ignore[attr-defined]
            self.rows += len(values)
            return
        if not self.rows:
            first = _row(next((one for one in values if one is not None), None))
            if first is not None:
                self._begin(len(first))
        if self.width:
            for value in values:
                self._add(_row(value) or ())
        else:
            self.numbers.extend(numbers(values))
        self.rows += len(values)

    def extend_columns(self, columns: Sequence[Sequence[Any]]) -> None:
        """Add the values of some rows, given as one column a class."""
        read = [numbers(column) for column in columns]
        self.numbers.extend(chain.from_iterable(zip(*read, strict=True)))
        self.rows += len(read[0])

    def _begin(self, width: int) -> None:
        if not self.rows:
            self.width = width

    def _add(self, row: Sequence[Any]) -> None:
        fits = len(row) == self.width
        self.numbers.extend(numbers(row) if fits else [math.nan] * self.width)


class Matrix(Sequence[Any]):
    """Rows of numbers in one block of memory.

    Args:
        numbers: Row by row.
        width: Numbers a row, at least 1.
    """

    def __init__(self, numbers: array[float], width: int) -> None:
        self.numbers = numbers
        self.shape = (len(numbers) // width, width)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: Any) -> Any:
        width = self.shape[1]
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self.numbers[place * width : (place + 1) * width]

    def __iter__(self) -> Iterator[Any]:
        return (self[place] for place in range(len(self)))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Return the same numbers as an array of numpy."""
        import numpy

        return numpy.frombuffer(self.numbers, dtype=float).reshape(self.shape).astype(dtype)


def numbers(values: Sequence[Any]) -> list[float]:
    """Return values as floats; NaN for everything that is no number."""
    try:
        found = list(map(float, values))
    except (TypeError, ValueError, OverflowError):
        return [_number(value) for value in values]
    # Python takes 1_000 for a number, which no other program does.
    texts = values if values and type(values[0]) is str else ()
    return (
        [_number(value) for value in values]
        if any(type(text) is str and "_" in text for text in texts)
        else found
    )


def _number(value: Any) -> float:
    if isinstance(value, str) and "_" in value:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _row(value: Any) -> Sequence[Any] | None:
    """Return a value as a row of numbers: a list, or the text that pandas makes of one."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, str) and value.lstrip().startswith("["):
        return value.strip().strip("[]").replace(",", " ").split()
    return None
