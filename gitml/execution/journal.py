"""The journal of runs: a private folder for each, so that nothing is lost when gitml is killed.

A run is `planned`, then `running`, then `finished` (or `interrupted`) and, once its experiment is
committed, forgotten. Its folder, `<git common dir>/gitml/runs/<id>/`, holds `journal.json`, the
trace, the log and whatever recording it needs.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gitml.errors import ExecutionError, RecordError
from gitml.execution.borrowed import override_params, restore_params
from gitml.execution.entry import FILE, Backup, Entry, load, save, update
from gitml.execution.liveness import here, is_alive, release, take
from gitml.storage.durable import disk_errors, sync_folder, write_durably

__all__ = [
    "Backup",
    "Entry",
    "adopt",
    "alive",
    "begin",
    "close",
    "entries",
    "folder",
    "load",
    "override_params",
    "read_document",
    "restore_params",
    "scratch",
    "scratch_folder",
    "update",
    "write_document",
]

TRACE = "trace"
LOG = "log.txt"

_SCRATCH = ".scratch-"
_CLOSED = ".closed-"
_STALE = 24 * 3600  # seconds after which a folder without a journal is nobody's

T = TypeVar("T")


def folder(runs: Path, entry: Entry) -> Path:
    """Return the folder of a run."""
    return runs / entry.id


def begin(runs: Path, *, name: str, study: str, **fields: Any) -> Entry:
    """Enter a new run, owned by this process, and make its folder.

    Args:
        runs: The folder of all runs; made if it doesn't exist.
        name: Of the experiment that it will be.
        study: That it will belong to.
        fields: Any others of `Entry`.

    Raises:
        StorageError: if it can't be written.
    """
    _make_private(runs)
    _sweep(runs)
    now = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f"{int(now % 1 * 1000):03d}"
    entry = Entry(
        id=f"{stamp}-{os.urandom(4).hex()}",
        runs=str(runs),
        name=name,
        study=study,
        state="planned",
        created=now,
        owner=here(),
        **fields,
    )
    _make_private(entry.path)
    _make_private(entry.path / TRACE)
    take(entry.path)
    save(entry)
    sync_folder(runs)
    return entry


def entries(runs: Path) -> list[Entry]:
    """Return the runs that aren't recorded yet, the oldest first; unreadable ones are left out."""
    found = []
    try:
        names = sorted(os.listdir(runs))
    except OSError:
        return []
    for name in names:
        if not name.startswith("."):
            with suppress(RecordError):
                found.append(load(runs / name))
    return found


def alive(entry: Entry) -> bool:
    """Return whether the process that carries out the run still exists.

    A run on another machine or in another container counts as alive unless it is proven dead.
    """
    return is_alive(entry.owner, entry.path)


def adopt(entry: Entry) -> Entry:
    """Take over a run whose process is gone; only one process can.

    Raises:
        ExecutionError: if it is alive, or another process has just taken it over.
        RecordError: if it isn't in the journal any more.
    """
    if alive(entry) or not take(entry.path):
        raise ExecutionError(
            f"The run {entry.name} belongs to another process (pid {entry.owner.pid}).",
            hint="Wait for it to end, or stop it.",
        )
    return update(entry, owner=here())


def close(entry: Entry) -> None:
    """Forget a run: its folder disappears in one step."""
    gone = entry.path.with_name(_CLOSED + entry.id)
    with suppress(FileNotFoundError):
        entry.path.rename(gone)
    release(entry.path)
    with suppress(RecursionError):  # folders a thousand deep; a later sweep is as good
        shutil.rmtree(gone, ignore_errors=True)


def write_document(entry: Entry, name: str, data: bytes) -> None:
    """Keep `data` in the run's folder, durably.

    Raises:
        StorageError: if it can't be written.
    """
    write_durably(entry.path / name, data, 0o600)


def read_document(entry: Entry, name: str, kind: type[T]) -> T:
    """Return a value that `write_document` kept as JSON.

    Raises:
        RecordError: if it isn't there or can't be read.
    """
    try:
        return msgspec.json.decode((entry.path / name).read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(
            f"{name} of the run {entry.name} can't be read: {error}",
            hint="The run was cut off before it was written down whole.",
        ) from error


def scratch(runs: Path) -> Path:
    """Return a new private folder beside the runs, on the same file system.

    What isn't removed is swept up by a later run.
    """
    _make_private(runs)
    place = runs / f"{_SCRATCH}{os.getpid()}-{os.urandom(4).hex()}"
    _make_private(place)
    return place


@contextmanager
def scratch_folder(runs: Path) -> Iterator[Path]:
    """Give a private folder for as long as the context lasts."""
    place = scratch(runs)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _make_private(path: Path) -> None:
    with disk_errors(f"make the folder {path}", path.parent):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _sweep(runs: Path) -> None:
    """Remove what killed processes left half-made or half-removed, once it is a day old."""
    limit = time.time() - _STALE
    for path in runs.iterdir():
        temporary = path.name.startswith((_SCRATCH, _CLOSED)) or not (path / FILE).exists()
        with suppress(OSError):
            if temporary and path.stat().st_mtime < limit:
                shutil.rmtree(path, ignore_errors=True)
