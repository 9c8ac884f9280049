"""Large tables in text files (CSV, TSV), read in pieces."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from gitml.errors import RecordError
from gitml.outputs.column_store import Chunk
from gitml.outputs.table_limits import CELLS_AT_ONCE, MOST_COLUMNS, Notes, check_size, opening

_LONGEST_LINE = 1 << 24
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+\Z")


def read_delimited(path: Path, where: str, notes: Notes, *, tabs: bool = False) -> Iterator[Chunk]:
    """Yield the columns of some rows at a time; every cell is a text.

    The first column without a name is called "": pandas writes row numbers into it, or the index
    of a series. A table whose header has no comma may be separated by semicolons or tabs, and
    there may be a space behind every separator. The last line of a file that ends in the middle
    of it is left out, with a note.

    Args:
        path: The file.
        where: What to call it in messages.
        notes: Takes what was left out.
        tabs: Whether tabs separate the cells.

    Raises:
        RecordError: if it is too large, isn't UTF-8 text, has no header or one with a name twice,
            or a row with more or fewer cells.
    """
    check_size(path, where)
    with opening(where), path.open(encoding="utf-8-sig", newline="") as file:
        try:
            yield from _chunks(file, tabs, where, notes)
        except csv.Error as error:
            raise RecordError(f"{where} is no table: {error}.") from error


def _chunks(file: IO[str], tabs: bool, where: str, notes: Notes) -> Iterator[Chunk]:
    lines = _Lines(file, where)
    first = next((line for line in lines if line.strip()), "")
    delimiter = "\t" if tabs else _delimiter(first)
    start = lines.number - 1
    spaced = f"{delimiter} " in first
    reader = csv.reader(
        _again(first, lines), delimiter=delimiter, skipinitialspace=spaced, strict=True
    )
    header = _header(next(reader, []), where)
    width, rows = len(header), []
    step = max(1, CELLS_AT_ONCE // max(1, width))
    for row in reader:
        if len(row) != width:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) < width and lines.torn:
                notes.append(f"The last line of {where} is torn and left out.")
                continue
            if len(row) < width or any(cell.strip() for cell in row[width:]):
                line = f"{where}, line {start + reader.line_num}"
                raise RecordError(
                    f"{line}: {len(row):,} cells where the header names {width:,} columns."
                )
            del row[width:]
        rows.append(row)
        if len(rows) == step:
            yield _columns(header, rows, delimiter)
            rows = []
    if rows:
        yield _columns(header, rows, delimiter)


class _Lines:
    """The lines of a file, none of which may be endless; `torn` once the last one has no end."""

    def __init__(self, file: IO[str], where: str) -> None:
        self._file = file
        self._where = where
        self.number = 0
        self.torn = False

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(_LONGEST_LINE):
            self.number += 1
            if line[-1] not in "\r\n":
                self.torn = True
                if len(line) == _LONGEST_LINE:
                    raise RecordError(f"{self._where} has a line of more than 16 MiB.")
            if "\0" in line:
                raise RecordError(f"{self._where}, line {self.number}: a NUL byte; it is no text.")
            yield line


def _again(first: str, lines: _Lines) -> Iterator[str]:
    if first:
        yield first
        yield from lines


def _delimiter(header: str) -> str:
    return next((mark for mark in ",;\t" if mark in header), ",")


def _header(row: list[str], where: str) -> list[str]:
    names = list(row)
    while names and not names[-1].strip():
        names.pop()  # rows that end with a separator
    if len(names) > MOST_COLUMNS:
        raise RecordError(f"{where} has more than {MOST_COLUMNS:,} columns.")
    twice = [name for name in set(names) if name and names.count(name) > 1]
    if twice:
        raise RecordError(f"{where} has the column {min(twice)!r} twice.")
    if not names:
        raise RecordError(f"{where} is empty.", hint="Its first row must name the columns.")
    return names


def _columns(header: list[str], rows: list[list[str]], delimiter: str) -> Chunk:
    found: dict[str, Sequence[str]] = {}
    for name, column in zip(header, zip(*rows, strict=True), strict=True):
        name = name if name.strip() else ""
        if name == "" and name in found:
            continue
        found[name] = _with_points(column) if delimiter == ";" else column
    return found


def _with_points(column: Sequence[str]) -> list[str]:
    """Return cells with decimal commas, which go with semicolons, as decimal points."""
    return [cell.replace(",", ".") if _DECIMAL_COMMA.match(cell) else cell for cell in column]
