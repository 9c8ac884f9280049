"""Tables in Parquet files, read in pieces; pyarrow is imported only here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gitml.errors import RecordError
from gitml.outputs.column_store import Chunk
from gitml.outputs.table_limits import MOST_BYTES, check_shape, check_size, opening

_ROWS_AT_ONCE = 1 << 16
_CELLS_AT_ONCE = 1 << 20


def read_parquet(path: Path, where: str) -> Iterator[Chunk]:
    """Yield the columns of some rows at a time.

    Raises:
        RecordError: if pyarrow isn't installed, or the file is too large or damaged.
    """
    try:
        from pyarrow import ArrowException, parquet  # type: ignore[import-untyped]
    except ImportError:
        raise RecordError(
            f"{where} needs pyarrow to be read.", hint='Install it: pip install "gitml[parquet]".'
        ) from None
    check_size(path, where)
    with opening(where):
        try:
            with parquet.ParquetFile(path) as file:
                yield from _chunks(file, where)
        except (ArrowException, ValueError, NotImplementedError) as error:
            raise RecordError(f"{where} is no Parquet file that can be read: {error}.") from error


def _chunks(file: Any, where: str) -> Iterator[Chunk]:
    about = file.metadata
    names = list(file.schema_arrow.names)
    check_shape(about.num_rows, len(names), where)
    if len(set(names)) < len(names):
        raise RecordError(f"{where} has two columns of one name.")
    groups = range(about.num_row_groups)
    if sum(about.row_group(place).total_byte_size for place in groups) > 2 * MOST_BYTES:
        raise RecordError(f"{where} takes more than 2 GiB once it is unpacked.")
    counted = _counted(file.schema_arrow.metadata or {}, about.num_rows)
    done = 0
    rows = max(1, min(_ROWS_AT_ONCE, _CELLS_AT_ONCE // max(1, len(names))))
    for batch in file.iter_batches(batch_size=rows):
        if not batch.num_rows:
            continue
        stop = done + batch.num_rows
        index = {name: list(numbers[done:stop]) for name, numbers in counted.items()}
        done = stop
        yield index | {
            name: batch.column(place).to_pylist()
            for place, name in enumerate(names)
            if not name.startswith("__index_level_")  # row numbers of pandas
        }


def _counted(metadata: Mapping[bytes, bytes], rows: int) -> dict[str, range]:
    """Return the index of pandas that has a name and is only told by its first and last number."""
    try:
        about = json.loads(metadata.get(b"pandas", b"{}"))["index_columns"]
        found = {
            str(one["name"]): range(one["start"], one["stop"], one["step"])
            for one in about
            if isinstance(one, dict) and one.get("kind") == "range" and one["name"] is not None
        }
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {name: numbers for name, numbers in found.items() if len(numbers) == rows}
