"""Remembered hashes, so that a data set is read once and not at every run."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

_FRESH = 2_000_000_000
_BATCH = 5_000
_PATIENCE = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS hashes_1 (
    path BLOB PRIMARY KEY, state TEXT NOT NULL, digest TEXT NOT NULL
) WITHOUT ROWID
"""


class Hashes:
    """Digests by absolute path, valid while size, modification time and inode stay the same.

    A file that was modified within the last two seconds is neither stored nor trusted: another
    write could follow without showing in the modification time.

    Any number of processes may share one file. It is derived data and safe to delete: where it
    is locked, unwritable or corrupt, everything works in memory. One object belongs to one thread.

    Args:
        path: The SQLite file; its folder is made if it doesn't exist. None: in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._opened = path is None
        self._known: dict[bytes, tuple[str, str]] = {}
        self._unsaved: dict[bytes, tuple[str, str]] = {}

    def __enter__(self) -> Hashes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def find(self, path: Path | str, info: os.stat_result) -> str:
        """Return the remembered digest of the file at `path` in the state `info`, or empty."""
        if _is_fresh(info, time.time_ns()):
            return ""
        key = _key(path)
        found = self._known.get(key) or self._look_up(key)
        return found[1] if found and found[0] == _state(info) else ""

    def remember(
        self, path: Path | str, info: os.stat_result, digest: str, *, since: int | None = None
    ) -> None:
        """Remember a digest.

        Args:
            path: The file.
            info: Its state, equal before and after it was read.
            digest: What its bytes hash to.
            since: When reading began, in nanoseconds since the epoch; now when not given.
        """
        if _is_fresh(info, time.time_ns() if since is None else since):
            return
        key = _key(path)
        self._known[key] = self._unsaved[key] = (_state(info), digest)
        if len(self._unsaved) >= _BATCH:
            self.save()

    def save(self) -> None:
        """Write what is new to the file, in one transaction."""
        if not self._unsaved:
            return
        database = self._open()
        if database is not None:
            import sqlite3

            rows = [(key, *value) for key, value in self._unsaved.items()]
            try:
                with database:
                    database.executemany("INSERT OR REPLACE INTO hashes_1 VALUES (?, ?, ?)", rows)
            except sqlite3.Error as error:
                self._give_up(error)
        self._unsaved.clear()

    def close(self) -> None:
        """Save, and let go of the file. The object may be used again afterwards."""
        self.save()
        if self._database is not None:
            self._database.close()
            self._database = None
            self._opened = False

    def _look_up(self, key: bytes) -> tuple[str, str] | None:
        database = self._open()
        if database is None:
            return None
        import sqlite3

        try:
            row = database.execute(
                "SELECT state, digest FROM hashes_1 WHERE path = ?", (key,)
            ).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        if row is None or not all(isinstance(item, str) for item in row):
            return None
        return row[0], row[1]

    def _open(self) -> sqlite3.Connection | None:
        if self._opened or self._path is None:
            return self._database
        import sqlite3

        self._opened = True
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # A rollback journal, since WAL needs shared memory that network filesystems lack.
            self._database = sqlite3.connect(self._path, timeout=_PATIENCE)
            self._database.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)
        return self._database

    def _give_up(self, error: Exception) -> None:
        """Go on in memory; a file that is no database is moved out of the way."""
        import sqlite3

        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None
        busy = isinstance(error, sqlite3.OperationalError)
        if isinstance(error, sqlite3.DatabaseError) and not busy and self._path is not None:
            with suppress(OSError):
                self._path.replace(self._path.with_name(self._path.name + ".corrupt"))


def _is_fresh(info: os.stat_result, now: int) -> bool:
    return info.st_mtime_ns > now - _FRESH


def _state(info: os.stat_result) -> str:
    return f"{info.st_size}:{info.st_mtime_ns}:{info.st_ino}"


def _key(path: Path | str) -> bytes:
    return os.fsencode(os.path.abspath(path))
