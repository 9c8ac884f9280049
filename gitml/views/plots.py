"""Plots and tables of several experiments: which changed, and by how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.views import values
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table

if TYPE_CHECKING:
    from gitml.comparison.contents import PixelDifference, PlotComparison, TableDifference

_ROWS = 8


def sections(
    found: Sequence[PlotComparison], titles: Sequence[str], *, everything: bool = False
) -> list[Section]:
    """Return the section of the plots; none where no plot changed.

    Args:
        found: The plots.
        titles: Of the experiments.
        everything: Also those that are the same, and all of the others.
    """
    shown = [item for item in found if everything or item.change != "same"]
    # What changed most is what one wants to look at.
    shown.sort(key=lambda item: -_share(item))
    left = [] if everything else shown[_ROWS:]
    if not everything:
        shown = shown[:_ROWS]
    if not shown:
        return []
    rows = tuple((item.path, _plain(item.kind), _plain(_said(item, titles))) for item in shown)
    columns = (
        Column("path", keep=FIXED, middle=True),
        Column("kind", keep=50),
        Column("difference", keep=FIXED),
    )
    notes = Counter(item.note for item in shown if item.note)
    lines = [
        f"{note} ({values.plural(count, 'plot')})" if count > 1 else f"{path}: {note}"
        for note, count, path in _located(notes, shown)
    ]
    if left:
        lines.append(f"and {values.plural(len(left), 'more plot')} (see --all or --html)")
    return [Section("Plots", Table(columns, rows, headed=False), tuple(lines))]


def _located(notes: Counter[str], shown: Sequence[PlotComparison]) -> list[tuple[str, int, str]]:
    first = {item.note: item.path for item in reversed(shown)}
    return [
        (values.escape(note), count, values.escape(first[note])) for note, count in notes.items()
    ]


def _share(item: PlotComparison) -> float:
    """Return by how much a plot changed; one of which that isn't known is in the middle."""
    if item.difference is not None:
        return item.difference.share
    if item.table is not None and item.table.cells:
        return item.table.changed / item.table.cells
    return 0.0 if item.change == "same" else 0.5


def _said(item: PlotComparison, titles: Sequence[str]) -> str:
    if item.change == "changed" and item.difference is not None:
        return _pixels(item.difference)
    if item.change == "changed" and item.table is not None:
        return _cells(item.table)
    if item.change == "differs":
        absent = [title for title, size in zip(titles, item.sizes, strict=False) if size is None]
        return f"differs; not in {values.listing(absent, 3)}" if absent else "differs"
    return item.change


def _pixels(found: PixelDifference) -> str:
    if not found.share:
        return "the same picture, in other bytes"
    return f"{_percent(found.share)} of the pixels differ, by {_percent(found.mean)} on average"


def _cells(found: TableDifference) -> str:
    said = []
    if found.changed:
        said.append(f"{found.changed:,} of {values.plural(found.cells, 'cell')} differ")
    for count, word in ((found.rows_added, "added"), (found.rows_removed, "removed")):
        if count:
            said.append(f"{values.plural(count, 'row')} {word}")
    for names, word in ((found.columns_added, "added"), (found.columns_removed, "removed")):
        if names:
            noun = "column" if len(names) == 1 else "columns"
            said.append(f"{noun} {values.listing(names, 3)} {word}")
    return ", ".join(said) or "the same values, written otherwise"


def _percent(share: float) -> str:
    if 0 < share < 0.0001:
        return "< 0.01 %"
    if 0.99 < share < 1:
        return "> 99 %"
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def _plain(text: str) -> Cell:
    return Cell(text, text)
