"""Keeping objects from being removed between being stored and being named by a commit.

Whoever stores holds a shared lock until what needs the objects is recorded; whoever removes holds
it alone, and looks again at what is needed once it does. The kernel releases the lock of a process
that dies. Where the file system has no locks, the age of objects is what is left.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitml.errors import StorageError

_FILE = "storage"
_PATIENCE = 120.0


@contextmanager
def storing(state: Path) -> Iterator[None]:
    """As long as this lasts, `removing` has to wait.

    Args:
        state: gitml's folder in the Git folder that all work trees share.
    """
    # A removal is short; one that hangs must not keep a training from being recorded.
    with _locked(state, fcntl.LOCK_SH, _PATIENCE):
        yield


@contextmanager
def removing(state: Path, patience: float = _PATIENCE) -> Iterator[None]:
    """Wait until nothing is being stored, and keep it so.

    Raises:
        StorageError: if something is still being stored after `patience` seconds.
    """
    with _locked(state, fcntl.LOCK_EX, patience) as got:
        if not got:
            raise StorageError(
                "Something is being stored right now, so nothing was removed.",
                hint="Wait until the runs that are being recorded are done, then try again.",
            )
        yield


@contextmanager
def _locked(state: Path, kind: int, patience: float) -> Iterator[bool]:
    """Yield whether the lock was had, or there is nothing that could be locked."""
    try:
        (state / "locks").mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(state / "locks" / _FILE, flags, 0o600)
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
