"""Tables that runs wrote as CSV: their first rows and columns."""

from __future__ import annotations

import csv
import io
import itertools

from gitml.views import values
from gitml.views.report.markup import Markup, join, tag
from gitml.views.report.tables import Head, table

_ROWS, _COLUMNS = 30, 20
_READ_BYTES = 200_000


def csv_table(content: bytes, alt: str) -> Markup | None:
    """Return the first rows and columns of a CSV file; None for what is none."""
    text = content[:_READ_BYTES].decode("utf-8", "replace")
    try:
        lines = list(itertools.islice(csv.reader(io.StringIO(text)), _ROWS + 2))
    except csv.Error:
        return None
    if not lines or not lines[0]:
        return None
    width = min(len(lines[0]), _COLUMNS)
    rows = [(line + [""] * width)[:width] for line in lines[1 : _ROWS + 1]]
    heads = [
        Head(title, numeric=place > 0 and all(_is_number(row[place]) for row in rows))
        for place, title in enumerate(lines[0][:width])
    ]
    more = None
    if len(lines) > _ROWS + 1 or len(lines[0]) > width:
        more = tag("p", f"The first {_ROWS} rows and {_COLUMNS} columns.", class_="soft")
    return join([table(values.cut(alt, 200), heads, rows), more])


def _is_number(cell: str) -> bool:
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True
