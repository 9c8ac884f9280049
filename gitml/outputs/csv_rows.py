"""Rows of CSV files (RFC 4180, lines end in a line feed) that read back as what was written.

Training scripts use this, so it imports nothing that isn't in the standard library.
"""

from __future__ import annotations

import csv
from typing import Any, TextIO


class _LineFeeds:
    """A file that rows are written to whole, each with the end that the CSV writer gives it."""

    def __init__(self, file: TextIO) -> None:
        self._write = file.write

    def write(self, row: str) -> int:
        return self._write(f"{row[:-2]}\n")


def row_writer(file: TextIO) -> Any:
    """Return a writer as `csv.writer` does.

    Before Python 3.13 that one quotes a carriage return only where it is part of the end of the
    lines; bare, readers take it for the end of a row.

    Args:
        file: Where to, opened with `newline=""`.
    """
    return csv.writer(_LineFeeds(file), lineterminator="\r\n")
