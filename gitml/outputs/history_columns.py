"""Metrics over steps as columns, read quickly: what `history.parse` returns, metric by metric.

Lines with the same names are decoded together, so that a history of a million lines needs neither
minutes nor an object for each of its values.
"""

from __future__ import annotations

import io
import math
import operator
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

from gitml.errors import RecordError
from gitml.outputs.history import MAX_BYTES, parse, whole_number
from gitml.outputs.table import STEP_COLUMNS
from gitml.values import as_number

_PIECE = 4 << 20
_LARGEST_TIME = 1e15
_NUMBERS = frozenset({int, float})
# Names that no metric has: a metric may be called `time`.
_STEP, _TIME = "\0step", "\0time"
_AXES = {"step": _STEP, "time": _TIME}

Numbers = Sequence[float]
Names = tuple[str, ...]
# Names → the numbers of the lines that have them, and their values.
_Staged = dict[Names, tuple[list[int], list[Iterable[Any]]]]


class Points(msgspec.Struct, frozen=True):
    """The values of one metric.

    Attributes:
        values: In the order of the steps, or as they were measured; NaN for what is no number.
        steps: One for each, increasing; empty where not every value has one.
        times: Seconds since 1970, one for each (NaN where it isn't known); empty where none is.
        measured: How many values there were; of those with the same step the last one stays.
    """

    values: Numbers
    steps: Numbers = ()
    times: Numbers = ()
    measured: int = 0


def pieces_of(path: Path, where: str = "history.jsonl") -> Iterator[bytes]:
    """Yield a file in pieces of whole lines.

    Raises:
        RecordError: if it is too large or can't be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecordError(f"{where} has more than {MAX_BYTES:,} bytes.")
        with path.open("rb") as file:
            yield from _pieces(file)
    except OSError as error:
        raise RecordError(f"{where} can't be read: {error.strerror}.") from error


def pieces_in(data: bytes) -> Iterator[bytes]:
    """Yield bytes in pieces of whole lines."""
    return _pieces(io.BytesIO(data))


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece if piece.endswith(b"\n") else piece + file.readline(MAX_BYTES)


def points_of(pieces: Iterable[bytes], where: str = "history.jsonl") -> dict[str, Points]:
    """Return metric → its values over steps, of a `history.jsonl` in pieces of whole lines.

    Left out are metrics that never have a number, and those that only count steps (`epoch`).

    Raises:
        RecordError: if a line is no JSON object; the message says where.
    """
    groups: dict[Names, _Group] = {}
    number = 0
    for piece in pieces:
        staged = _rows(piece, number) or _lines(piece, number, where)
        for names, (lines, rows) in staged.items():
            group = groups.get(names)
            if group is None:
                group = groups[names] = _Group(names)
            group.take(lines, zip(*rows, strict=True))
            number += len(lines)
    return _joined(list(groups.values()))


def _rows(piece: bytes, number: int) -> _Staged | None:
    """Return lines of flat JSON objects by their names; None where there are others."""
    decoder = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
    try:
        rows = decoder.decode_lines(piece)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    staged: dict[Names, tuple[list[int], list[Iterable[Any]]]] = {}
    for line, row in enumerate(rows, number):
        group = staged.setdefault(tuple(row), ([], []))
        group[0].append(line)
        group[1].append(row.values())
    if any("values" in names for names in staged):
        return None
    return {tuple(_AXES.get(name, name) for name in names): it for names, it in staged.items()}


def _lines(piece: bytes, number: int, where: str) -> _Staged:
    """Return lines by their names, read by the one who knows about all that may be in them."""
    staged: _Staged = {}
    for line, read in enumerate(parse(piece, where), number):
        group = staged.setdefault((_STEP, _TIME, *read.values), ([], []))
        group[0].append(line)
        group[1].append((read.step, read.time, *read.values.values()))
    return staged


class _Group:
    """Lines with the same names, in their order, as columns.

    Attributes:
        lines: Their numbers in the history.
        steps: NaN where a line has none.
        times: NaN where a line has none.
        columns: Metric → its values.
        numeric: Metrics that have a number somewhere.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.lines = array("q")
        self.steps = array("d")
        self.times = array("d")
        self.columns = {
            name: array("d") for name in names if name not in (_STEP, _TIME, *STEP_COLUMNS)
        }
        self.numeric: set[str] = set()

    def take(self, lines: list[int], columns: Iterable[Sequence[Any]]) -> None:
        """Add lines, given the column of each name."""
        self.lines.extend(lines)
        for name, column in zip(self.names, columns, strict=True):
            if name == _STEP:
                self.steps.extend(_steps(column))
            elif name == _TIME:
                self.times.extend(_times(column))
            elif name in self.columns:
                numbers, numeric = _numbers(column)
                self.columns[name].extend(numbers)
                if numeric:
                    self.numeric.add(name)
        for axis in (self.steps, self.times):
            axis.extend([math.nan] * (len(self.lines) - len(axis)))


