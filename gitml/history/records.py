"""Reading the records of experiments from their commits, many with one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitml.errors import NotFoundError, RepositoryError
from gitml.git.repository import Repository

if TYPE_CHECKING:
    from gitml.experiment.record import Record
    from gitml.git.objects import ObjectReader


class Records:
    """Reads records, and starts Git when the first one is asked for."""

    def __init__(self, repository: Repository) -> None:
        self._git = repository.git
        self._reader: ObjectReader | None = None

    def read(self, commit: str) -> Record:
        """Return an experiment's record, fetched if it isn't in this clone.

        Raises:
            NotFoundError: if the commit has no record, or it can't be fetched.
            RecordError: if it can't be read.
        """
        # Listing reads no record, so it doesn't pay for what reading one needs.
        from gitml.experiment.record import PATH, decode
        from gitml.git.objects import ObjectReader

        if self._reader is None:
            self._reader = ObjectReader(self._git)
        try:
            data = self._reader.read(f"{commit}:{PATH}")
        except RepositoryError:
            data = None
            self.close()
        if data is None:
            raise NotFoundError(
                f"The commit {commit[:12]} has no readable {PATH}.",
                hint="If this is a partial clone, its remote could not be reached; "
                "otherwise `git fsck` says whether the repository is sound.",
            )
        return decode(data, f"{PATH} of {commit[:12]}")

    def close(self) -> None:
        """End the process."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None
