"""Tables of examples in any of the formats that scripts write, as pieces of columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitml.errors import RecordError
from gitml.outputs.column_store import Chunk
from gitml.outputs.table_limits import CELLS_AT_ONCE, Notes, check_shape

if TYPE_CHECKING:
    from gitml.outputs.npz_file import NpzFile

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".pq", ".npz")


def is_table(path: str) -> bool:
    """Whether a file's name says that it is a table that can be read."""
    return path.lower().endswith(SUFFIXES)


def chunks_of(path: Path, where: str, notes: Notes, suffix: str = "") -> Iterator[Chunk]:
    """Yield the columns of some rows at a time.

    Args:
        path: The file.
        where: What to call it in messages.
        notes: Takes sentences on what was left out.
        suffix: Says how to read the file; that of its path when empty.

    Raises:
        RecordError: if it can't be read, is too large, or isn't what its suffix says.
    """
    rows, columns = 0, 0
    for chunk in _read(path, where, notes, (suffix or path.suffix).lower()):
        rows += max((len(column) for column in chunk.values()), default=0)
        columns = max(columns, sum(_width(column) for column in chunk.values()))
        check_shape(rows, columns, where)
        yield chunk


def _read(path: Path, where: str, notes: Notes, suffix: str) -> Iterator[Chunk]:
    if suffix in (".csv", ".tsv"):
        from gitml.outputs.delimited import read_delimited

        return read_delimited(path, where, notes, tabs=suffix == ".tsv")
    if suffix in (".jsonl", ".ndjson"):
        from gitml.outputs.json_table import read_json_lines

        return read_json_lines(path, where, notes)
    if suffix == ".json":
        from gitml.outputs.json_table import read_json

        return read_json(path, where)
    if suffix in (".parquet", ".pq"):
        from gitml.outputs.parquet_table import read_parquet

        return read_parquet(path, where)
    if suffix == ".npz":
        return _arrays(path, where)
    raise RecordError(
        f"{where} is no table that gitml reads.",
        hint="It reads CSV, TSV, JSON, JSON lines, Parquet and .npz; the suffix says which.",
    )


def _width(column: Any) -> int:
    """Return how many cells a value of a column has, by its first one."""
    if getattr(column, "ndim", 1) == 2:
        return int(column.shape[1])
    first = column[0] if len(column) else None
    return len(first) if isinstance(first, list) else 1


def _arrays(path: Path, where: str) -> Iterator[Chunk]:
    """Yield the arrays of an .npz file that have one row an example, and `classes`."""
    from gitml.outputs.npz_file import NpzFile

    with NpzFile(path, where) as file:
        shapes = {name: file.about(name).shape for name in file.names}
        named = {name for name, shape in shapes.items() if len(shape) in (1, 2)} - {"classes"}
        rows = {shapes[name][0] for name in named}
        if not named:
            raise RecordError(f"{where} has no arrays with one entry an example.")
        if len(rows) > 1:
            listed = ", ".join(f"{name} {shapes[name][0]:,}" for name in sorted(named)[:6])
            raise RecordError(f"{where}: its arrays differ in length ({listed}).")
        wide = sum(shapes[name][1] for name in named if len(shapes[name]) > 1)
        check_shape(max(rows), wide, where)
        arrays = {name: _column(file, name) for name in named}
        extra = {"classes": file.texts("classes")} if "classes" in shapes else {}
    for start in range(0, max(rows), CELLS_AT_ONCE):
        stop = start + CELLS_AT_ONCE
        yield {name: column[start:stop] for name, column in arrays.items()} | dict(extra)


def _column(file: NpzFile, name: str) -> Sequence[Any]:
    """Return an array as a list of plain values; a table of numbers as it is."""
    about = file.about(name)
    if len(about.shape) == 2 and about.kind.lstrip("<>|=")[:1] in "?biuf":
        return file.read(name)  # type: ignore[no-any-return]
    values = file.texts(name)
    if len(about.shape) == 1:
        return values
    width = about.shape[1]
    return [values[place : place + width] for place in range(0, len(values), max(1, width))]
