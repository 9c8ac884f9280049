"""Whether the process that owns a run still exists, and taking a run over when it doesn't.

On one machine a process is known by its number, its start and the machine's start. Across
machines and containers numbers mean nothing; there the lock on the run's folder decides, which
the kernel releases when its holder dies.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import msgspec

from gitml.execution.processes import boot_id, machine, start_time

_LOCK = "lock"
_held: dict[str, int] = {}


class Owner(msgspec.Struct, frozen=True):
    """A process, known beyond the reuse of its number.

    Attributes:
        pid: Its number.
        start_time: When it started, in the system's own unit.
        boot_id: Which start of the machine its number belongs to.
        machine: Which machine and container its number belongs to.
    """

    pid: int
    start_time: str
    boot_id: str
    machine: str


def here() -> Owner:
    """Return this process."""
    pid = os.getpid()
    return Owner(pid, start_time(pid), boot_id(), machine())


def is_alive(owner: Owner, folder: Path) -> bool:
    """Return whether `owner`, which has the run in `folder`, exists."""
    if owner.machine == machine():
        if owner.boot_id != boot_id():
            return False
        return start_time(owner.pid) == owner.start_time != ""
    return _is_locked(folder)


def take(folder: Path) -> bool:
    """Lock a run's folder for the rest of this process; whether that worked.

    On a file system without locks it always does.
    """
    key = str(folder)
    if key in _held:
        return True
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    if _lock(descriptor) is False:
        os.close(descriptor)
        return False
    _held[key] = descriptor
    return True


def release(folder: Path) -> None:
    """Give up the lock on a run's folder."""
    descriptor = _held.pop(str(folder), None)
    if descriptor is not None:
        os.close(descriptor)


def _is_locked(folder: Path) -> bool:
    """Return whether somebody holds the lock; yes where that can't be known."""
    if str(folder) in _held:
        return True
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        return _lock(descriptor) is not True
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Try to lock; None on a file system that can't."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EAGAIN, errno.EACCES) else None
    return True
