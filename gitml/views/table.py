"""The one table renderer: text for terminals, Markdown and CSV, from the same values."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal

import msgspec

from gitml.values import Scalar, as_number
from gitml.views import values
from gitml.views.values import Tone, paint

Format = Literal["text", "md", "csv"]

FIXED = 100
_GAP = 2
_WIDEST = 48
_NARROWEST_TITLE = 12
_MARKDOWN = str.maketrans({char: f"\\{char}" for char in "\\|`*[]"} | {"<": "&lt;", "&": "&amp;"})


class Cell(msgspec.Struct, frozen=True):
    """One cell whose text for people differs from its value.

    Attributes:
        text: For terminals and Markdown, escaped already.
        raw: The value, for CSV.
        tone: How a terminal that shows colours stresses it.
        lasting: For Markdown, where `3 min ago` would soon be wrong; the text when empty.
    """

    text: str
    raw: Scalar = None
    tone: Tone = ""
    lasting: str = ""


class Column(msgspec.Struct, frozen=True):
    """One column.

    Attributes:
        title: Header for people.
        key: Header in CSV; the title when empty.
        keep: What is dropped first when a terminal is too narrow: the lowest; `FIXED` never is.
        narrow: The fewest columns that texts may be cut to.
        middle: Cut the middle of texts instead of their end, which suits paths.
    """

    title: str
    key: str = ""
    keep: int = 50
    narrow: int = 12
    middle: bool = False


class Table(msgspec.Struct, frozen=True):
    """Rows of cells; a plain value is shown as `values.scalar` shows it, None as missing.

    Attributes:
        headed: Whether the text has a header line.
        indent: Columns in front of every line of the text.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | Scalar, ...], ...]
    headed: bool = True
    indent: int = 0


class Rendered(msgspec.Struct, frozen=True):
    """A text table, and the titles of the columns that had no room."""

    text: str
    dropped: tuple[str, ...] = ()


def render(
    table: Table, form: Format = "text", *, width: int = 0, colour: bool = False
) -> Rendered:
    """Return the table in a format; `width` (0: unlimited) and `colour` concern text only."""
    if form == "md":
        return Rendered(markdown(table))
    if form == "csv":
        return Rendered(csv(table))
    return text(table, width=width, colour=colour)


def text(table: Table, *, width: int = 0, colour: bool = False) -> Rendered:
    """Return the table for a terminal that is `width` columns wide (0: unlimited).

    Long texts are cut, then the least important columns are left out, rather than wrapped.
    """
    laid = _Layout(table, width)
    shown = laid.shown
    if not shown:
        return Rendered("", tuple(column.title for column in table.columns))
    rows = [[laid.cell(row[index], index, colour=colour) for index in shown] for row in table.rows]
    plain = _lay_out(
        rows,
        [laid.title(index) for index in shown] if table.headed else [],
        [laid.alignment(index) for index in shown],
    )
    lines = (" " * table.indent + line.rstrip() for line in plain)
    dropped = tuple(
        values.escape(column.title)
        for index, column in enumerate(table.columns)
        if index not in shown
    )
    return Rendered("\n".join(lines), dropped)