def _numbers(column: Sequence[Any]) -> tuple[array[float], bool]:
    """Return a column as floats, NaN for what is no number, and whether any is one."""
    if set(map(type, column)) <= _NUMBERS:
        try:
            return array("d", column), True
        except OverflowError:
            pass
    found = [as_number(value) for value in column]
    numeric = any(value is not None for value in found)
    return array("d", (math.nan if value is None else _float(value) for value in found)), numeric


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _steps(column: Sequence[Any]) -> array[float]:
    if set(map(type, column)) == {int}:
        return _numbers(column)[0]
    found = (whole_number(value) for value in column)
    return array("d", (math.nan if step is None else _float(step) for step in found))


def _times(column: Sequence[Any]) -> array[float]:
    numbers = _numbers(column)[0]
    if all(-_LARGEST_TIME < time < _LARGEST_TIME for time in numbers):
        return numbers
    return array("d", (t if -_LARGEST_TIME < t < _LARGEST_TIME else math.nan for t in numbers))


class _Axis:
    """Where the values of some metrics belong.

    Attributes:
        order: Places of the values in the order of the axis; None where they are in it already.
        steps: In that order; empty where not every value has one.
        times: In that order; empty where none is known.
    """

    def __init__(self, groups: Sequence[_Group]) -> None:
        self.order: list[int] | None = None
        self.steps: Numbers = _chained([group.steps for group in groups])
        self.times: Numbers = _chained([group.times for group in groups])
        if len(groups) > 1:
            lines = _chained([group.lines for group in groups])
            self._put(sorted(range(len(lines)), key=lines.__getitem__))
        if any(map(math.isnan, self.steps)):
            self.steps = ()
        elif not all(map(operator.lt, self.steps, islice(self.steps, 1, None))):
            last = {step: place for place, step in enumerate(self.steps)}
            self._put([last[step] for step in sorted(last)])
        if all(map(math.isnan, self.times)):
            self.times = ()

    def _put(self, order: list[int]) -> None:
        """Bring all into another order, after the present one."""
        self.order = order if self.order is None else [self.order[place] for place in order]
        self.steps = _in_order(self.steps, order)
        self.times = _in_order(self.times, order)


def _joined(groups: Sequence[_Group]) -> dict[str, Points]:
    """Return the values of each metric from all groups that have it."""
    having: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        for name in group.columns:
            having.setdefault(name, []).append(place)
    axes: dict[tuple[int, ...], _Axis] = {}
    found: dict[str, Points] = {}
    for name, places in having.items():
        chosen = [groups[place] for place in places]
        if not any(name in group.numeric for group in chosen):
            continue
        if tuple(places) not in axes:
            axes[tuple(places)] = _Axis(chosen)
        axis = axes[tuple(places)]
        values = _chained([group.columns[name] for group in chosen])
        kept = values if axis.order is None else _in_order(values, axis.order)
        found[name] = Points(kept, axis.steps, axis.times, len(values))
    return found


def _chained(parts: Sequence[array[Any]]) -> array[Any]:
    if len(parts) == 1:
        return parts[0]
    whole = array(parts[0].typecode)
    for part in parts:
        whole.extend(part)
    return whole


def _in_order(column: Numbers, order: Sequence[int]) -> Numbers:
    return array("d", map(column.__getitem__, order)) if column else ()
