"""The local object cache in DVC's own format, written so that it survives crashes.

An object is copied and hashed in one pass into a temporary file on the cache's filesystem, synced,
made read-only and renamed to its digest; DVC's own writer does none of that (it hashes first,
copies later and never syncs).
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import msgspec

from gitml import faults
from gitml.errors import StorageError
from gitml.storage import listing
from gitml.storage.cache import (
    clear_leftovers,
    has_whole,
    holds,
    install,
    object_path,
    probe,
    settle,
    temporary,
)
from gitml.storage.copying import Copied, copy_and_hash
from gitml.storage.digests import digest_of, md5
from gitml.storage.durable import disk_errors, sync_file, sync_folder, write_all
from gitml.storage.hashes import Hashes
from gitml.storage.listing import Member
from gitml.storage.place import Storage

__all__ = [
    "Member",
    "Stored",
    "clear_leftovers",
    "hash_file",
    "hash_folder",
    "holds",
    "members",
    "object_path",
    "probe",
    "set_aside",
    "store_bytes",
    "store_file",
    "store_folder",
    "verify",
]


class Stored(msgspec.Struct, frozen=True):
    """An object of DVC storage.

    Attributes:
        digest: MD5 of a file's bytes, or `<md5>.dir` for a folder.
        size: Bytes; the sum of the files for a folder.
        files: Number of files of a folder, else 0.
        sha256: Of a single file, where it was asked for.
    """

    digest: str
    size: int
    files: int = 0
    sha256: str = ""


def verify(storage: Storage, digest: str, *, legacy: bool = False) -> bool:
    """Read the object and return whether its bytes match its name.

    For a folder that is the list of its files only: each of `members` is an object of its own.

    Raises:
        StorageError: There is no such object, or it can't be read.
    """
    path = object_path(storage, digest, legacy=legacy)
    is_list = digest.endswith(".dir")
    found = digest_of(path, legacy=legacy and not is_list)
    return found == digest.removesuffix(".dir")


def members(storage: Storage, digest: str, *, legacy: bool = False) -> list[Member]:
    """Return the files of a stored folder, checked.

    Raises:
        StorageError: The object is missing, corrupt or malformed, or lists an unsafe path.
    """
    path = object_path(storage, digest, legacy=legacy)
    if not digest.endswith(".dir"):
        raise StorageError(f"{digest} is a file, not a folder.")
    with disk_errors(f"read the list of the stored folder {digest}"):
        if os.stat(path).st_size > listing.LARGEST:
            raise StorageError(f"The stored folder {digest} has a list of more than 1 GiB.")
        data = path.read_bytes()
    return listing.parse(data, digest)


def hash_file(path: Path, remembered: Hashes | None = None) -> Stored:
    """Return what `store_file` would, without writing anything.

    Raises:
        StorageError: The file can't be read.
    """
    with disk_errors(f"read {path}"):
        before = os.stat(path)
        known = remembered.find(path, before) if remembered else ""
        if known:
            return Stored(digest=known, size=before.st_size)
        since = time.time_ns()
        digest = digest_of(path)
        after = os.stat(path)
    if remembered and (before.st_mtime_ns, before.st_size, before.st_ino) == (
        after.st_mtime_ns,
        after.st_size,
        after.st_ino,
    ):
        remembered.remember(path, after, digest, since=since)
    return Stored(digest=digest, size=after.st_size)


def store_file(
    storage: Storage, path: Path, *, want_sha256: bool = False, remembered: Hashes | None = None
) -> Stored:
    """Put a file into the cache; it is read once.

    Args:
        storage: Where to.
        path: A regular file, or a link to one.
        want_sha256: Whether to make the SHA-256 in the same pass.
        remembered: Hashes that are known: a file with a known digest that the cache has isn't
            read again (unless its SHA-256 is wanted), and the new digest is remembered.

    Returns:
        Its digest; the object is on the disk.

    Raises:
        StorageError: The file can't be read, keeps changing, or there is no space.
    """
    with disk_errors(f"store {path}", storage.cache):
        before = os.stat(path)
        known = remembered.find(path, before) if remembered and not want_sha256 else ""
        if known and has_whole(storage, known, before.st_size):
            settle(storage, known)
            return Stored(digest=known, size=before.st_size)
        since = time.time_ns()
        copied = copy_in(storage, path, want_sha256=want_sha256)
    if remembered:
        remembered.remember(path, copied.source, copied.digest, since=since)
    return Stored(digest=copied.digest, size=copied.size, sha256=copied.sha256)


def copy_in(storage: Storage, path: Path | str, *, want_sha256: bool = False) -> Copied:
    """Put one file into the cache, and return the state it was in besides its digest.

    Raises:
        StorageError: It keeps changing.
        OSError: It can't be read, or the cache can't be written.
    """
    with temporary(storage) as target:
        copied = copy_and_hash(path, target, want_sha256=want_sha256)
        faults.reach("storage.copied")
        install(storage, target, copied.digest, copied.size)
    faults.reach("storage.stored")
    return copied


def store_bytes(storage: Storage, data: bytes, *, suffix: str = "") -> Stored:
    """Put bytes into the cache (`suffix` is `.dir` for the list of a folder).

    Raises:
        StorageError: They can't be written.
    """
    digest = md5(data).hexdigest() + suffix
    with disk_errors(f"store {digest}", storage.cache, len(data)):
        if has_whole(storage, digest, len(data)):
            settle(storage, digest)
            return Stored(digest=digest, size=len(data))
        with temporary(storage) as target:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                faults.reach("storage.copying")
                write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            faults.reach("storage.copied")
            install(storage, target, digest, len(data))
        faults.reach("storage.stored")
    return Stored(digest=digest, size=len(data))


def store_folder(
    storage: Storage, path: Path, *, threads: int | None = None, remembered: Hashes | None = None
) -> Stored:
    """Put a folder into the cache: its files, several at once, and then the list of them.

    See `gitml.storage.folders.store`.
    """
    from gitml.storage import folders

    return folders.store(storage, path, threads=threads, remembered=remembered)


def hash_folder(path: Path, remembered: Hashes | None = None) -> Stored:
    """Return the digest that DVC would give a folder, without writing anything.

    Raises:
        StorageError: A file can't be read, or has a name that DVC can't store.
    """
    from gitml.storage import folders

    return folders.digest_of_folder(path, remembered)


def set_aside(storage: Storage, digest: str, quarantine: Path, *, legacy: bool = False) -> Path:
    """Move a corrupt object out of the cache, so that it is neither used nor lost.

    Returns:
        Where it is now.

    Raises:
        StorageError: It can't be moved.
    """
    return move_aside(object_path(storage, digest, legacy=legacy), digest, quarantine)


def move_aside(path: Path, digest: str, quarantine: Path) -> Path:
    """Move the file at `path`, which should have been `digest`, into the folder `quarantine`."""
    with disk_errors(f"set the corrupt object {digest} aside", quarantine):
        quarantine.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = quarantine / f"{digest}-{os.urandom(4).hex()}"
        try:
            path.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.copyfile(path, target)
            sync_file(target)
            path.unlink()
        sync_folder(quarantine)
    return target
