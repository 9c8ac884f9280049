"""Metrics of a comparison: values or means, the difference with its interval, and a word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.values import as_number
from gitml.views import table as plain
from gitml.views import values, verdicts
from gitml.views.report.drawing import even_axis, whisker
from gitml.views.report.markup import Markup, join, tag
from gitml.views.report.page import Section
from gitml.views.report.sides import colour, name, signed
from gitml.views.report.tables import Cell, Head, table

if TYPE_CHECKING:
    from gitml.comparison.result import Comparison, Metric

_WORDS = {True: "better", False: "worse", None: ""}


def section(comparison: Comparison, titles: Sequence[str]) -> Section:
    """Return the metrics; empty when they are the same everywhere."""
    rows = comparison.metrics
    if not rows:
        return Section("metrics", "Metrics", Markup())
    repeated = any(row.repeated is not None for row in rows)
    heads = [Head("metric", sort=True)]
    heads += [
        Head(name(titles, place), numeric=True, kind=colour(place)) for place in range(len(titles))
    ]
    if len(titles) > 2:
        heads.append(Head("best"))
        body = table("Metrics", heads, [_several(row, titles) for row in rows])
        return Section("metrics", "Metrics", body)
    heads.append(Head("change", numeric=True, kind="step"))
    if repeated:
        heads.append(Head("interval of the change", kind="pic"))
        heads.append(Head("p (Holm)", numeric=True, kind="p"))
    heads.append(Head("", kind="up"))
    body = table("Metrics", heads, [_pair(row, repeated) for row in rows], kind="metrics")
    return Section("metrics", "Metrics", join([body, _remark(comparison)]), _lead(repeated))


def _lead(repeated: bool) -> str:
    if not repeated:
        return ""
    return (
        "Mean ± deviation over replicates, their number in brackets. Each interval has its own "
        "scale; the line is no difference."
    )


def _remark(comparison: Comparison) -> Markup | None:
    tested = sum(
        row.repeated is not None and row.repeated.adjusted_p is not None
        for row in comparison.metrics
    )
    if not tested:
        return None
    return tag(
        "p",
        "The verdict is about the primary metric. The p-values of the others are corrected for "
        "their number (Holm), so that they can be read together.",
        class_="soft",
    )


def _several(row: Metric, titles: Sequence[str]) -> list[Cell | str]:
    cells: list[Cell | str] = [_title(row)]
    for place, (value, gone) in enumerate(zip(row.values, row.missing, strict=True)):
        shown = values.MISSING if gone else values.scalar(value)
        cells.append(Cell(shown, None, "strong" if row.best == place else ""))
    cells.append("" if row.best is None else name(titles, row.best))
    return cells


def _pair(row: Metric, any_repeated: bool) -> list[Cell | str]:
    singles = [
        plain.Cell(values.MISSING if gone else values.scalar(value), value)
        for value, gone in zip(row.values, row.missing, strict=True)
    ]
    better = row.better
    step = signed(row.change) if _is_finite(row.change) else ""
    repeated = row.repeated
    if repeated is not None:
        singles = verdicts.cells(row, repeated, singles)
        step = verdicts.change(repeated)[0].text.replace("-", "−")
        better = repeated.better
    cells: list[Cell | str] = [_title(row), *(cell.text for cell in singles), step]
    if any_repeated:
        cells += [_interval(row), _p_value(row)]
    word = _WORDS[better]
    mark = {"better": "▲ ", "worse": "▼ "}.get(word, "")
    cells.append(Cell(f"{mark}{word}", None, "good" if better else ""))
    return cells


def _title(row: Metric) -> Cell:
    kind = "primary, " if row.primary else ""
    goal = {"max": "higher is better", "min": "lower is better"}.get(row.goal, "")
    more = f"{kind}{goal}".rstrip(", ")
    return Cell(
        join([tag("code", row.name), tag("small", more, class_="soft") if more else None]),
        row.name,
    )


def _interval(row: Metric) -> Markup:
    repeated = row.repeated
    if repeated is None or repeated.interval is None or not all(map(_is_finite, repeated.interval)):
        return Markup()
    kind = {True: "for-1", False: "for-0", None: ""}[repeated.better]
    axis = even_axis([*repeated.interval, repeated.difference])
    low, high = repeated.interval
    words = tag("span", f"{signed(low, 3)} to {signed(high, 3)}", class_="unseen")
    return join([words, whisker(axis, repeated.difference, repeated.interval, 18, kind)])


def _p_value(row: Metric) -> str:
    if row.repeated is None or row.repeated.adjusted_p is None:
        return ""
    p = row.repeated.adjusted_p
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _is_finite(number: float | None) -> bool:
    found = as_number(number)
    return found is not None and math.isfinite(found)
