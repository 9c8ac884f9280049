"""Syntax digests remembered by Git's blob id, in SQLite; derived and safe to delete.

A cache that is locked, damaged, of another version or on a read-only disk is worth nothing but
costs nothing either: the digests are then computed anew and kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from gitml.inputs import syntax

if TYPE_CHECKING:
    import sqlite3

_TIMEOUT = 0.2


class SyntaxCache:
    """Digests of Python files and notebooks by blob id; a context manager.

    Args:
        path: The database file, or None for memory only. Nothing is opened before it is needed.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, str] = {}
        self._new: dict[str, str] = {}
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> SyntaxCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.save()

    def digest(self, path: str, oid: str, read: Callable[[], bytes]) -> str:
        """Return the syntax digest of a blob, from the cache or from its bytes.

        Args:
            path: Its path; the suffix tells notebooks from Python files.
            oid: Git's blob id.
            read: Gives the bytes; called only when the digest isn't known.
        """
        notebook = path.endswith(".ipynb")
        key = f"nb:{oid}" if notebook else oid
        found = self._known.get(key) or self._look_up(key)
        if found is None:
            data = read()
            found = syntax.notebook_digest(data) if notebook else syntax.parsed_digest(data)
            if found is None:
                # Another version of Python may parse what this one can't: not remembered.
                found = syntax.syntax_digest(data)
            else:
                self._new[key] = found
        self._known[key] = found
        return found

    def save(self) -> None:
        """Write what is new and close the file; a failure to do so is not an error."""
        import sqlite3

        try:
            if self._new and (database := self._connect()) is not None:
                rows = list(self._new.items())
                with database:
                    database.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?)", rows)
        except (sqlite3.Error, OSError):
            pass
        self._new = {}
        self._close()

    def _look_up(self, key: str) -> str | None:
        import sqlite3

        try:
            database = self._connect()
            if database is None:
                return None
            row = database.execute("SELECT digest FROM digests WHERE blob = ?", (key,)).fetchone()
            return str(row[0]) if row and isinstance(row[0], str) else None
        except (sqlite3.Error, OSError) as error:
            self._close()
            if self._path is not None and _is_damage(error):
                _remove(self._path)
            self._path = None
            return None

    def _connect(self) -> sqlite3.Connection | None:
        """Open the file at its first use; a damaged one is begun anew, else there is none."""
        if self._database is not None or self._path is None:
            return self._database
        import sqlite3

        try:
            self._database = _open(self._path)
        except (sqlite3.Error, OSError) as error:
            try:
                if not _is_damage(error):
                    raise
                _remove(self._path)
                self._database = _open(self._path)
            except (sqlite3.Error, OSError):
                self._path = None
        return self._database

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None


def _open(path: Path) -> sqlite3.Connection:
    import sqlite3

    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=_TIMEOUT, isolation_level=None)
    try:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version != syntax.VERSION:
            database.execute("BEGIN IMMEDIATE")
            database.execute("DROP TABLE IF EXISTS digests")
            database.execute("CREATE TABLE digests (blob TEXT PRIMARY KEY, digest TEXT NOT NULL)")
            database.execute(f"PRAGMA user_version = {int(syntax.VERSION)}")
            database.execute("COMMIT")
    except BaseException:
        database.close()
        raise
    database.isolation_level = "DEFERRED"
    return database


def _is_damage(error: Exception) -> bool:
    import sqlite3

    return isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.OperationalError
    )


def _remove(path: Path) -> None:
    for name in (path, path.with_name(path.name + "-journal"), path.with_name(path.name + "-wal")):
        name.unlink(missing_ok=True)
