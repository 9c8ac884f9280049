"""Tables with a header (CSV, TSV), read row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from gitml.errors import RecordError
from gitml.outputs.printed_numbers import parse_number

MAX_COLUMNS = 10_000

# Columns that say where a row stands; the first one that a table has is its step.
STEP_COLUMNS = ("step", "global_step", "iteration", "iter", "epoch")


def read_rows(text: str, separator: str, where: str) -> Iterator[dict[str, str]]:
    """Yield each row as column name → cell, empty cells and columns without a name left out.

    pandas writes its index as a column without a name.

    Args:
        text: The whole table.
        separator: Between cells.
        where: The file's name for messages.

    Raises:
        RecordError: if there is no header, a name is there twice, or a row has more cells than
            the header.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = _header(next(reader, []), where)
        for row in reader:
            if len(row) > len(header):
                raise RecordError(
                    f"{where}, line {reader.line_num}: more cells than the header has names."
                )
            cells = {
                name: cell for name, cell in zip(header, row, strict=False) if name and cell.strip()
            }
            if cells:
                yield cells
    except csv.Error as error:
        raise RecordError(f"{where}, line {reader.line_num}: {error}.") from error


def _header(row: list[str], where: str) -> list[str]:
    header = [name.strip() for name in row]
    names = [name for name in header if name]
    if len(names) > MAX_COLUMNS:
        raise RecordError(f"{where} has more than {MAX_COLUMNS:,} columns.")
    if len(set(names)) != len(names):
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise RecordError(f"{where} has the column {twice!r} twice.")
    if names and all(parse_number(name) is not None for name in names):
        raise RecordError(
            f"{where} has no header: its first row holds numbers.",
            hint="The first row of a table must name the columns.",
        )
    return header
