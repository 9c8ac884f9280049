"""How far weights moved, block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.views import values
from gitml.views.report.drawing import Axis, box, drawing
from gitml.views.report.markup import Child, Markup, join, tag
from gitml.views.report.page import Section
from gitml.views.report.sides import name, rounded, share
from gitml.views.report.tables import Cell, Head, listing, table

if TYPE_CHECKING:
    from gitml.comparison.contents import BlockChange, TensorChange, WeightsComparison

_FIRST = 12
_MOST_TENSORS = 300
_KINSHIP = {
    "same": "The weights are the same.",
    "independent": (
        "The models were initialised apart, so how far one is from the other says nothing."
    ),
}


def section(found: Sequence[WeightsComparison], titles: Sequence[str]) -> Section:
    """Return how the weights differ; empty without any."""
    several = len(found) > 1
    return Section("weights", "Weights", join(_one(item, titles, several) for item in found))


def _one(item: WeightsComparison, titles: Sequence[str], several: bool) -> Markup:
    parts: list[Child] = [
        tag("h3", tag("code", item.path)) if several else None,
        tag("p", _sentence(item), class_="about"),
        listing(item.notes, "aside"),
        _blocks(item, titles),
        _tensors(item, titles),
    ]
    return join(parts)


def _sentence(item: WeightsComparison) -> str:
    before, after = item.parameters
    size = f"{after:,} parameters"
    if before != after:
        size = f"{before:,} → {after:,} parameters"
    counted = ", ".join(f"{count:,} {change}" for change, count in item.counts.items() if count)
    total = sum(item.counts.values())
    how = "" if item.exact else " Estimated from the tensor manifests; --weights reads them all."
    told = f"{item.path}: {size}; {values.plural(total, 'tensor')}: {counted}."
    kin = _KINSHIP.get(item.kinship, "")
    measured = any(block.relative is not None for block in item.blocks)
    if not measured:
        is_open = item.kinship in ("related", "unknown") and not item.exact
        how = "How far each block moved is told by --weights, which reads them." if is_open else ""
    return " ".join(filter(None, (told, kin, how.strip())))


def _blocks(item: WeightsComparison, titles: Sequence[str]) -> Markup | None:
    # Of an unmeasured block nothing but its norms is known; of the others, only training counts.
    rows = [row for row in item.blocks if row.relative is None or row.changed > row.statistics]
    still = len(item.blocks) - len(rows)
    said = f"In {values.plural(still, 'block')} only running statistics of normalisation changed."
    about = tag("p", said, class_="soft") if still else None
    if not rows:
        return about
    measured = [row.relative for row in rows if _known(row.relative)]
    top = max((value for value in measured if value is not None), default=0.0)
    heads = [Head("block", sort=True), Head("parameters", numeric=True, sort=True)]
    if measured:
        heads += [
            Head("relative change", kind="pic"),
            Head("‖B − A‖ / ‖A‖", numeric=True, sort=True),
            Head("cosine", numeric=True, sort=True),
        ]
    if any(row.largest is not None for row in rows):
        heads.append(Head("largest step", numeric=True, sort=True))
    heads += [
        Head(join(["norm in ", name(titles, side)]), numeric=True, sort=True) for side in (0, 1)
    ]
    largest = any(row.largest is not None for row in rows)
    lines = [_block(row, top if measured else None, largest) for row in rows]
    return join(
        [table("Blocks, the one that changed most first", heads, lines, first=_FIRST), about]
    )


def _block(row: BlockChange, top: float | None, largest: bool) -> list[Cell | str]:
    odd = sum(row.odd)
    warned = tag("small", f" {odd:,} NaN or infinite", class_="odd") if odd else None
    parameters = max(row.parameters)
    cells: list[Cell | str] = [
        Cell(join([tag("code", row.name), warned]), row.name),
        Cell(f"{parameters:,}", parameters),
    ]
    if top is not None:
        cells += [
            _bar(row.relative, top),
            Cell(share(row.relative), row.relative),
            Cell(_cosine(row.cosine), row.cosine),
        ]
    if largest:
        cells.append(_cell(row.largest))
    return [*cells, *(_cell(norm) for norm in row.norms)]


def _bar(value: float | None, top: float) -> Markup:
    if value is None or not _known(value) or not top > 0:
        return Markup()
    axis = Axis(0.0, top, 0.0, 100.0)
    return drawing(
        box(0, 3, 100, 10, "track"), box(0, 3, axis.at(value), 10, "s1"), height=16, kind="bars"
    )


def _tensors(item: WeightsComparison, titles: Sequence[str]) -> Markup | None:
    if not item.tensors:
        return None
    heads = [
        Head("tensor", sort=True),
        Head("change"),
        *(Head(name(titles, side)) for side in (0, 1)),
        Head("‖B − A‖ / ‖A‖", numeric=True, sort=True),
        Head("cosine", numeric=True, sort=True),
    ]
    rows = [_tensor(row) for row in item.tensors[:_MOST_TENSORS]]
    left = len(item.tensors) - len(rows)
    more = tag("p", f"And {left:,} more; --json has them all.", class_="soft") if left > 0 else None
    body = table("Tensors that aren’t the same", heads, rows, first=30)
    return tag("details", tag("summary", f"Tensors ({len(item.tensors):,})"), body, more)


def _tensor(row: TensorChange) -> list[Cell | str]:
    return [
        Cell(tag("code", row.name), row.name),
        row.change,
        *(_shape(row.shapes[side], row.dtypes[side]) for side in (0, 1)),
        Cell(share(row.relative), row.relative),
        Cell(_cosine(row.cosine), row.cosine),
    ]


def _shape(shape: tuple[int, ...] | None, dtype: str | None) -> str:
    if shape is None:
        return values.MISSING
    return tag("code", f"{' × '.join(map(str, shape)) or 'scalar'} {dtype or ''}".rstrip())


def _cell(value: float | None) -> Cell:
    if value is None or not 1e-3 <= abs(value) < 1e4:
        return Cell(rounded(value), value)
    return Cell(f"{value:#.4g}".rstrip("."), value)  # with its zeros, for a column


def _cosine(value: float | None) -> str:
    return values.MISSING if value is None else f"{value:.4f}".replace("-", "−")


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
