"""Confusion matrices of both, and how they changed; shaded, and readable without colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.views.report.markup import Markup, join, tag
from gitml.views.report.sides import name
from gitml.views.report.tables import Cell, Head, table

if TYPE_CHECKING:
    from gitml.comparison.statistics.confusion import Confusion
    from gitml.comparison.statistics.predictions import PredictionComparison

_MOST_LABELS = 24
_SHADES = 9
_STEPS = 5
_LISTED = 12
# Longer numbers make their columns wider than others.
_SHORT = 3

Matrix = Sequence[Sequence[float]]


def matrices(compared: PredictionComparison, titles: Sequence[str]) -> Markup | None:
    """Return the matrices of A and of B and the change between them; None for regression."""
    found = compared.confusion
    if found is None:
        return None
    parts = [tag("h3", "Confusion")]
    if found.a and len(found.labels) <= _MOST_LABELS:
        about = (
            "Rows are the truth, columns what is predicted. In the change, the colour is that of "
            "the experiment which a cell speaks for."
        )
        if max(compared.runs) > 1:
            about += " Numbers are means over the runs."
        parts.append(tag("p", about, class_="soft"))
        parts.append(_three(found, titles))
    else:
        parts.append(tag("p", f"{len(found.labels):,} labels are too many to draw.", class_="soft"))
    if found.changes and (len(found.labels) > 4 or not found.a):
        parts.append(_changes(found, titles))
    return join(parts)


def _three(found: Confusion, titles: Sequence[str]) -> Markup:
    drawn = (
        _matrix(name(titles, 0), "0", found.labels, found.a),
        _matrix(name(titles, 1), "1", found.labels, found.b),
        _difference(found),
    )
    return tag("div", *drawn, class_="matrices")


def _matrix(title: Markup, side: str, labels: Sequence[str], counts: Matrix) -> Markup:
    totals = [sum(row) or 1.0 for row in counts]
    cells = [
        [(f"h{side}{_shade(value / total)}" if value else "none", _count(value)) for value in row]
        for row, total in zip(counts, totals, strict=True)
    ]
    return _grid(title, labels, cells)


def _difference(found: Confusion) -> Markup:
    top = max((abs(cell.b - cell.a) for cell in found.changes), default=0.0) or 1.0
    cells = []
    for place, (row_a, row_b) in enumerate(zip(found.a, found.b, strict=True)):
        row = []
        for column, (one, other) in enumerate(zip(row_a, row_b, strict=True)):
            step = other - one
            side = "1" if (step > 0) == (place == column) else "0"
            strength = min(_STEPS, 1 + int(abs(step) / top * (_STEPS - 0.01)))
            kind = f"h{side}{strength + 2}" if step else "none"
            row.append((kind, _signed(step)))
        cells.append(row)
    return _grid(tag("span", "Change"), found.labels, cells)


def _grid(
    title: Markup, labels: Sequence[str], cells: Sequence[Sequence[tuple[str, str]]]
) -> Markup:
    long = any(len(text) > _SHORT for row in cells for _, text in row)
    heads = [tag("th", label, scope="col") for label in labels]
    corner = tag("td", tag("span", "truth \\ predicted", class_="unseen"))
    rows = [
        tag(
            "tr",
            tag("th", label, scope="row"),
            *(tag("td", text, class_=kind) for kind, text in row),
        )
        for label, row in zip(labels, cells, strict=True)
    ]
    body = tag(
        "table",
        tag("caption", title),
        tag("thead", tag("tr", corner, *heads)),
        tag("tbody", *rows),
        class_="confusion even" if long else "confusion",
    )
    return tag("div", body, class_="scroll", tabindex=0, role="region", aria_label="Confusion")


def _changes(found: Confusion, titles: Sequence[str]) -> Markup:
    heads = [
        Head("truth"),
        Head("predicted"),
        *(Head(name(titles, side), numeric=True) for side in (0, 1)),
        Head("change", numeric=True),
    ]
    rows: list[list[Cell | str]] = [
        [cell.truth, cell.predicted, _count(cell.a), _count(cell.b), _signed(cell.b - cell.a)]
        for cell in found.changes[:_LISTED]
    ]
    body = table("The cells that changed most", heads, rows)
    return tag("details", tag("summary", "The cells that changed most"), body, open=not found.a)


def _shade(part: float) -> int:
    return min(_SHADES, max(1, round(part * _SHADES)))


def _count(value: float) -> str:
    """Return a number of examples, which may be a mean over runs, in few characters."""
    if not value:
        return "·"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _signed(step: float) -> str:
    return "·" if not step else f"{'+' if step > 0 else '−'}{_count(abs(step))}"
