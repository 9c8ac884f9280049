"""`gitml.log_table`: a table as a CSV file of the experiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from gitml.api.cells import CsvFile, cell
from gitml.api.given import listed, on_cpu, scalar, shape_of, unique, verb
from gitml.api.made import named, write
from gitml.errors import ArtifactError
from gitml.inputs.examples import counted, shown

_HINT = "rows are dicts, lists of cells, a dict of columns, or a data frame."


def log_table(rows: Any, name: str, columns: Sequence[Any] | None = None) -> Path:
    """Record a table with the experiment.

        gitml.log_table([{"class": "cat", "errors": 3}, {"class": "dog", "errors": 5}], "errors")
        gitml.log_table({"class": ["cat", "dog"], "errors": [3, 5]}, "errors")

    In `gitml exp run` it becomes `.gitml/tables/<name>.csv` of the experiment; elsewhere it is a
    file below `.gitml/outside/`. A second call with the same name replaces the first.

    The file is RFC 4180 in UTF-8, and lines end in a line feed. Cells are text, numbers (written
    in full), booleans, dates (ISO 8601), lists and dicts (JSON). None is empty; floats that aren't
    finite are `NaN`, `Infinity` and `-Infinity`.

    Args:
        rows: A list of dicts, a list of rows (lists of cells), an array of the shape (rows,
            columns), a dict of columns, or a data frame of pandas, polars or pyarrow. The index of
            a pandas frame is written when it says more than the number of the row.
        name: Names the file, with or without `.csv`; may have folders (`train/errors`).
        columns: Names of the columns, in their order. Of dicts, of a dict of columns and of a
            frame it chooses the columns to write. Without it dicts have theirs in the order in
            which they appear, and rows have numbers.

    Returns:
        Where it was written.

    Raises:
        ArtifactError: if rows differ in length, a column doesn't exist or has a name twice, or
            `name` can't name a file. It is a ValueError, too.
    """
    full = named(name, ".csv")
    chosen = None if columns is None else [str(one) for one in listed(columns, "columns")]
    header, body = _table(rows, chosen)
    header = unique(header, "columns")

    def fill(file: BinaryIO) -> None:
        text = CsvFile(file, header)
        text.write(body)
        text.finish()

    return write("tables", full, fill)


def _table(rows: Any, chosen: list[str] | None) -> tuple[list[str], Iterable[Sequence[str]]]:
    """Return the header, and the rows as texts."""
    by_column = _columns_of(rows)
    if by_column is not None:
        return _of_columns(by_column, chosen)
    found = _rows_of(rows)
    if any(isinstance(row, Mapping) for row in found):
        return _of_dicts(found, chosen)
    return _of_rows(found, chosen)


def _columns_of(rows: Any) -> list[tuple[str, list[Any]]] | None:
    """Return the columns of a data frame or of a dict of them; None for what has rows."""
    for method in ("to_pydict", "to_frame"):  # pyarrow; a pandas series
        if not isinstance(rows, Mapping) and callable(getattr(rows, method, None)):
            if method == "to_frame" and hasattr(rows, "columns"):
                continue
            return _columns_of(getattr(rows, method)())
    if isinstance(rows, Mapping):
        return [(str(name), _cells(values, str(name))) for name, values in rows.items()]
    if hasattr(rows, "iloc") and hasattr(rows, "columns"):
        places = range(len(rows.columns))
        found = [(_label(rows.columns[i]), _frame_cells(rows.iloc[:, i])) for i in places]
        return [*_index_of(rows.index), *found]
    if hasattr(rows, "columns") and hasattr(rows, "get_column"):  # polars
        return [(name, _cells(rows.get_column(name), name)) for name in rows.columns]
    return None


def _index_of(index: Any) -> list[tuple[str, list[Any]]]:
    """Return the index of a pandas frame as columns, unless it only counts the rows."""
    names = [
        str(name) if name is not None else f"index{place or ''}"
        for place, name in enumerate(index.names)
    ]
    if index.names == [None] and list(index) == list(range(len(index))):
        return []
    if len(names) == 1:
        return [(names[0], _cells(index, "index"))]
    return [(name, _cells(index.get_level_values(i), name)) for i, name in enumerate(names)]


def _label(name: Any) -> str:
    return ".".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _frame_cells(column: Any) -> list[Any]:
    """Return the cells of a column of a pandas frame, where NaN among texts says: missing."""
    found = _cells(column, str(column.name))
    if str(column.dtype).lower().startswith("float"):
        return found
    return [None if one != one else one for one in found]


def _cells(values: Any, name: str) -> list[Any]:
    if isinstance(values, str | bytes):
        raise ArtifactError(f"The column {shown(name)} is one text.", hint=f"Here {_HINT}")
    return listed(values, f"The column {shown(name)}")


def _rows_of(rows: Any) -> list[Any]:
    shape = shape_of(rows)
    if shape is not None and len(shape) != 2:
        raise ArtifactError(f"The table is an array of {len(shape)} dimensions, and not of 2.")
    if isinstance(rows, str | bytes) or not hasattr(rows, "__iter__"):
        raise ArtifactError(f"The table is {shown(rows)}, and {_HINT}")
    return list(on_cpu(rows).tolist() if hasattr(rows, "tolist") else rows)


def _of_columns(
    known: list[tuple[str, list[Any]]], chosen: list[str] | None
) -> tuple[list[str], Iterable[Sequence[str]]]:
    if chosen is not None:
        by_name = dict(known)
        _check_known(chosen, by_name)
        known = [(name, by_name[name]) for name in chosen]
    lengths = {len(values) for _, values in known}
    if len(lengths) > 1:
        named_ones = ", ".join(f"{name} {len(values):,}" for name, values in known[:5])
        raise ArtifactError(f"The columns have different lengths: {named_ones}.")
    texts = [[cell(value) for value in values] for _, values in known]
    return [name for name, _ in known], zip(*texts, strict=True)


def _of_dicts(
    rows: list[Any], chosen: list[str] | None
) -> tuple[list[str], Iterable[Sequence[str]]]:
    names: dict[str, None] = {}
    plain: list[dict[str, Any]] = []
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise ArtifactError(f"Row {place:,} is {shown(row)}, and others are dicts.")
        plain.append({str(key): value for key, value in row.items()})
        names.update(dict.fromkeys(plain[-1]))
    if chosen is not None and plain:
        _check_known(chosen, names)
    header = list(names) if chosen is None else chosen
    return header, ([cell(scalar(row.get(name))) for name in header] for row in plain)


def _of_rows(
    rows: list[Any], chosen: list[str] | None
) -> tuple[list[str], Iterable[Sequence[str]]]:
    plain = [listed(row, f"Row {place:,}") for place, row in enumerate(rows)]
    width = len(chosen) if chosen is not None else len(plain[0]) if plain else 0
    for place, row in enumerate(plain):
        if len(row) != width:
            raise ArtifactError(
                f"Row {place:,} has {counted(len(row), 'cell')}, and there "
                f"{verb(width, 'is', 'are')} {counted(width, 'column')}."
            )
    header = [str(place) for place in range(width)] if chosen is None else chosen
    return header, ([cell(value) for value in row] for row in plain)


def _check_known(chosen: list[str], known: Mapping[str, Any]) -> None:
    unknown = next((name for name in chosen if name not in known), None)
    if unknown is not None:
        raise ArtifactError(
            f"There is no column {shown(unknown)}.",
            hint=f"There are {', '.join(list(known)[:20])}.",
        )
