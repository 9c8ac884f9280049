"""Metrics over steps of several experiments: a chart of the first one, and a row for each curve."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gitml.views import values
from gitml.views.curves import Line, Range, row, span
from gitml.views.line_chart import MOST_CURVES, chart
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table

if TYPE_CHECKING:
    from gitml.comparison.contents import Curve, HistoryComparison

_ROWS, _HEIGHT, _COLUMNS = 8, 7, 16
_WIDTH, _NARROW = 80, 48
_NOTES = 4


def sections(
    found: Sequence[HistoryComparison],
    titles: Sequence[str],
    *,
    width: int = 0,
    plain: bool = False,
    everything: bool = False,
) -> list[Section]:
    """Return the section of the curves; none where no curve differs.

    Args:
        found: Of each metric.
        titles: Of the experiments.
        width: Columns of the terminal; 0 when nobody looks at one.
        plain: Whether to use ASCII only.
        everything: Also the curves that are the same, and all of the others.
    """
    shown = [item for item in found if everything or not _same(item)]
    most = len(shown) if everything else max(1, _ROWS // len(titles))
    shown, left = shown[:most], shown[most:]
    if not shown:
        return []
    rows = [cells for item in shown for cells in _rows(item, titles, plain=plain)]
    stepped = all(item.stepped for item in shown)
    columns = (
        Column("metric", keep=FIXED),
        Column("experiment", keep=FIXED),
        Column("over steps" if stepped else "over time", keep=70, narrow=_COLUMNS),
        Column("best (step)" if stepped else "best (number)", keep=90, narrow=18),
        Column("last", keep=95),
    )
    lines = [*_notes(shown, titles)]
    if left:
        names = values.listing([item.metric for item in left], 3)
        lines.append(f"not shown: {names} (see --all or --html)")
    drawn = tuple(_chart(shown[0], titles, min(width or _WIDTH, 2 * _WIDTH), plain=plain))
    return [Section("Curves", Table(columns, tuple(rows)), tuple(lines), drawn)]


def _same(item: HistoryComparison) -> bool:
    """Whether all experiments have the same curve."""
    first = item.curves[0]
    return all(_equal(first, curve) for curve in item.curves[1:])


def _equal(one: Curve | None, other: Curve | None) -> bool:
    if one is None or other is None:
        return one is other
    if one.steps != other.steps or one.measured != other.measured:
        return False
    pairs = zip(one.values, other.values, strict=True)
    return all(mine == its or (mine != mine and its != its) for mine, its in pairs)


def _rows(
    item: HistoryComparison, titles: Sequence[str], *, plain: bool
) -> Iterator[tuple[Cell, ...]]:
    y = span([value for curve in item.curves if curve for value in curve.values]) or (0.0, 0.0)
    x = _range(item.curves)
    longest = max((len(curve.values) for curve in item.curves if curve), default=0)
    columns = min(_COLUMNS, longest)
    goal = f" ({item.goal})" if item.goal else ""
    for place, (title, curve) in enumerate(zip(titles, item.curves, strict=True)):
        name = f"{values.escape(item.metric)}{goal}" if place == 0 else ""
        if curve is None:
            cells = [values.MISSING, "", ""]
        else:
            over = x if item.aligned and x is not None else _range([curve])
            line = Line(curve.steps, curve.values)
            drawn = row(line, columns, over, y, plain=plain) if over else ""
            cells = [drawn, _best(item, place), _last(item, place)]
        yield tuple(_plain(text) for text in (name, values.escape(title), *cells))


def _range(curves: Sequence[Curve | None]) -> Range | None:
    return span([step for curve in curves if curve for step in curve.steps])


def _best(item: HistoryComparison, place: int) -> str:
    best = item.best[place] if item.best else None
    if best is None:
        return ""
    return f"{_number(best[1])} ({values.number(best[0])})"


def _last(item: HistoryComparison, place: int) -> str:
    last = item.last[place] if item.last else None
    return _number(last[1]) if last else ""


def _number(value: float) -> str:
    return values.number(float(f"{value:.4g}")) if math.isfinite(value) else values.number(value)


def _chart(item: HistoryComparison, titles: Sequence[str], width: int, *, plain: bool) -> list[str]:
    """Return the chart of one metric; empty where its curves don't belong over each other."""
    lines = [
        Line(curve.steps, curve.values, values.escape(title))
        for title, curve in zip(titles, item.curves, strict=True)
        if curve is not None
    ]
    enough = any(len(line.xs) > 2 for line in lines)
    if width < _NARROW or not enough or not item.aligned or not 2 <= len(lines) <= MOST_CURVES:
        return []
    unit = "step" if item.stepped else "measurement"
    drawn = chart(lines, width - 2, _HEIGHT, unit=unit, plain=plain)
    return [values.escape(item.metric), *drawn] if drawn else []


def _notes(shown: Sequence[HistoryComparison], titles: Sequence[str]) -> Iterator[str]:
    first = shown[0]
    name = values.escape(first.metric)
    if first.parted is not None and began_alike(first):
        where = values.number(first.parted)
        yield f"{name}: the curves are equal at first, and differ from step {where} on."
    yield from dict.fromkeys(values.escape(item.note) for item in shown if item.note)
    told = (line for item in shown for line in oddities(item, titles))
    yield from [line for line, _ in zip(told, range(_NOTES), strict=False)]


def began_alike(item: HistoryComparison) -> bool:
    """Whether curves are equal at more than the first step, where all models know nothing yet."""
    parted = item.parted
    if parted is None:
        return False
    return sum(step < parted for curve in item.curves[:1] if curve for step in curve.steps) > 1


def oddities(item: HistoryComparison, titles: Sequence[str]) -> Iterator[str]:
    """Yield what is odd about each curve of a metric: NaN, missing steps, repeated ones."""
    for title, curve in zip(titles, item.curves, strict=True):
        if curve is None:
            continue
        about = []
        if curve.odd:
            about.append(f"{values.plural(curve.odd, 'value')} NaN or infinite")
        if curve.missing:
            about.append(f"{values.plural(curve.missing, 'step')} missing")
        if curve.repeated:
            about.append(f"{values.plural(curve.repeated, 'value')} measured again later")
        if about:
            where = f"{values.escape(item.metric)} of {values.escape(title)}"
            yield f"{where}: {', '.join(about)}"


def _plain(text: str) -> Cell:
    return Cell(text, text)
