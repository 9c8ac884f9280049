"""Bringing the index up to date with the branches, in one transaction."""

from __future__ import annotations

import hashlib
import sqlite3

from gitml.git.repository import Repository
from gitml.history.branches import studies
from gitml.history.database import Database
from gitml.history.rows import Progress

_TABLES = ("tips", "commits", "line", "experiments", "outputs", "made", "events", "state")


def refresh(
    repository: Repository, database: Database, progress: Progress | None = None
) -> list[str]:
    """Read what is new since the last time, and forget what no branch reaches any more.

    Returns:
        One sentence for each branch that can't be read.

    Raises:
        sqlite3.Error: if the index is damaged or can't be written.
    """
    before = _tips(database.connection)  # read first: see below
    present, shallow = studies(repository), _shallow(repository)
    if _is_current(database.connection, present, shallow):
        return []
    with database.writing() as connection:
        # Another process may have done the work while this one waited, and more: with what the
        # branches were before, its newest experiments would count as lost.
        if _tips(connection) != before:
            present, shallow = studies(repository), _shallow(repository)
            if _is_current(connection, present, shallow):
                return []
        if _state(connection, "shallow") != shallow:
            # Lines end elsewhere now, and a walk would stop at what is known.
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table}")
            connection.execute("INSERT INTO state VALUES ('shallow', ?)", (shallow,))
        # Only imported when there is work: mostly there is none.
        from gitml.history.update import update

        return update(repository, connection, present, progress)


def _is_current(connection: sqlite3.Connection, present: dict[str, str], shallow: str) -> bool:
    return _tips(connection) == present and _state(connection, "shallow") == shallow


def _tips(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT ref, oid FROM tips").fetchall())


def _state(connection: sqlite3.Connection, key: str) -> str:
    found = connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
    return str(found[0]) if found else ""


def _shallow(repository: Repository) -> str:
    """Return a digest of where history is cut off, empty when it isn't."""
    try:
        return hashlib.sha256((repository.common_dir / "shallow").read_bytes()).hexdigest()
    except OSError:
        return ""
