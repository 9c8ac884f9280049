"""Small tables (CSV, TSV, rows in JSON) side by side, cell by cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import msgspec

from gitml.comparison.contents import TableDifference
from gitml.comparison.specifications import decode, language_of

MAX_BYTES = 16 << 20
MAX_CELLS = 2_000_000

_Rows = dict[str | int, tuple[str, ...]]


class Table(msgspec.Struct, frozen=True):
    """A table of texts.

    Attributes:
        columns: Their names.
        rows: As many cells each as there are columns.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def read_table(content: bytes, path: str = "") -> Table | None:
    """Return a table; None for what is none, or too large.

    Args:
        content: CSV, TSV, or a JSON array of objects.
        path: Its suffix tells TSV.
    """
    if len(content) > MAX_BYTES:
        return None
    if content.lstrip()[:1] == b"[":
        tree = decode(content)
        return _of_objects(tree) if language_of(tree) == "table" else None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    first = text.partition("\n")[0]
    separator = "\t" if path.lower().endswith(".tsv") else ","
    if separator not in first:
        separator = next((other for other in ";\t" if other in first), separator)
    try:
        rows = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row
        ]
    except csv.Error:
        return None
    if not rows or len(rows) * len(rows[0]) > MAX_CELLS:
        return None
    width = len(rows[0])
    return Table(tuple(rows[0]), tuple(tuple((row + [""] * width)[:width]) for row in rows[1:]))


def _of_objects(objects: Sequence[Mapping[str, object]]) -> Table | None:
    columns = tuple(dict.fromkeys(name for row in objects for name in row))
    if len(columns) * len(objects) > MAX_CELLS:
        return None
    rows = tuple(
        tuple("" if row.get(name) is None else str(row[name]) for name in columns)
        for row in objects
    )
    return Table(columns, rows)


def compare_tables(first: Table, second: Table) -> TableDifference:
    """Return how two tables differ.

    Rows belong together that have the same text in the first column, where that column has the
    same name in both and no text twice; else the rows at the same place. Numbers are compared as
    numbers: `1` is `1.0`.
    """
    shared = [name for name in first.columns if name in second.columns]
    mine, others = _keyed(first, second)
    rows = [key for key in mine if key in others]
    changed = 0
    for name in shared:
        here, there = first.columns.index(name), second.columns.index(name)
        changed += sum(not _equal(mine[key][here], others[key][there]) for key in rows)
    return TableDifference(
        rows=(len(first.rows), len(second.rows)),
        rows_added=len(others) - len(rows),
        rows_removed=len(mine) - len(rows),
        columns_added=tuple(name for name in second.columns if name not in first.columns),
        columns_removed=tuple(name for name in first.columns if name not in second.columns),
        cells=len(rows) * len(shared),
        changed=changed,
    )


def _keyed(first: Table, second: Table) -> tuple[_Rows, _Rows]:
    """Return the rows of both by what says which belong together."""
    if first.columns[:1] == second.columns[:1]:
        mine, others = _by_first(first), _by_first(second)
        if len(mine) == len(first.rows) and len(others) == len(second.rows):
            return mine, others
    return dict(enumerate(first.rows)), dict(enumerate(second.rows))


def _by_first(table: Table) -> _Rows:
    return {row[0]: row for row in table.rows if row}


def _equal(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return False
