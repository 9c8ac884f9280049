"""What the charts of a report of many experiments draw: columns of values, short as they can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitml.values import Scalar, as_number
from gitml.views import values
from gitml.views.report.embed import even, number, numbers
from gitml.views.report.overview_table import Columns

if TYPE_CHECKING:
    from gitml.history.rows import Row
    from gitml.operations.report import Overview, Points

_LONGEST = 40
_DIGITS = 6
_CURVE_DIGITS = 4


def data(found: Overview, columns: Columns) -> dict[str, Any]:
    """Return the data; experiments are known by their place, oldest first."""
    rows = found.rows
    return {
        "primary": values.escape(found.goals.primary),
        "goal": found.goals.goal,
        "names": [values.cut(values.escape(row.experiment), _LONGEST) for row in rows],
        "studies": _texts([row.study for row in rows]),
        "completed": [int(row.status == "completed") for row in rows],
        "started": [number(row.started, 12) for row in rows],
        "tags": [values.escape(" ".join(row.tags)) for row in rows],
        "values": [
            *(
                _column("metric", title, [row.metrics.get(name) for row in rows], found, name)
                for name, title in columns.metrics.items()
            ),
            *(
                _column("setting", title, [row.params.get(name) for row in rows], found, name)
                for name, title in columns.params.items()
            ),
        ],
        "curves": _curves(rows, found.curves),
    }


def _column(
    kind: str, title: str, cells: Sequence[Scalar], found: Overview, name: str
) -> dict[str, Any]:
    """Return a column: numbers, or places in a list of texts where any of them is none."""
    column: dict[str, Any] = {"kind": kind, "title": values.escape(title)}
    if kind == "metric":
        column["name"] = values.escape(name)
        column["goal"] = found.goals.goals.get(name, "")
    known = [cell for cell in cells if cell is not None]
    if known and all(as_number(cell) is not None for cell in known):
        return column | {"v": [number(_float(cell), _DIGITS) for cell in cells]}
    shown = [None if cell is None else values.cut(values.scalar(cell), _LONGEST) for cell in cells]
    return column | _texts(shown)


def _float(cell: Scalar) -> float | None:
    found = as_number(cell)
    if found is None:
        return None
    try:
        return float(found)
    except OverflowError:
        return math.inf


def _texts(found: Sequence[str | None]) -> dict[str, Any]:
    names = list(dict.fromkeys(text for text in found if text is not None))
    place = {name: number for number, name in enumerate(names)}
    return {
        "texts": [values.escape(name) for name in names],
        "v": [None if text is None else place[text] for text in found],
    }


def _curves(rows: Sequence[Row], curves: dict[str, dict[str, Points]]) -> list[dict[str, Any]]:
    """Return for each metric the curves of the experiments that have it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for place, row in enumerate(rows):
        for name, points in curves.get(row.commit, {}).items():
            steps = numbers(points.steps)
            shown = {"i": place, "y": numbers(points.values, _CURVE_DIGITS)}
            found.setdefault(name, []).append({**shown, "x": even(steps) or steps})
    return [{"metric": values.escape(name), "runs": runs} for name, runs in found.items()]
