"""Tables of a report: a caption, scoped heads, numbers aligned, and room to scroll on a phone."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gitml.values import Scalar, as_number
from gitml.views import table as plain
from gitml.views import values
from gitml.views.report.markup import Markup, join, tag, text
from gitml.views.report.sides import name
from gitml.views.values import Tone


class Head(msgspec.Struct, frozen=True):
    """The head of a column.

    Attributes:
        title: Text, or markup.
        numeric: Whether numbers stand below it.
        sort: Whether it can be sorted by, where there are scripts.
        kind: Class of its cells; empty for none.
    """

    title: str
    numeric: bool = False
    sort: bool = False
    kind: str = ""


class Cell(msgspec.Struct, frozen=True):
    """A cell whose order differs from its text.

    Attributes:
        content: Text, or markup.
        order: What to sort by.
        tone: How it is stressed.
    """

    content: str
    order: Scalar = None
    tone: Tone = ""


def table(
    caption: str,
    heads: Sequence[Head],
    rows: Sequence[Sequence[Cell | str]],
    *,
    kind: str = "",
    shown: bool = False,
    first: int = 0,
) -> Markup:
    """Return a table; the first cell of each row is its head.

    Args:
        caption: What it is; read out, and visible where `shown`.
        heads: One for each column.
        rows: One cell a column.
        kind: Classes of the table.
        shown: Whether the caption is visible.
        first: With scripts only so many rows are shown until somebody asks for all; 0 for all.
    """
    titles = [
        tag(
            "th",
            tag("button", text(head.title), type="button") if head.sort else text(head.title),
            scope="col",
            class_=" ".join(filter(None, ("n" if head.numeric else "", head.kind))) or None,
        )
        for head in heads
    ]
    lines = [_row(heads, row) for row in rows]
    body = tag(
        "table",
        tag("caption", caption, class_=None if shown else "unseen"),
        tag("thead", tag("tr", *titles)),
        tag("tbody", *lines),
        class_=kind or None,
        data_first=first if first and len(rows) > first else None,
    )
    return tag("div", body, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _row(heads: Sequence[Head], row: Sequence[Cell | str]) -> Markup:
    cells = []
    for place, (head, found) in enumerate(zip(heads, row, strict=True)):
        cell = found if isinstance(found, Cell) else Cell(found)
        kinds = ("n" if head.numeric else "", head.kind, cell.tone)
        cells.append(
            tag(
                "td" if place else "th",
                cell.content,
                scope=None if place else "row",
                class_=" ".join(filter(None, kinds)) or None,
                data_v=_order(cell) if head.sort else None,
            )
        )
    return tag("tr", *cells)


def _order(cell: Cell) -> str | None:
    """Return what a cell is sorted by, unless that is the number that it shows."""
    number = as_number(cell.order)
    if number is None:
        return None if cell.order is None else str(cell.order)
    return None if cell.content == values.number(number) else repr(number)


def from_sheet(caption: str, found: plain.Table, titles: Sequence[str]) -> Markup:
    """Return a table as the terminal has it; the experiments' columns have their colours."""
    known = {title: place for place, title in enumerate(titles)}
    heads = [
        Head(name(titles, known[column.title]) if column.title in known else column.title)
        for column in found.columns
    ]
    rows = []
    for row in found.rows:
        cells: list[Cell | str] = []
        for place, cell in enumerate(row):
            content, tone = _shown(cell)
            code = place == 0 or 0 < place < len(row) - 1
            cells.append(Cell(tag("code", content) if code and content else content, None, tone))
        rows.append(cells)
    return table(caption, heads, rows)


def _shown(cell: plain.Cell | Scalar) -> tuple[str, Tone]:
    if isinstance(cell, plain.Cell):
        return cell.text, cell.tone
    return (values.MISSING if cell is None else values.scalar(cell)), ""


def listing(items: Sequence[str], kind: str = "") -> Markup | None:
    """Return a list of sentences; None without any."""
    if not items:
        return None
    return tag("ul", join(tag("li", item) for item in items), class_=kind or None)
