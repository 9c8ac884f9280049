"""Storing and hashing whole folders, with all cores and few syncs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from gitml import faults
from gitml.storage import cache, listing, objects
from gitml.storage.copying import Copied, copy_and_hash
from gitml.storage.digests import digest_of, same_file
from gitml.storage.durable import disk_errors, sync_file, sync_filesystem, sync_folder
from gitml.storage.hashes import Hashes
from gitml.storage.listing import Member
from gitml.storage.objects import Stored
from gitml.storage.parallel import in_threads
from gitml.storage.paths import check_member_paths
from gitml.storage.place import Storage
from gitml.storage.walking import Entry, files_in

# From so many files on, one sync of the whole filesystem is cheaper than one for each.
_MANY = 64
_BATCH_FILES = 512
_BATCH_BYTES = 1 << 30


def store(
    storage: Storage,
    path: Path,
    *,
    threads: int | None = None,
    remembered: Hashes | None = None,
) -> Stored:
    """Put a folder into the cache; the object that lists the files comes last.

    Args:
        storage: Where to.
        path: The folder.
        threads: How many files at once; as many as there are cores when not given.
        remembered: Hashes that are known; a file whose object is there already isn't read.

    Returns:
        Its digest, the sum of the files' sizes, and their number; all of it is on the disk.

    Raises:
        StorageError: A file can't be read or keeps changing, has a name that can't be restored
            elsewhere, or is a link that leaves the folder; or there is no space.
    """
    with disk_errors(f"read {path}"):
        entries = files_in(path, strict=True, cache=storage.legacy_cache)
    check_member_paths((entry.relpath for entry in entries), f"The folder {path}")
    known, unread = _sort_out(storage, entries, remembered)
    found = {entry.relpath: made for entry, made in known}
    size = sum(entry.info.st_size for entry, _ in known)
    with disk_errors(f"store {path}", storage.cache, sum(entry.info.st_size for entry in unread)):
        since = time.time_ns()
        for entry, copied in _store_files(storage, unread, threads):
            found[entry.relpath] = copied.digest
            size += copied.size
            if remembered:
                remembered.remember(entry.path, copied.source, copied.digest, since=since)
        _settle(storage, {made for _, made in known}, unread)
    listed = [Member(path=relpath, digest=digest) for relpath, digest in found.items()]
    stored = objects.store_bytes(storage, listing.render(listed), suffix=".dir")
    return Stored(digest=stored.digest, size=size, files=len(listed))


def digest_of_folder(path: Path, remembered: Hashes | None = None) -> Stored:
    """Return the digest that DVC would give a folder, without writing anything.

    Raises:
        StorageError: A file can't be read, or has a name that DVC can't store.
    """
    with disk_errors(f"read {path}"):
        entries = files_in(path)
        found: dict[str, str] = {}
        unread = []
        for entry in entries:
            known = remembered.find(entry.path, entry.info) if remembered else ""
            if known:
                found[entry.relpath] = known
            else:
                unread.append(entry)
        since = time.time_ns()
        for entry, made, after in in_threads(_hash_entry, unread, None):
            found[entry.relpath] = made
            if remembered and same_file(entry.info, after):
                remembered.remember(entry.path, after, made, since=since)
    listed = [Member(path=relpath, digest=made) for relpath, made in found.items()]
    return Stored(
        digest=listing.digest_of(listing.render(listed)),
        size=sum(entry.info.st_size for entry in entries),
        files=len(listed),
    )


def _hash_entry(entry: Entry) -> tuple[Entry, str, os.stat_result]:
    return entry, digest_of(entry.path), os.stat(entry.path)


def _sort_out(
    storage: Storage, entries: list[Entry], remembered: Hashes | None
) -> tuple[list[tuple[Entry, str]], list[Entry]]:
    """Tell the files whose objects are known to be there from those that have to be read."""
    known, unread = [], []
    for entry in entries:
        made = remembered.find(entry.path, entry.info) if remembered else ""
        if made and cache.has_whole(storage, made, entry.info.st_size):
            known.append((entry, made))
        else:
            unread.append(entry)
    return known, unread


def _store_files(
    storage: Storage, unread: list[Entry], threads: int | None
) -> Iterator[tuple[Entry, Copied]]:
    if len(unread) < _MANY:
        yield from in_threads(
            lambda entry: (entry, objects.copy_in(storage, entry.path)), unread, threads
        )
        return
    cache.make_folder(storage, storage.cache / cache.TEMPORARY)
    for batch in _batches(unread):
        yield from _store_batch(storage, batch, threads)


def _store_batch(
    storage: Storage, batch: list[Entry], threads: int | None
) -> list[tuple[Entry, Copied]]:
    """Copy files into temporaries, sync them together, and only then give them their places."""
    folder = storage.cache / cache.TEMPORARY
    temporaries: list[Path] = []

    def copy(entry: Entry) -> tuple[Entry, Copied, Path]:
        target = folder / f"{os.getpid()}-{os.urandom(8).hex()}"
        temporaries.append(target)
        copied = copy_and_hash(entry.path, target, durable=False)
        faults.reach("storage.copied")
        return entry, copied, target

    try:
        copies = list(in_threads(copy, batch, threads))
        if not sync_filesystem(folder):
            list(in_threads(sync_file, temporaries, threads))
        for _, copied, target in copies:
            cache.install(storage, target, copied.digest, copied.size, durable=False)
            faults.reach("storage.stored")
    finally:
        for target in temporaries:
            target.unlink(missing_ok=True)
    return [(entry, copied) for entry, copied, _ in copies]


def _settle(storage: Storage, known: set[str], unread: list[Entry]) -> None:
    """Make the names of stored files durable, and the objects that were there already."""
    if len(known) + len(unread) >= _MANY and sync_filesystem(storage.cache):
        for digest in known:
            cache.freshen(cache.object_path(storage, digest))
        return
    for digest in known:
        cache.settle(storage, digest)
    if len(unread) >= _MANY:
        for folder in storage.cache.glob("[0-9a-f][0-9a-f]"):
            sync_folder(folder)
        sync_folder(storage.cache)


def _batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Cut the list so that temporaries stay few and don't need twice the space."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        if batch and (len(batch) >= _BATCH_FILES or size + entry.info.st_size > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.info.st_size
    if batch:
        yield batch
