"""Writing files so that they are either whole and on disk, or not there at all."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gitml.errors import StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM}


def write_durably(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace the content of `path` in one step that survives a power cut.

    Args:
        path: File to write; its folder must exist.
        data: The whole new content.
        mode: Permissions of the new file, before the process's umask.

    Raises:
        StorageError: No space, no permission, or another failure of the disk.
    """
    temporary = path.parent / f".gitml-{os.getpid()}-{os.urandom(6).hex()}.tmp"
    with disk_errors(f"write {path}", path.parent, len(data)):
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, mode)
            try:
                write_all(descriptor, data)
                sync_descriptor(descriptor)
            finally:
                os.close(descriptor)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of `data`, however many system calls it takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_descriptor(descriptor: int) -> None:
    """Wait until what was written to an open file is on the disk itself."""
    if sys.platform == "darwin":  # pragma: no cover
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def sync_file(path: Path) -> None:
    """Wait until the content of the file at `path` is on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until the names in the folder `path` are on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync_descriptor(descriptor)
    except OSError as error:
        # Some network filesystems can't sync folders; their servers do it on rename.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def sync_filesystem(path: Path) -> bool:
    """Flush the whole filesystem of the folder `path`; False where the system can't do that.

    For hundreds of small files one such call is far cheaper than a sync for each.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    except AttributeError:  # a C library without syncfs
        return False
    finally:
        os.close(descriptor)
    return True


def free_space_for(path: Path, needed: int) -> None:
    """Make sure that `needed` bytes fit on the filesystem of `path` (which needn't exist yet).

    Raises:
        StorageError: They don't; the message has both amounts and the mount point.
    """
    have = _available(path)
    if have is not None and have < needed:
        raise _no_space(path, needed, have)


@contextmanager
def disk_errors(what: str, where: Path | None = None, needed: int = 0) -> Iterator[None]:
    """Turn the operating system's errors into sentences.

    Args:
        what: What is being done, to follow "Can't": `store model.pt`.
        where: A path on the filesystem that is written to, for the amount that is free.
        needed: Bytes that are to be written, when known.

    Raises:
        StorageError: In place of any `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise _translated(error, what, where, needed) from error


def _translated(error: OSError, what: str, where: Path | None, needed: int) -> StorageError:
    place = where or (Path(os.fsdecode(error.filename)) if error.filename else Path.cwd())
    if error.errno in _FULL:
        return _no_space(place, needed, _available(place), f" (to {what})")
    if error.errno == errno.EFBIG:
        return StorageError(
            f"Can't {what}: the file would be larger than this process may write.",
            hint="Raise the limit (`ulimit -f unlimited`), or use a filesystem for larger files.",
        )
    if error.errno == errno.EROFS:
        return StorageError(
            f"Can't {what}: {_mount(place)} is mounted read-only.",
            hint="Remount it writable, or point `dvc cache dir` somewhere else.",
        )
    name = os.fsdecode(error.filename) if error.filename else str(place)
    if error.errno in _DENIED:
        return StorageError(
            f"Can't {what}: no permission for {name}.",
            hint=f"Check who owns it: `ls -ld {name}`.",
        )
    return StorageError(f"Can't {what}: {error.strerror or error} ({name}).")


def _no_space(path: Path, needed: int, have: int | None, purpose: str = "") -> StorageError:
    need = f"need {amount(needed)}, " if needed else ""
    left = "nothing left" if have is None else f"have {amount(have)}"
    return StorageError(
        f"No space: {need}{left} on {_mount(path)}{purpose}.",
        hint="Free some space, or move the cache: `dvc cache dir <folder on a larger disk>`.",
    )


def _available(path: Path) -> int | None:
    for candidate in (path, *path.absolute().parents):
        with suppress(OSError):
            state = os.statvfs(candidate)
            return state.f_bavail * state.f_frsize
    return None


def _mount(path: Path) -> str:
    for candidate in (path.absolute(), *path.absolute().parents):
        if os.path.ismount(candidate):
            return str(candidate)
    return "/"


def amount(size: int) -> str:
    """Spell a number of bytes for people: `1.5 GB`."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{int(value)} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
