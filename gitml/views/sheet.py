"""Sheets: sections with a title, each a table or a few lines, as text or Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gitml.views import table as tables
from gitml.views import values
from gitml.views.table import Table
from gitml.views.values import paint

_INDENT = 2


class Section(msgspec.Struct, frozen=True):
    """One part of a sheet; without a table and lines it isn't shown.

    Attributes:
        title: Empty for the head of the sheet.
        table: Shown first.
        lines: Shown after the table, escaped already.
        drawing: Rows of characters that make a picture, shown first; Markdown leaves them out.
    """

    title: str = ""
    table: Table | None = None
    lines: tuple[str, ...] = ()
    drawing: tuple[str, ...] = ()


def text(sections: Sequence[Section], *, width: int = 0, colour: bool = False) -> str:
    """Return the sheet for a terminal that is `width` columns wide (0: unlimited)."""
    blocks = []
    for section in sections:
        indent = _INDENT if section.title else 0
        lines = [f"{'':{indent}}{line}" for line in section.drawing]
        if section.table is not None and section.table.rows:
            lines += [""] if lines else []
            shown = msgspec.structs.replace(section.table, indent=indent)
            rendered = tables.text(shown, width=width, colour=colour)
            lines.append(rendered.text)
            if rendered.dropped:
                missing = values.listing(rendered.dropped, 4)
                lines.append(f"{'':{indent}}(no room for {missing})")
        lines += [f"{'':{indent}}{line}" for line in section.lines]
        if lines:
            title = paint(section.title, "strong", colour=colour)
            blocks.append("\n".join([title, *lines] if title else lines))
    return "\n\n".join(blocks)


def markdown(sections: Sequence[Section]) -> str:
    """Return the sheet as Markdown with a heading for each section."""
    blocks = []
    for section in sections:
        parts = []
        if section.table is not None and section.table.rows:
            parts.append(tables.markdown(section.table))
        if section.lines:
            parts.append("\n".join(f"- {tables.quoted(line)}" for line in section.lines))
        if parts:
            blocks += [f"### {tables.quoted(section.title)}"] if section.title else []
            blocks += parts
    return "\n\n".join(blocks)
