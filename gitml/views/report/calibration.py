"""How far the confidence of classifiers can be believed: the reliability diagram."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.views.report.drawing import percent
from gitml.views.report.markup import Markup, join, tag
from gitml.views.report.sides import name, rounded
from gitml.views.report.tables import Cell, Head, table

if TYPE_CHECKING:
    from gitml.comparison.statistics.calibration import Bin, Calibration

# The diagram's frame, in percent of its width and height.
_LEFT, _RIGHT, _TOP, _BOTTOM = 11.0, 98.0, 2.0, 89.0
_GRID = (0.0, 0.25, 0.5, 0.75, 1.0)


def calibration(
    a: Sequence[Calibration], b: Sequence[Calibration], titles: Sequence[str]
) -> Markup | None:
    """Return the reliability diagram with its table; None without probabilities."""
    if not a and not b:
        return None
    sides = [
        _curve(one.bins, place) for place, runs in enumerate((a, b)) for one in runs if one.bins
    ]
    told = "Reliability: the share that is right over the confidence"
    diagram = tag(
        "svg",
        tag("title", told),
        *_frame(),
        *sides,
        class_="square",
        width="100%",
        role="img",
        aria_label=told,
    )
    about = (
        "On the dashed line a classifier is right as often as it says. Each point is a group of "
        "examples with neighbouring confidences."
    )
    inside = tag("div", tag("figure", diagram), _table(a, b, titles), class_="pair")
    return join([tag("h3", "Calibration"), tag("p", about, class_="soft"), inside])


def _x(part: float) -> float:
    return _LEFT + part * (_RIGHT - _LEFT)


def _y(part: float) -> float:
    return _BOTTOM - part * (_BOTTOM - _TOP)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return tag("line", x1=percent(x1), y1=percent(y1), x2=percent(x2), y2=percent(y2), class_=kind)


def _frame() -> list[Markup]:
    found = []
    for part in _GRID:
        found.append(_line(_x(0), _y(part), _x(1), _y(part), "grid"))
        mark = f"{part:g}"
        found.append(
            tag("text", mark, x=percent(_LEFT - 1.5), y=percent(_y(part) + 1), text_anchor="end")
        )
        found.append(tag("text", mark, x=percent(_x(part)), y=percent(94), text_anchor="middle"))
    found.append(_line(_x(0), _y(0), _x(1), _y(1), "perfect"))
    found.append(tag("text", "confidence", x=percent(_x(1)), y=percent(99), text_anchor="end"))
    found.append(tag("text", "share that is right", x=percent(_LEFT + 1), y=percent(_TOP + 3)))
    return found


def _curve(bins: Sequence[Bin], side: int) -> Markup:
    points = [(_x(row.confidence), _y(row.accuracy)) for row in bins]
    lines = [_line(*start, *stop, f"s{side}") for start, stop in itertools.pairwise(points)]
    dots = [
        tag("circle", cx=percent(x), cy=percent(y), r=3.5, class_=f"s{side}") for x, y in points
    ]
    return tag("g", *lines, *dots)


def _table(a: Sequence[Calibration], b: Sequence[Calibration], titles: Sequence[str]) -> Markup:
    heads = [
        Head("mean over runs"),
        Head("expected calibration error", numeric=True),
        Head("Brier score", numeric=True),
    ]
    rows: list[list[Cell | str]] = []
    for side, runs in enumerate((a, b)):
        error = [run.ece for run in runs]
        brier = [run.brier for run in runs if run.brier is not None]
        rows.append([name(titles, side), _mean(error), _mean(brier)])
    return table("Calibration", heads, rows)


def _mean(found: Sequence[float]) -> str:
    return rounded(sum(found) / len(found) if found else None, 3)
