"""How large a table may be that gitml compares, and the sentences for those that aren't read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitml.errors import RecordError

MOST_BYTES = 1 << 30
MOST_JSON_BYTES = 100_000_000
MOST_ROWS = 5_000_000
MOST_COLUMNS = 10_000
MOST_CELLS = 100_000_000
CELLS_AT_ONCE = 200_000

# Takes sentences on what was left out.
Notes = list[str]


def check_size(path: Path, where: str, most: int = MOST_BYTES, hint: str = "") -> None:
    """Make sure that a file isn't too large to be read.

    Raises:
        RecordError: if it is, or can't be looked at.
    """
    with opening(where):
        size = os.stat(path).st_size
    if size > most:
        raise RecordError(
            f"{where} has {size:,} bytes; gitml compares tables of up to {most:,}.", hint=hint
        )


def check_shape(rows: int, columns: int, where: str) -> None:
    """Make sure that a table doesn't have too many rows or cells to be compared.

    Raises:
        RecordError: if it has.
    """
    if rows > MOST_ROWS:
        raise RecordError(f"{where} has more than {MOST_ROWS:,} rows, which gitml doesn't compare.")
    if columns > MOST_COLUMNS:
        raise RecordError(f"{where} has more than {MOST_COLUMNS:,} columns.")
    if rows * columns > MOST_CELLS:
        raise RecordError(
            f"{where} has more than {MOST_CELLS:,} cells, which gitml doesn't compare."
        )


@contextmanager
def opening(where: str) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a sentence.

    Raises:
        RecordError: for errors of the disk, and text that isn't UTF-8.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise RecordError(f"{where} is not UTF-8 text.", hint="Save it as UTF-8.") from error
    except FileNotFoundError as error:
        raise RecordError(f"{where} isn't there.") from error
    except OSError as error:
        raise RecordError(f"{where} can't be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise RecordError(f"{where} is too large for the memory of this machine.") from error
