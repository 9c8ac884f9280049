"""Numbers of several dimensions, whichever library has them: a shape, and rows of floats."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from gitml.api.given import on_cpu, scalar, shape_of
from gitml.errors import ArtifactError
from gitml.inputs.examples import shown

_SINGLE = ("float32", "float16", "bfloat16")
_ROWS_AT_ONCE = 1_000


class Matrix:
    """One row of floats an example.

    Attributes:
        shape: Of the values as they were given; the first is the number of examples.
        width: Numbers in a row.
        kind: `f4` or `f8`.
        style: `%` format that spells the floats; empty for `repr`.

    Args:
        values: An array of at least two dimensions, or a list of rows (lists or arrays).
        what: Its name, for errors.

    Raises:
        ArtifactError: if it has fewer dimensions, rows of different shapes, or no numbers.
    """

    def __init__(self, values: Any, what: str) -> None:
        values = on_cpu(values)
        numpy = sys.modules.get("numpy")
        if numpy is not None and hasattr(values, "dtype"):
            self.shape, self.kind, self._flat = _of_array(numpy, values, what)
        else:
            self.shape, self.kind, self._flat = _of_lists(values, what)
        if len(self.shape) < 2 or not math.prod(self.shape):
            raise ArtifactError(
                f"{what} have the shape {self.shape}.",
                hint="They are (n, d): one number for each of d features of n examples.",
            )
        self.width = math.prod(self.shape[1:])
        self.style = "%.9g" if self.kind == "f4" else ""

    def __len__(self) -> int:
        return self.shape[0]

    def row(self, place: int) -> list[float]:
        """Return the numbers of one example."""
        found: list[Any] = self._flat[place * self.width : (place + 1) * self.width].tolist()
        return found

    def blocks(self, rows: Sequence[int] | None) -> Iterator[memoryview]:
        """Yield the bytes of the examples at `rows` (None: of all), in C's order."""
        if rows is None:
            step = _ROWS_AT_ONCE * self.width
            for start in range(0, len(self._flat), step):
                yield self._flat[start : start + step].cast("B")
        else:
            for place in rows:
                yield self._flat[place * self.width : (place + 1) * self.width].cast("B")

    def not_finite(self) -> int:
        """Return the number of examples with a number that is NaN or infinite."""
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            table = numpy.frombuffer(self._flat, self.kind).reshape(len(self), self.width)
            return int((~numpy.isfinite(table).all(axis=1)).sum())
        return sum(not all(map(math.isfinite, self.row(place))) for place in range(len(self)))


def _of_array(numpy: Any, values: Any, what: str) -> tuple[tuple[int, ...], str, memoryview]:
    kind = str(values.dtype).rpartition(".")[2]
    if kind == "bfloat16" and hasattr(values, "float"):
        values = values.float()  # numpy has no such type
    try:
        found = numpy.asarray(values)
        if found.dtype.kind == "c":
            raise TypeError("they are complex")
        kept = "f4" if kind in _SINGLE else "f8"
        flat = numpy.ascontiguousarray(found, dtype=kept).reshape(-1)
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"{what} are no numbers: {error}.") from error
    return tuple(found.shape), kept, memoryview(flat)


def _of_lists(values: Any, what: str) -> tuple[tuple[int, ...], str, memoryview]:
    flat = array("d")
    if hasattr(values, "to_numpy"):  # a data frame
        values = values.to_numpy()
    plain = values.tolist() if hasattr(values, "tolist") else values
    if isinstance(plain, str | bytes) or not hasattr(plain, "__iter__"):
        raise ArtifactError(f"{what} are {shown(values)}, and no rows of numbers.")
    rows = list(plain)
    shapes = [_flatten(row, flat, what) for row in rows]
    odd = next((place for place, shape in enumerate(shapes) if shape != shapes[0]), None)
    if odd is not None:
        raise ArtifactError(
            f"Row {odd:,} of {what} has the shape {shapes[odd]}, and the first has {shapes[0]}.",
            hint="Every example needs one number a feature.",
        )
    kinds = {str(getattr(row, "dtype", "")).rpartition(".")[2] for row in rows}
    if kinds and kinds <= set(_SINGLE):
        return (len(rows), *shapes[0]), "f4", memoryview(array("f", flat))
    return (len(rows), *(shapes[0] if shapes else ())), "f8", memoryview(flat)


def _flatten(value: Any, flat: array[float], what: str) -> tuple[int, ...]:
    """Add the numbers of a row to `flat`, and return its shape."""
    shape = shape_of(value)
    if shape is not None and shape != ():
        value = on_cpu(value)
        value = value.tolist() if hasattr(value, "tolist") else list(value)
    if isinstance(value, list | tuple):
        inner = {_flatten(one, flat, what) for one in value}
        if len(inner) > 1:
            raise ArtifactError(f"A row of {what} has parts of different shapes: {sorted(inner)}.")
        return (len(value), *(inner.pop() if inner else ()))
    number = scalar(value)
    if number is None:
        number = math.nan
    if not isinstance(number, int | float):
        raise ArtifactError(f"{what} have {shown(value)}, which is no number.")
    flat.append(number)
    return ()
