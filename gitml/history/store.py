"""The index's storage for one command: the file, or memory where the file can't be used."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from gitml.git.repository import Repository
from gitml.history import database as files
from gitml.history.refresh import refresh
from gitml.history.rows import Progress

_T = TypeVar("_T")

_DAMAGE = (sqlite3.DatabaseError, msgspec.DecodeError, UnicodeDecodeError, TypeError)


class Store:
    """Tables that are up to date with the branches, whatever state the file is in.

    Attributes:
        problems: One sentence for each branch that can't be read.
    """

    def __init__(self, repository: Repository, progress: Progress | None = None) -> None:
        self._repository = repository
        self._folder = repository.state_dir
        self._progress = progress
        self.problems: list[str] = []
        self._database = self._open()
        self.refresh()

    @property
    def in_memory(self) -> bool:
        """Whether the file can't be used."""
        return self._database.in_memory

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def refresh(self) -> None:
        """Bring the tables up to date with the branches."""

        def bring(_: sqlite3.Connection) -> list[str]:
            return refresh(self._repository, self._database, self._progress)

        self.problems = self.guarded(bring)

    def complete(self, commits: Sequence[str]) -> None:
        """Store experiments again whose records were not here before."""
        from gitml.history.update import complete

        self.guarded(lambda _: complete(self._repository, self._database, commits))

    def guarded(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        """Ask; if the file turns out to be damaged or unusable, ask tables that aren't."""
        for mend in (self._mend, self._start_over):
            try:
                return question(self._database.connection)
            except sqlite3.ProgrammingError:
                raise
            except _DAMAGE as error:
                mend(error)
                self._fill()
        return question(self._database.connection)

    def _fill(self) -> None:
        try:
            self.problems = refresh(self._repository, self._database, self._progress)
        except _DAMAGE as error:
            self._start_over(error)
            self.problems = refresh(self._repository, self._database, self._progress)

    def _mend(self, error: Exception) -> None:
        self._database.close()
        if _is_unusable(error):
            self._database = files.open_memory(self._folder)
        elif not self._database.in_memory and files.discard_file(self._folder):
            self._database = self._open()
        else:
            self._database = files.open_memory(None)

    def _start_over(self, error: Exception) -> None:
        self._database.close()
        self._database = files.open_memory(None)

    def _open(self) -> files.Database:
        try:
            return files.open_file(self._folder)
        except OSError:
            return files.open_memory(self._folder)
        except _DAMAGE as error:
            if _is_unusable(error) or not files.discard_file(self._folder):
                return files.open_memory(self._folder)
        try:
            return files.open_file(self._folder)
        except (OSError, sqlite3.Error):
            return files.open_memory(None)


def _is_unusable(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and files.is_unusable(error)
