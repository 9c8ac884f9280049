"""Looking after what is on a DVC remote: reading it again, listing it, removing from it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from gitml.errors import StorageError
from gitml.storage import cache, listing
from gitml.storage.durable import disk_errors
from gitml.storage.folder_remote import FolderRemote
from gitml.storage.inventory import Held, inventory, look
from gitml.storage.listing import Member
from gitml.storage.objects import move_aside
from gitml.storage.place import Storage
from gitml.storage.remotes import Remote
from gitml.storage.removing import Removed, promised, remove
from gitml.storage.verifying import Progress, unsound

_BATCH_BYTES = 1 << 30
_BATCH_FILES = 256


def listed(remote: Remote) -> dict[str, Held] | None:
    """Return everything on a remote that is a folder; None for any other kind.

    Raises:
        StorageError: The folder can't be read.
    """
    if not isinstance(remote, FolderRemote):
        return None
    _require(remote)
    return inventory(remote.place)


def place_on(remote: Remote, digest: str) -> Held | None:
    """Return the file that an object is on a remote that is a folder; None if there is none."""
    return look(remote.place, digest) if isinstance(remote, FolderRemote) else None


def folder_of(remote: Remote) -> Path | None:
    """Return the folder that a remote is, or None if it is of another kind."""
    return remote.folder if isinstance(remote, FolderRemote) else None


def is_folder_of(remote: Remote, storage: Storage) -> bool:
    """Whether a remote is the cache itself."""
    return isinstance(remote, FolderRemote) and os.path.realpath(
        remote.place.cache
    ) == os.path.realpath(storage.cache)


def unsound_on(
    storage: Storage,
    remote: Remote,
    sizes: Mapping[str, int],
    progress: Progress | None = None,
) -> dict[str, str]:
    """Return digest → what is wrong, for the objects of a remote that are not what they should be.

    A folder is read in place; from any other remote the objects are downloaded, some at a time,
    into the cache's folder for temporary files, and removed again.

    Args:
        storage: The project's storage.
        remote: Which remote.
        sizes: Digest → bytes, as far as they are known (0 where not), of objects that are there.
        progress: Takes (done, total) in bytes.

    Raises:
        StorageError: The remote can't be read.
    """
    if isinstance(remote, FolderRemote):
        _require(remote)
        there = (look(remote.place, digest) for digest in sizes)
        return unsound((one for one in there if one is not None), progress)
    bad: dict[str, str] = {}
    done, total = 0, sum(sizes.values())
    for batch in _batches(sizes):
        bad.update(_downloaded(storage, remote, batch))
        done += sum(sizes[digest] for digest in batch)
        if progress is not None:
            progress(done, total)
    return bad


def lists_on(
    storage: Storage, remote: Remote, folders: Iterable[str]
) -> dict[str, tuple[Member, ...]]:
    """Return folder → its files, for those whose sound list the remote has.

    Raises:
        StorageError: The remote can't be read.
    """
    found: dict[str, tuple[Member, ...]] = {}
    for batch in _batches(dict.fromkeys(folders, 0)):
        targets = _passing(storage, batch)
        try:
            remote.fetch(targets, lambda: None)
            for digest, path in targets.items():
                members = _members(path, digest)
                if members is not None:
                    found[digest] = members
        finally:
            _clear(targets)
    return found


def promised_on(remote: Remote, lists: Iterable[str]) -> set[str]:
    """Return the files that lists on a remote folder name; none for any other kind of remote."""
    return promised(remote.place, lists) if isinstance(remote, FolderRemote) else set()


def remove_on(
    remote: Remote,
    objects: Mapping[str, Held],
    *,
    newest: float,
    done: Callable[[], None] = lambda: None,
) -> Removed:
    """Remove objects from a remote: the lists of folders first.

    Args:
        remote: From where.
        objects: Which; of a remote that isn't a folder only digest and size count.
        newest: On a folder, objects that were touched later than this stay.
        done: Called after each.

    Raises:
        StorageError: An object can't be removed; those before it are gone.
    """
    if isinstance(remote, FolderRemote):
        _require(remote)
        return remove(remote.place, objects.values(), newest=newest, done=done)
    delete = getattr(remote, "delete", None)
    if delete is None:
        raise StorageError("This kind of remote can't be cleaned by gitml.")
    ordered = sorted(objects, key=lambda digest: (not digest.endswith(".dir"), digest))
    for digest in ordered:
        delete(digest)
        done()
    return Removed(tuple(ordered), sum(objects[digest].size for digest in ordered))


def set_aside_on(remote: Remote, digest: str, quarantine: Path) -> bool:
    """Move a corrupt object of a remote folder to this machine, so that a sound one can be sent.

    Other remotes replace what is there when a sound object is sent.
    """
    there = place_on(remote, digest)
    if there is None:
        return False
    move_aside(Path(there.path), digest, quarantine)
    return True


def _require(remote: FolderRemote) -> None:
    problem = remote.problem()
    if problem:
        raise StorageError(problem, hint="Is the disk mounted? See `dvc remote list`.")


def _downloaded(storage: Storage, remote: Remote, digests: Iterable[str]) -> dict[str, str]:
    targets = _passing(storage, digests)
    try:
        remote.fetch(targets, lambda: None)
        came = []
        bad: dict[str, str] = {}
        for digest, path in targets.items():
            if path.is_file():
                info = path.stat()
                came.append(Held(digest, str(path), info.st_size, 1, info.st_mtime, info.st_uid))
            else:
                bad[digest] = "it can't be downloaded"
        return bad | unsound(came)
    finally:
        _clear(targets)


def _passing(storage: Storage, digests: Iterable[str]) -> dict[str, Path]:
    """Return digest → a place in the cache where a copy may be for a moment."""
    with disk_errors(f"write to the cache {storage.cache}", storage.cache):
        return {digest: cache.temporary_path(storage) for digest in digests}


def _members(path: Path, digest: str) -> tuple[Member, ...] | None:
    try:
        return tuple(listing.parse(path.read_bytes(), digest))
    except (OSError, StorageError):
        return None


def _clear(targets: Mapping[str, Path]) -> None:
    for path in targets.values():
        path.unlink(missing_ok=True)


def _batches(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0
    for digest, size in sizes.items():
        if batch and (total + size > _BATCH_BYTES or len(batch) >= _BATCH_FILES):
            yield batch
            batch, total = [], 0
        batch.append(digest)
        total += size
    if batch:
        yield batch
