"""Everything about one experiment."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gitml.experiment.record import Record
from gitml.history.resolve import resolve
from gitml.history.rows import Event, Row
from gitml.operations.reading import open_reading


class Shown(msgspec.Struct, frozen=True):
    """One experiment: its row, its record, and what was said about it since."""

    row: Row
    record: Record
    events: tuple[Event, ...]


def show(start: Path, name: str) -> Shown:
    """Return everything about the experiment that `name` names.

    Args:
        start: Folder where the user stands.
        name: A name, `latest`, `best`, `<study>:<name>`, or a Git revision.

    Raises:
        NotFoundError: if there is no such experiment.
        UsageError: if several are meant.
        RecordError: if its record can't be read.
    """
    reading = open_reading(start)
    with reading.index() as index:
        if name.endswith("best"):
            reading.declare_goals(index)
        row = resolve(reading.repository, index, name, reading.study)
        record = index.record(row.commit)
        # A clone without trees knows more once the record is here.
        row = index.find(row.commit) or row
        return Shown(row, record, tuple(index.events(row.commit)))
