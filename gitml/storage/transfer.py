"""What to send to and fetch from a remote, in which order, and how to tell that it arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gitml.storage import cache, listing, objects
from gitml.storage.digests import matching
from gitml.storage.durable import disk_errors, sync_file
from gitml.storage.paths import check_digest
from gitml.storage.place import Storage

if TYPE_CHECKING:
    from gitml.storage.remotes import Progress, Remote

_BATCH = 256


class Expanded(msgspec.Struct, frozen=True):
    """Objects with the files of folders.

    Attributes:
        files: Digests of files.
        folders: Digest of a folder → digests of its files.
        unknown: Folders whose list of files isn't in the cache, or is corrupt.
    """

    files: set[str]
    folders: dict[str, set[str]]
    unknown: set[str]

    @property
    def everything(self) -> set[str]:
        """All digests."""
        return self.files | self.folders.keys() | self.unknown


def expanded(storage: Storage, digests: Iterable[str]) -> Expanded:
    """Add the files of folders, as far as the cache knows them.

    Raises:
        StorageError: A digest isn't one.
    """
    files: set[str] = set()
    folders: dict[str, set[str]] = {}
    unknown: set[str] = set()
    for digest in {check_digest(one) for one in digests}:
        if not digest.endswith(".dir"):
            files.add(digest)
        elif cache.holds(storage, digest) and objects.verify(storage, digest):
            folders[digest] = {member.digest for member in objects.members(storage, digest)}
            files |= folders[digest]
        else:
            unknown.add(digest)
    return Expanded(files=files, folders=folders, unknown=unknown)


class _Count:
    """Calls `progress` as objects get done; remotes may do so from other threads."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress

    def __call__(self, number: int = 1) -> None:
        self._done = min(self._done + number, self._total)
        if self._progress and self._total:
            self._progress(self._done, self._total)


def push(
    storage: Storage,
    digests: Iterable[str],
    remote: Remote,
    progress: Progress | None,
) -> tuple[int, set[str]]:
    """Send objects, a folder's list after its files; see `remotes.push`.

    Returns:
        How many were sent, and the digests that are not on the remote now.
    """
    wanted = expanded(storage, digests)
    sizes = {digest: _size(storage, digest) for digest in wanted.files | wanted.folders.keys()}
    there = remote.has({**sizes, **dict.fromkeys(wanted.unknown)})
    failed = wanted.unknown - there
    count = _Count(len(wanted.everything), progress)
    count(len(there | failed))
    sent: set[str] = set()

    def send(some: Iterable[str]) -> None:
        for batch in _batches(sorted(some)):
            bad = remote.send({one: cache.object_path(storage, one) for one in batch}, count)
            failed.update(bad)
            sent.update(set(batch) - bad)

    send(wanted.files - there)
    # A list on a remote promises that its files are there too.
    complete = {one for one, files in wanted.folders.items() if not files & failed}
    send(complete - there)
    failed.update(wanted.folders.keys() - complete)
    lost = sent - remote.has({digest: sizes[digest] for digest in sent})
    return len(sent - lost), failed | lost


def pull(
    storage: Storage,
    digests: Iterable[str],
    remote: Remote,
    quarantine: Path,
    progress: Progress | None,
    *,
    legacy: bool,
) -> tuple[int, set[str]]:
    """Fetch objects, a folder's list installed after its files; see `remotes.pull`.

    Returns:
        How many came, and the digests that the cache doesn't have now.
    """
    known = expanded(storage, digests)
    for digest in known.unknown:
        if cache.holds(storage, digest):  # but it is corrupt
            objects.set_aside(storage, digest, quarantine)
    fetching = _Fetching(storage, remote, quarantine, legacy)
    lists = fetching.lists(known.unknown)
    files = set(known.files)
    for digest, data in lists.items():
        files |= {member.digest for member in listing.parse(data, digest)}
    absent = {digest for digest in files if not cache.holds(storage, digest)}
    count = _Count(len(files | known.folders.keys() | known.unknown), progress)
    count(len(files - absent) + len(known.folders) + len(known.unknown))
    came = fetching.files(absent, count)
    for digest, data in lists.items():
        objects.store_bytes(storage, data, suffix=".dir")
        came.add(digest)
    return len(came), (absent | known.unknown) - came


class _Fetching:
    """Brings objects from a remote into the cache by way of temporary files."""

    def __init__(self, storage: Storage, remote: Remote, quarantine: Path, legacy: bool) -> None:
        self._storage = storage
        self._remote = remote
        self._quarantine = quarantine
        self._legacy = legacy

    def lists(self, digests: set[str]) -> dict[str, bytes]:
        """Fetch the lists of folders, without giving them their place yet."""
        found = {}
        for batch in _batches(sorted(digests)):
            with self._temporaries(batch) as targets:
                self._remote.fetch(targets, _nothing)
                for digest, path in self._arrived(targets):
                    found[digest] = path.read_bytes()
        return found

    def files(self, digests: set[str], done: Callable[[], None]) -> set[str]:
        """Fetch files into the cache; returns those that came and are what they should be."""
        came = set()
        for batch in _batches(sorted(digests)):
            with self._temporaries(batch) as targets:
                self._remote.fetch(targets, done)
                for digest, path in self._arrived(targets):
                    with disk_errors(f"store {digest}", self._storage.cache):
                        sync_file(path)
                        cache.install(self._storage, path, digest, path.stat().st_size)
                    came.add(digest)
        return came

    def _temporaries(self, digests: list[str]) -> _Temporaries:
        return _Temporaries(self._storage, digests)

    def _arrived(self, targets: dict[str, Path]) -> Iterator[tuple[str, Path]]:
        """Hash what came, and set aside what is not what it should be."""
        there = {digest: path for digest, path in targets.items() if path.is_file()}
        good = matching(there, legacy=self._legacy)
        for digest, path in there.items():
            if digest in good:
                yield digest, path
            else:
                objects.move_aside(path, digest, self._quarantine)


class _Temporaries:
    """Paths for downloads on the cache's filesystem; what is left there is removed."""

    def __init__(self, storage: Storage, digests: list[str]) -> None:
        self._storage = storage
        self._digests = digests
        self._paths: dict[str, Path] = {}

    def __enter__(self) -> dict[str, Path]:
        with disk_errors("fetch objects", self._storage.cache):
            self._paths = {one: cache.temporary_path(self._storage) for one in self._digests}
        return self._paths

    def __exit__(self, *_: object) -> None:
        for path in self._paths.values():
            path.unlink(missing_ok=True)


def _size(storage: Storage, digest: str) -> int | None:
    try:
        return cache.object_path(storage, digest).stat().st_size
    except OSError:
        return None


def _batches(digests: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(digests), _BATCH):
        yield digests[start : start + _BATCH]


def _nothing() -> None:
    return None
