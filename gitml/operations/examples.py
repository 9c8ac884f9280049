"""The ids in the parts of recorded experiments, from what is on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gitml.errors import StorageError
from gitml.experiment.record import Record
from gitml.git.repository import Repository
from gitml.inputs.examples import Parts

if TYPE_CHECKING:
    from gitml.storage.place import Storage

# Takes an experiment's commit and record; None when the ids aren't here.
Reader = Callable[[str, Record], Parts | None]


def reader(repository: Repository, folder: str = "") -> Reader:
    """Return a function that reads the ids of experiments, and remembers them.

    Args:
        repository: Where they are recorded.
        folder: The project's folder in it, which DVC storage belongs to.
    """
    known: dict[str, Parts | None] = {}
    opened: list[Storage | None] = []

    def read(commit: str, record: Record) -> Parts | None:
        if commit not in known:
            # Most comparisons need no ids, and don't pay for what reading them needs.
            from gitml.comparison.examples import ids_of

            if not opened:
                opened.append(storage_of(repository, folder))
            known[commit] = ids_of(repository, commit, record, opened[0])
        return known[commit]

    return read


def storage_of(repository: Repository, folder: str = "") -> Storage | None:
    """Return the DVC storage of a project, or None where there is none that can be used."""
    if repository.bare:
        return None
    from gitml.storage import place

    linked = repository.git_dir != repository.common_dir
    main = repository.common_dir.parent / folder if linked else None
    try:
        return place.find(repository.root / folder, repository.root, fallback=main)
    except StorageError:
        return None
