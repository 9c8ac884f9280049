"""Where objects lie in the local cache, and how a finished file gets its place there."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gitml.storage.digests import EMPTY
from gitml.storage.durable import disk_errors, sync_file, sync_folder
from gitml.storage.paths import check_digest
from gitml.storage.place import Storage

TEMPORARY = ".gitml-tmp"
STAGING = "gitml-restore-"

_PROTECTED = 0o444
_SHARED_FOLDER = 0o2775
_ABANDONED = 24 * 3600


def object_path(storage: Storage, digest: str, *, legacy: bool = False) -> Path:
    """Return where the object is, or would be (`legacy`: among DVC 2's objects).

    Raises:
        StorageError: `digest` isn't one.
    """
    check_digest(digest)
    return (storage.legacy_cache if legacy else storage.cache) / digest[:2] / digest[2:]


def holds(storage: Storage, digest: str, *, legacy: bool = False) -> bool:
    """Return whether the cache has the object, without reading it.

    An empty file that shouldn't be empty, as a power cut can leave one, doesn't count.
    """
    try:
        state = os.stat(object_path(storage, digest, legacy=legacy))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return state.st_size > 0 or digest == EMPTY


def install(
    storage: Storage, temporary: Path, digest: str, size: int, *, durable: bool = True
) -> None:
    """Give a finished temporary file its place in the cache.

    Args:
        storage: Where to.
        temporary: Complete, synced, and on the cache's filesystem; gone afterwards.
        digest: What its bytes hash to.
        size: Their number.
        durable: Whether to wait until its name is on the disk too.
    """
    target = object_path(storage, digest)
    if has_whole(storage, digest, size):
        temporary.unlink()
        freshen(target)
        if durable:
            settle(storage, digest)
        return
    made = make_folder(storage, target.parent)
    temporary.chmod(_PROTECTED)
    temporary.replace(target)
    if durable:
        sync_folder(target.parent)
        if made:
            sync_folder(storage.cache)


def make_folder(storage: Storage, folder: Path) -> bool:
    """Make a folder of the cache with the permissions that DVC gives it; False if it exists."""
    if folder.is_dir():
        return False
    if folder not in (storage.cache, *storage.cache.parents):
        make_folder(storage, folder.parent)
    else:
        folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    if storage.shared_group:
        with suppress(OSError):  # as DVC: a filesystem without modes is no reason to fail
            folder.chmod(_SHARED_FOLDER)
    return True


@contextmanager
def temporary(storage: Storage) -> Iterator[Path]:
    """Give a path for a new file on the cache's filesystem; what is left there is removed."""
    path = temporary_path(storage)
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


def temporary_path(storage: Storage) -> Path:
    """Return a path for a new file on the cache's filesystem; its folder exists."""
    folder = storage.cache / TEMPORARY
    make_folder(storage, folder)
    return folder / f"{os.getpid()}-{os.urandom(8).hex()}"


def probe(storage: Storage) -> None:
    """Make sure that the cache can be written, before hours of training depend on it.

    Raises:
        StorageError: It can't; the message says why.
    """
    what = f"write to the DVC cache {storage.cache}"
    with disk_errors(what, storage.cache), temporary(storage) as path:
        path.write_bytes(b"\0")


def clear_leftovers(storage: Storage) -> int:
    """Remove temporary files and folders that killed processes left behind over a day ago.

    Returns:
        How many were removed.
    """
    removed = 0
    oldest = time.time() - _ABANDONED
    for folder, prefix in ((storage.cache / TEMPORARY, ""), (storage.dvc_dir / "tmp", STAGING)):
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as found:
            for item in found:
                if item.name.startswith(prefix) and _remove_if_older(item, oldest):
                    removed += 1
    return removed


def _remove_if_older(item: os.DirEntry[str], oldest: float) -> bool:
    try:
        if item.stat(follow_symlinks=False).st_mtime >= oldest:
            return False
        if item.is_dir(follow_symlinks=False):
            shutil.rmtree(item.path)
        else:
            os.unlink(item.path)
    except OSError:
        return False
    return True


def has_whole(storage: Storage, digest: str, size: int) -> bool:
    """Return whether the object is there with the right size; a truncated one is replaced."""
    try:
        return os.stat(object_path(storage, digest)).st_size == size
    except (FileNotFoundError, NotADirectoryError):
        return False


def settle(storage: Storage, digest: str) -> None:
    """Make sure that an object which was there already is on the disk: DVC never syncs."""
    path = object_path(storage, digest)
    freshen(path)
    sync_file(path)
    sync_folder(path.parent)


def freshen(path: Path) -> None:
    """Make an object as young as a new one: whoever cleans up leaves alone what is new.

    Only the time at which its inode changed moves, which DVC doesn't look at. An object that a
    work tree has as a hard link is left alone anyway, and there it would look written to.
    """
    with suppress(OSError):  # another user's
        state = os.stat(path)
        if state.st_nlink == 1:
            os.chmod(path, stat.S_IMODE(state.st_mode))
