"""Metrics over steps: data for the charts, and what they come to as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitml.comparison.downsampling import places_kept
from gitml.views import values
from gitml.views.histories import began_alike, oddities
from gitml.views.report.embed import even, number, numbers
from gitml.views.report.markup import Markup, join, tag
from gitml.views.report.page import Section
from gitml.views.report.sides import name, rounded
from gitml.views.report.tables import Cell, Head, table

if TYPE_CHECKING:
    from gitml.comparison.contents import Curve, HistoryComparison

# Of the whole report: about a megabyte.
_MOST_POINTS = 60_000
_FEWEST, _MOST = 40, 1000
_DIGITS = 5
_MOST_METRICS = 60


def section(found: Sequence[HistoryComparison], titles: Sequence[str]) -> Section:
    """Return the curves; empty when there are none."""
    drawn = _drawn(found)
    if not drawn:
        return Section("curves", "Curves", Markup())
    told = join(
        [
            tag("div", id="curve-tools", class_="tools", hidden=True),
            tag("div", id="curve-charts", class_="charts"),
            tag("noscript", tag("p", "The charts need JavaScript; the table has what they show.")),
            _table(drawn, titles),
        ]
    )
    left = len(found) - len(drawn)
    lead = f"{left:,} more without any point, or beyond the first {_MOST_METRICS}." if left else ""
    return Section("curves", "Curves", told, lead)


def data(found: Sequence[HistoryComparison], titles: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the charts draw."""
    drawn = _drawn(found)
    count = sum(len(_runs(item, place)) for item in drawn for place in range(len(item.curves)))
    most = min(_MOST, max(_FEWEST, _MOST_POINTS // max(count, 1)))
    return [
        {
            "metric": values.escape(item.metric),
            "goal": item.goal,
            "stepped": item.stepped,
            "parted": number(item.parted) if began_alike(item) else None,
            "note": _note(item, titles),
            "series": [
                {"e": place, "runs": [curve_data(run, most) for run in _runs(item, place)]}
                for place in range(len(item.curves))
            ],
        }
        for item in drawn
    ]


def curve_data(curve: Curve, most: int) -> dict[str, Any]:
    """Return a curve with at most so many points: x (evenly spaced as start and step), y."""
    places = places_kept(curve.values, most)
    steps = numbers([curve.steps[place] for place in places])
    found: dict[str, Any] = {"y": numbers([curve.values[place] for place in places], _DIGITS)}
    found["x"] = even(steps) or steps
    if len(curve.seconds) == len(curve.values):
        found["t"] = numbers([curve.seconds[place] for place in places], 4)
    if curve.run:
        found["run"] = values.escape(curve.run)
    return found


def _note(item: HistoryComparison, titles: Sequence[str]) -> str:
    odd = "; ".join(oddities(item, titles))
    return " ".join(filter(None, (values.escape(item.note), f"{odd}." if odd else "")))


def _drawn(found: Sequence[HistoryComparison]) -> list[HistoryComparison]:
    kept = [item for item in found if any(curve and curve.values for curve in item.curves)]
    return kept[:_MOST_METRICS]


def _runs(item: HistoryComparison, place: int) -> list[Curve]:
    """Return the curve of an experiment, then those of its replicates."""
    own = item.curves[place]
    others = item.replicates[place] if place < len(item.replicates) else ()
    return [curve for curve in (own, *others) if curve is not None and curve.values]


def _table(found: Sequence[HistoryComparison], titles: Sequence[str]) -> Markup:
    heads = [Head("metric", sort=True)]
    for place in range(len(titles)):
        best = join([name(titles, place), tag("br"), "best (step)"])
        heads += [Head(best, numeric=True), Head(join(["last"]), numeric=True)]
    rows = []
    for item in found:
        cells: list[Cell | str] = [Cell(tag("code", item.metric), item.metric)]
        for place in range(len(titles)):
            cells += [_best(item, place), _value(_point(item.last, place))]
        rows.append(cells)
    body = table("Best and last values of the curves", heads, rows, first=8)
    return tag("details", tag("summary", "Best and last values"), body, open=len(found) <= 8)


def _point(points: Sequence[tuple[float, float] | None], place: int) -> tuple[float, float] | None:
    return points[place] if place < len(points) else None


def _best(item: HistoryComparison, place: int) -> str:
    point = _point(item.best, place)
    if point is None:
        return values.MISSING if not item.goal else ""
    return f"{rounded(point[1])} ({rounded(point[0], 8)})"


def _value(point: tuple[float, float] | None) -> str:
    return values.MISSING if point is None else rounded(point[1])
