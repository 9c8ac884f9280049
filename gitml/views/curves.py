"""Curves and bars made of characters, for terminals: one row each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

_BLOCKS, _PLAIN_BLOCKS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_ODD, _PLAIN_ODD = "×", "x"
# Values so far from the mean of their stretch (as a share of the whole range) are drawn instead of
# it, so that a spike of one step is seen.
_SPIKE = 0.25

Range = tuple[float, float]


class Line(msgspec.Struct, frozen=True):
    """A curve to draw.

    Attributes:
        xs: Where its points are, increasing.
        ys: Their values.
        name: What it is called, escaped already.
    """

    xs: Sequence[float]
    ys: Sequence[float]
    name: str = ""


def span(numbers: Sequence[float]) -> Range | None:
    """Return the smallest and largest finite number; None without one."""
    finite = [number for number in numbers if math.isfinite(number)]
    return (min(finite), max(finite)) if finite else None


def share(value: float, low: float, high: float) -> float:
    """Return where a value is between two, 0 … 1; 0 where these are the same."""
    # Halves, since the distance of two large numbers may be larger than any number.
    width = high / 2 - low / 2
    return min(1.0, max(0.0, (value / 2 - low / 2) / width)) if width > 0 else 0.0


def row(line: Line, columns: int, x: Range, y: Range, *, plain: bool = False) -> str:
    """Return a curve as one row of block characters.

    Args:
        line: The curve.
        columns: How wide.
        x: The stretch to draw, from the left to the right.
        y: The values of the lowest and of the highest block.
        plain: Whether to use ASCII only.

    Returns:
        A space where there is no value, `×` (`x`) where there is none that is finite.
    """
    marks, odd = (_PLAIN_BLOCKS, _PLAIN_ODD) if plain else (_BLOCKS, _ODD)
    top = len(marks) - 1
    drawn = ""
    for value in resampled(line, columns, x, y):
        if value is None:
            drawn += " "
        elif not math.isfinite(value):
            drawn += odd
        else:
            drawn += marks[round(share(value, *y) * top)]
    return drawn


def sparkline(points: Sequence[float], columns: int = 24, *, plain: bool = False) -> str:
    """Return values that are evenly spaced as one row of blocks over their own range."""
    columns = min(columns, len(points))
    if not columns:
        return ""
    y = span(points) or (0.0, 0.0)
    x = (0.0, max(1.0, len(points) - 1.0))
    return row(Line(range(len(points)), points), columns, x, y, plain=plain)


def bar(value: float, largest: float, columns: int, *, plain: bool = False) -> str:
    """Return a bar for a value between 0 and `largest`, at most `columns` columns wide."""
    if not (math.isfinite(value) and value > 0 and 0 < largest < math.inf):
        return ""
    eighths = max(1, round(min(1.0, value / largest) * columns * 8))
    if plain:
        return "#" * max(1, round(eighths / 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def resampled(line: Line, columns: int, x: Range, y: Range) -> list[float | None]:
    """Return one value for each of so many columns.

    Of several points in a column their mean counts, or one that is far from it. Columns between
    points are filled in evenly.

    Returns:
        None before the first and behind the last point; NaN where no point is finite.
    """
    found: list[float | None] = [None] * columns
    stretches: dict[int, list[float]] = {}
    for at, value in zip(line.xs, line.ys, strict=True):
        stretches.setdefault(round(share(at, *x) * (columns - 1)), []).append(value)
    before: int | None = None
    for column, stretch in sorted(stretches.items()):
        found[column] = _typical(stretch, y)
        if before is not None:
            _fill(found, before, column)
        before = column
    return found


def _typical(stretch: Sequence[float], y: Range) -> float:
    finite = [value for value in stretch if math.isfinite(value)]
    if not finite:
        return math.nan
    mean = sum(value / len(finite) for value in finite)
    far = max(finite, key=lambda value: abs(value / 2 - mean / 2))
    return far if abs(far / 2 - mean / 2) > _SPIKE * (y[1] / 2 - y[0] / 2) else mean


def _fill(found: list[float | None], start: int, stop: int) -> None:
    first, last = found[start], found[stop]
    if first is None or last is None:
        return
    for column in range(start + 1, stop):
        part = (column - start) / (stop - start)
        found[column] = first * (1 - part) + last * part
