"""Values as the texts of a CSV file; numbers read back as the same numbers.

Files are RFC 4180 in UTF-8 with a header; lines end in a line feed. Missing values are empty, and
floats that aren't finite are spelled `NaN`, `Infinity` and `-Infinity`.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

from gitml.api.given import scalar
from gitml.outputs.csv_rows import row_writer
from gitml.values import to_json

_ODD = {"nan": "NaN", "-nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


class CsvFile:
    """Writes the rows of a CSV file to an open binary file.

    Args:
        file: Where to; it stays open.
        header: Names of the columns.
    """

    def __init__(self, file: BinaryIO, header: Sequence[str]) -> None:
        self._text = io.TextIOWrapper(
            file, encoding="utf-8", errors="backslashreplace", newline="", write_through=False
        )
        self._writer = row_writer(self._text)
        self._writer.writerow(header)

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """Write rows of texts."""
        self._writer.writerows(rows)

    def finish(self) -> None:
        """Hand everything over to the binary file."""
        self._text.flush()
        self._text.detach()


def spelled(numbers: Iterable[float], style: str = "") -> list[str]:
    """Return floats as texts.

    Args:
        numbers: Floats.
        style: A `%` format; empty for the shortest text that reads back as the same number.
    """
    texts = list(map(style.__mod__ if style else repr, numbers))
    return [_ODD.get(text, text) for text in texts] if not _ODD.keys().isdisjoint(texts) else texts


def cell(value: Any) -> str:
    """Return any plain value as the text of a cell; lists and mappings are JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(to_json(value)) if not math.isfinite(value) else repr(value)
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=_item)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value)


def _item(value: Any) -> Any:
    """Return what an array or a number of another library in a list is for JSON."""
    found = scalar(value)
    return str(value) if found is value else found
