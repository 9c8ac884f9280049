"""Keeping objects from being removed between being stored and being named by a commit.

Whoever stores holds a shared lock until what needs the objects is recorded; whoever removes holds
it alone, and looks again at what is needed once it does. DVC has a lock of its own, which whoever
removes holds, too: `dvc add` finds an old object in the cache and names it a moment later. The
kernel releases the lock of a process that dies. Where the file system has no locks, the age of
objects is what is left.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gitml.errors import StorageError

_FILE = "storage"
_DVC_FILE = "lock"
_PATIENCE = 120.0


@contextmanager
def storing(state: Path) -> Iterator[None]:
    """As long as this lasts, `removing` has to wait.

    Args:
        state: gitml's folder in the Git folder that all work trees share.
    """
    # A removal is short; one that hangs must not keep a training from being recorded.
    with _locked(state / "locks" / _FILE, fcntl.LOCK_SH, _PATIENCE):
        yield


@contextmanager
def removing(
    state: Path, dvc_folders: Iterable[Path] = (), patience: float = _PATIENCE
) -> Iterator[None]:
    """Wait until nothing is being stored, and keep it so.

    Args:
        state: gitml's folder in the Git folder that all work trees share.
        dvc_folders: The `.dvc` folders of the work trees that use the cache.
        patience: Seconds to wait at most, for each lock.

    Raises:
        StorageError: if something is still being stored after that.
    """
    with ExitStack() as held:
        if not held.enter_context(_locked(state / "locks" / _FILE, fcntl.LOCK_EX, patience)):
            raise StorageError(
                "Something is being stored right now, so nothing was removed.",
                hint="Wait until the runs that are being recorded are done, then try again.",
            )
        for folder in sorted(set(dvc_folders)):
            path = folder / "tmp" / _DVC_FILE
            if not held.enter_context(_locked(path, fcntl.LOCK_EX, patience)):
                raise StorageError(
                    f"DVC is at work in {folder.parent}, so nothing was removed.",
                    hint="Wait until the `dvc` command there is done, then try again.",
                )
        yield


@contextmanager
def _locked(path: Path, kind: int, patience: float) -> Iterator[bool]:
    """Yield whether the lock was had, or there is nothing that could be locked."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        yield True
        return
    try:
        yield _lock(descriptor, kind, patience)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(random.uniform(0.005, 0.05))
        except OSError:
            return True
        else:
            return True
