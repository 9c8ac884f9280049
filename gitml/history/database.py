"""The index's file: opening, locking, versions, and what happens when it can't be used."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gitml.history.tables import SCHEMA, VERSION

FILE = "index.db"
_BUSY_SECONDS = 15.0
_LOCK_SECONDS = 2.0
_UNUSABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "lustre", "gpfs", "beegfs", "ceph", "gluster")


class Database:
    """An open index: a file that other processes use at the same time, or memory.

    Attributes:
        connection: In autocommit mode; `writing` makes transactions.
        in_memory: Whether it is lost when it is closed.
    """

    def __init__(self, connection: sqlite3.Connection, lock: int = -1) -> None:
        self.connection = connection
        self.in_memory = lock < 0
        self._lock = lock

    def close(self) -> None:
        """Close the connection, then give up the lock."""
        with suppress(sqlite3.Error):
            self.connection.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the one write transaction; rolled back if the block raises."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            with suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")


def open_file(folder: Path) -> Database:
    """Open the index in `folder`, made or emptied if it isn't there or has another version.

    Raises:
        sqlite3.Error: if it is damaged or can't be used (see `is_unusable`).
        OSError: if the folder can't be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = _take_lock(folder, fcntl.LOCK_SH)
    try:
        connection = _connect(folder / FILE)
    except BaseException:
        os.close(lock)
        raise
    return Database(connection, lock)


def open_memory(folder: Path | None) -> Database:
    """Open an index in memory that begins with what the file in `folder` holds, if anything."""
    copied = _copy(folder / FILE) if folder is not None else None
    if copied is None:
        copied = sqlite3.connect(":memory:", isolation_level=None)
        copied.executescript(SCHEMA)
    return Database(copied)


def _copy(path: Path) -> sqlite3.Connection | None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        source = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.5)
        try:
            source.backup(connection)
        finally:
            source.close()
        if _version(connection) == VERSION:
            return connection
    except sqlite3.Error:
        pass
    connection.close()
    return None


def discard_file(folder: Path) -> bool:
    """Delete a damaged index; False if other processes have it open, or it can't be deleted."""
    try:
        lock = _take_lock(folder, fcntl.LOCK_EX)
    except OSError:
        return False
    try:
        # The log goes first: SQLite would play it into a new file.
        for ending in ("-wal", "-shm", "-journal", ""):
            (folder / f"{FILE}{ending}").unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def is_unusable(error: sqlite3.Error) -> bool:
    """Whether the file may be sound but can't be used now: locked, read-only, a full disk."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNUSABLE


def on_network(path: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Whether `path` is on a file system that several machines share (Linux; elsewhere False)."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    place = os.path.realpath(path)
    best, kind = "", ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind.removeprefix("fuse.").startswith((*_NETWORK, "sshfs", "s3fs", "gcsfuse"))


def _take_lock(folder: Path, how: int) -> int:
    """Take the lock that keeps the file from being deleted under those who have it open.

    Raises:
        OSError: if somebody holds it against us, or there can be no such file.
    """
    descriptor = os.open(folder / f"{FILE}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise
            time.sleep(0.02)
        except OSError:
            return descriptor  # a file system without locks
        else:
            return descriptor


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        if _version(connection) != VERSION:
            _prepare(connection, "DELETE" if on_network(path.parent) else "WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, journal: str) -> None:
    """Make the tables anew, once, however many processes want to."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            # Changing the mode doesn't wait for locks by itself.
            connection.execute(f"PRAGMA journal_mode={journal}")
            break
        except sqlite3.OperationalError as error:
            if not is_unusable(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    connection.execute("BEGIN IMMEDIATE")
    if _version(connection) != VERSION:
        found = connection.execute(
            "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
            " AND type IN ('table', 'view')"
        ).fetchall()
        for kind, name in found:
            connection.execute(f'DROP {kind} "{name.replace(chr(34), chr(34) * 2)}"')
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
