"""Rows of a table, by the ids of their examples, as text to read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from gitml.errors import RecordError
from gitml.outputs.column_store import Chunk
from gitml.outputs.label_values import texts_of
from gitml.outputs.prediction_columns import id_column
from gitml.outputs.table_file import chunks_of

_MOST_COLUMNS = 12
_LONGEST = 4_000


def rows_of(
    path: Path, where: str, suffix: str, column: str, show: Sequence[str], wanted: Collection[str]
) -> dict[str, str]:
    """Return id → the row's columns as lines `name: value`; of one column its value alone.

    Args:
        path: The file.
        where: What to call it in messages.
        suffix: Says how to read it.
        column: Name of the column of ids; empty to tell it by its name.
        show: Names of columns; the first twelve others when empty.
        wanted: Ids of examples.

    Raises:
        RecordError: if it can't be read, or lacks a column.
    """
    left, found = set(wanted), dict[str, str]()
    for chunk in chunks_of(path, where, [], suffix):
        own = column or id_column(chunk, where)
        names = list(show) or [name for name in chunk if name not in (own, "")][:_MOST_COLUMNS]
        for name in (own, *names):
            if name not in chunk:
                raise RecordError(
                    f"{where} has no column {name!r}, which `examples` in gitml.yaml names.",
                    hint=f"It has {', '.join(list(chunk)[:12])}.",
                )
        for place, name in enumerate(texts_of(chunk[own])):
            if name in left:
                left.discard(name)
                found[name] = _line(chunk, names, place)
        if not left:
            break
    return {name: found[name] for name in wanted if name in found}


def _line(chunk: Chunk, names: Sequence[str], place: int) -> str:
    if len(names) == 1:
        return _spelled(chunk[names[0]][place])
    return "\n".join(f"{name}: {_spelled(chunk[name][place])}" for name in names)


def _spelled(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