def markdown(table: Table) -> str:
    """Return the table as a GitHub-flavoured Markdown table."""
    numeric = [_numeric(table, index) for index in range(len(table.columns))]
    lines = [[quoted(values.escape(column.title)) for column in table.columns]]
    lines.append(["---:" if is_number else "---" for is_number in numeric])
    lines += [[quoted(_lasting(cell)) for cell in row] for row in table.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def csv(table: Table) -> str:
    """Return the table as CSV (RFC 4180, but a line feed ends a line) with values in full."""
    import csv as csv_module

    out = io.StringIO()
    writer = csv_module.writer(out, lineterminator="\n")
    writer.writerow([values.escape(column.key or column.title) for column in table.columns])
    for row in table.rows:
        writer.writerow(
            [values.precise(cell.raw if isinstance(cell, Cell) else cell) for cell in row]
        )
    return out.getvalue().rstrip("\n")


def _lay_out(rows: list[list[str]], titles: list[str], alignment: list[str]) -> list[str]:
    """Return the lines of a table, two spaces between columns, a rule below the titles.

    By hand, since importing tabulate takes as long as all the rest of listing experiments.
    """
    lines = [titles, *rows] if titles else rows
    columns = [
        _column([line[index] for line in lines], how, headed=bool(titles))
        for index, how in enumerate(alignment)
    ]
    if titles:
        for column in columns:
            column.insert(1, "-" * max(values.width(cell) for cell in column))
    return ["  ".join(cells) for cells in zip(*columns, strict=True)]


def _column(cells: list[str], how: str, *, headed: bool) -> list[str]:
    """Return the cells of one column, padded to the same width."""
    if how == "decimal":
        start = 1 if headed else 0
        tails = [_behind_point(cell) for cell in cells]
        most = max(tails[start:], default=0)
        cells = [
            cell if index < start else cell + " " * (most - tails[index])
            for index, cell in enumerate(cells)
        ]
    widest = max((values.width(cell) for cell in cells), default=0)
    gaps = [" " * (widest - values.width(cell)) for cell in cells]
    left = how == "left"
    return [cell + gap if left else gap + cell for cell, gap in zip(cells, gaps, strict=True)]


def _behind_point(cell: str) -> int:
    """Return how many columns of a number are behind its units' digit."""
    plain = values.uncoloured(cell)
    whole = plain.partition("e")[0].partition(".")[0]
    return values.width(plain) - values.width(whole) if plain[:1] in "+-0123456789" else 0


def quoted(text: str) -> str:
    """Return text without what Markdown would obey."""
    return text.translate(_MARKDOWN)


def _text(cell: Cell | Scalar) -> str:
    if isinstance(cell, Cell):
        return cell.text
    return values.MISSING if cell is None else values.scalar(cell)


def _lasting(cell: Cell | Scalar) -> str:
    return (isinstance(cell, Cell) and cell.lasting) or _text(cell)


def _numeric(table: Table, index: int) -> bool:
    """Whether a column holds numbers (and blanks) only."""
    found = False
    for row in table.rows:
        cell = row[index]
        value = cell.raw if isinstance(cell, Cell) else cell
        if value is None:
            continue
        if as_number(value) is None:
            return False
        found = True
    return found


def _places(number: str) -> int:
    """Return how many characters follow the decimal point (or exponent), -1 without one."""
    for mark in ".e":
        if mark in number:
            return len(number) - number.rfind(mark) - 1
    return -1


class _Layout:
    """Decides how wide every column becomes, and which ones have no room."""

    def __init__(self, table: Table, width: int) -> None:
        self._table = table
        count = len(table.columns)
        self._numeric = [_numeric(table, index) for index in range(count)]
        self._cells = [self._content(index) for index in range(count)]
        self._titles = [
            values.width(values.escape(column.title)) if table.headed else 0
            for column in table.columns
        ]
        # A sheet has room for one long text; beside the columns of a list it would take too much.
        self._widest = min(width, _WIDEST) if width and table.headed else width
        self._widths = [self._wanted(index) for index in range(count)]
        self.shown = list(range(count))
        if width:
            self._fit(width - table.indent)

    def _content(self, index: int) -> int:
        shown = [_text(row[index]) for row in self._table.rows]
        if not self._numeric[index]:
            return max((values.width(cell) for cell in shown), default=0)
        # Numbers are lined up by their decimal points.
        places = [_places(cell) for cell in shown]
        most = max(places)
        return max(len(cell) + most - own for cell, own in zip(shown, places, strict=True))

    def _fit(self, width: int) -> None:
        while (excess := self._total() - width) > 0:
            index = max(self.shown, key=lambda i: self._widths[i] - self._least(i))
            spare = self._widths[index] - self._least(index)
            if spare > 0:
                # A column at a time, the widest first and never below the next widest.
                others = [self._widths[i] for i in self.shown if i != index]
                step = max(1, self._widths[index] - max(others, default=0))
                self._widths[index] -= min(spare, excess, step)
                continue
            droppable = [i for i in self.shown if self._table.columns[i].keep < FIXED]
            if not droppable:
                return
            self.shown.remove(min(droppable, key=lambda i: (self._table.columns[i].keep, -i)))
            self._restore()

    def _restore(self) -> None:
        """After a column went, let the others have the room that they were denied."""
        for index in self.shown:
            self._widths[index] = self._wanted(index)

    def _wanted(self, index: int) -> int:
        cells = self._cells[index]
        if self._widest and not self._numeric[index]:
            cells = min(cells, self._widest)
        return max(cells, self._titles[index])

    def _total(self) -> int:
        return sum(self._widths[i] for i in self.shown) + _GAP * (len(self.shown) - 1)

    def _least(self, index: int) -> int:
        if self._numeric[index]:
            return max(self._cells[index], min(self._titles[index], _NARROWEST_TITLE))
        return min(self._widths[index], self._table.columns[index].narrow)

    def alignment(self, index: int) -> str:
        return "decimal" if self._numeric[index] else "left"

    def title(self, index: int) -> str:
        title = values.escape(self._table.columns[index].title)
        room = self._widths[index]
        if values.width(title) <= room:
            return title
        # The end of a dotted name is what tells it from its neighbours.
        parts = title.split(".")
        ends = (".".join(parts[number:]) for number in range(1, len(parts)))
        short = next((end for end in ends if values.width(end) <= room), "")
        return short or values.ELLIPSIS + title[len(title) - room + 1 :]

    def cell(self, cell: Cell | Scalar, index: int, *, colour: bool) -> str:
        column = self._table.columns[index]
        shown = _text(cell)
        if not self._numeric[index]:
            shown = values.cut(shown, self._widths[index], middle=column.middle)
        return paint(shown, cell.tone if isinstance(cell, Cell) else "", colour=colour)


def joined(blocks: Sequence[str]) -> str:
    """Return blocks of text with an empty line between them; empty blocks are left out."""
    return "\n\n".join(block for block in blocks if block)
