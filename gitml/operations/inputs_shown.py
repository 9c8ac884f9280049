"""Every input of a recorded experiment, and why it was new."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gitml.comparison.explanation import Explanation
from gitml.errors import GitmlError, StorageError
from gitml.experiment.record import Record
from gitml.git.fetching import may_lack_objects
from gitml.git.repository import Repository, configuration
from gitml.git.share import choose_remote
from gitml.history.index import Row
from gitml.history.resolve import resolve
from gitml.operations.explain_record import explain_record
from gitml.operations.reading import Reading, open_reading
from gitml.operations.record_files import config_of, other_files
from gitml.storage import place
from gitml.storage.place import Storage

_LIMIT = 3


class InputsShown(msgspec.Struct, frozen=True):
    """All inputs of an experiment.

    Attributes:
        row: Which.
        record: Its record, whose manifest has them.
        files: Files that are no modules and that count; None where they can't be told.
        explanation: The nearest recorded experiments, and what differs from them.
    """

    row: Row
    record: Record
    files: tuple[str, ...] | None
    explanation: Explanation


def show_inputs(start: Path, name: str, limit: int = _LIMIT) -> InputsShown:
    """Return all inputs of the experiment that `name` names, and its nearest neighbours.

    Args:
        start: Folder where the user stands.
        name: A name, `latest`, `best`, `<study>:<name>`, or a Git revision.
        limit: At most so many neighbours.

    Raises:
        NotFoundError: if there is no such experiment.
        UsageError: if several are meant.
        RecordError: if its record can't be read.
    """
    reading = open_reading(start)
    repository = reading.repository
    with reading.index() as index:
        if name.endswith("best"):
            reading.declare_goals(index)
        row = resolve(repository, index, name, reading.study)
        record = index.record(row.commit)
        row = index.find(row.commit) or row
        config = config_of(repository, row.commit, record)
        explanation = explain_record(
            *(repository, index, row, record, config, _storage(reading, record), limit),
            remote=_remote(repository),
        )
        files = other_files(repository, row.commit, record, config, index.output_paths())
    return InputsShown(row=row, record=record, files=files, explanation=explanation)


def _remote(repository: Repository) -> str:
    """Return where a partial clone fetches what it lacks, or empty for a whole one."""
    config = configuration(repository)
    try:
        return choose_remote(repository, config, "") if may_lack_objects(config) else ""
    except GitmlError:
        return ""


def _storage(reading: Reading, record: Record) -> Storage | None:
    """Return DVC storage, where it is set up and its configuration can be read."""
    repository = reading.repository
    if repository.bare:
        return None
    try:
        return place.find(repository.root / record.project, repository.root)
    except StorageError:
        return None
