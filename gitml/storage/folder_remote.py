"""A DVC remote that is a folder: a disk, a network mount. Transfers never delete anything on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from gitml.errors import StorageError
from gitml.storage import cache
from gitml.storage.copying import clone, copy_and_hash
from gitml.storage.digests import digest_of
from gitml.storage.durable import disk_errors
from gitml.storage.parallel import in_threads
from gitml.storage.place import Storage


class FolderRemote:
    """Keeps objects in a folder as the local cache does.

    Args:
        storage: The project's storage, for its settings.
        folder: The remote's root; it needn't exist yet.
        legacy: Whether DVC 2's objects are meant, which lie directly in the root.
        jobs: Files at once; as many as there are cores when not given.
    """

    def __init__(
        self, storage: Storage, folder: Path, *, legacy: bool = False, jobs: int | None = None
    ) -> None:
        self._folder = folder
        self._legacy = legacy
        self._jobs = jobs
        place = folder if legacy else folder / "files" / "md5"
        self._place = msgspec.structs.replace(storage, cache=place)

    @property
    def folder(self) -> Path:
        """The remote's root; it needn't exist yet."""
        return self._folder

    @property
    def place(self) -> Storage:
        """The objects here, as those of a cache."""
        return self._place

    def has(self, sizes: dict[str, int | None]) -> set[str]:
        """Return which of the digests are there (with the given size, when known).

        Raises:
            StorageError: The folder can't be read, so that nobody knows.
        """
        problem = self.problem()
        if problem:
            raise StorageError(problem, hint="Is the disk mounted? See `dvc remote list`.")
        return {
            digest
            for digest, size in sizes.items()
            if cache.holds(self._place, digest)
            and (size is None or cache.has_whole(self._place, digest, size))
        }

    def send(self, files: dict[str, Path], done: Callable[[], None]) -> set[str]:
        """Copy objects here, hashing them in the same pass; returns those that were not sound."""

        def one(digest: str) -> str:
            if not files[digest].is_file():
                return digest
            with disk_errors(f"send {digest} to {self._folder}", self._folder):
                return "" if self._send(digest, files[digest]) else digest

        failed = set()
        for digest in in_threads(one, files, self._jobs):
            failed.add(digest)
            done()
        return failed - {""}

    def _send(self, digest: str, source: Path) -> bool:
        with cache.temporary(self._place) as target:
            copied = copy_and_hash(source, target)
            found = digest_of(target, legacy=True) if self._by_text(digest) else copied.digest
            if found != digest.removesuffix(".dir"):
                return False
            cache.install(self._place, target, digest, copied.size)
            return True

    def fetch(self, files: dict[str, Path], done: Callable[[], None]) -> None:
        """Copy objects from here; what isn't here doesn't exist afterwards."""

        def one(digest: str) -> None:
            source = cache.object_path(self._place, digest)
            with (
                disk_errors(f"fetch {digest} from {self._folder}", files[digest].parent),
                suppress(FileNotFoundError),
            ):
                _copy(source, files[digest])

        for _ in in_threads(one, files, self._jobs):
            done()

    def problem(self) -> str | None:
        """Say in one sentence why the remote can't be used, if so."""
        folder = self._folder
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            return f"The remote {self._folder} is not a folder."
        if not os.access(folder, os.R_OK | os.X_OK):
            return f"The remote {self._folder} can't be read: no permission."
        if folder != self._folder and not os.access(folder, os.W_OK):
            return f"The remote {self._folder} doesn't exist, and can't be made there."
        return None

    def _by_text(self, digest: str) -> bool:
        return self._legacy and not digest.endswith(".dir")


def _copy(source: Path, target: Path) -> None:
    """Copy without hashing: what arrives is hashed by who asked for it."""
    with source.open("rb") as reading, target.open("xb") as writing:
        if not clone(reading.fileno(), writing.fileno()):
            shutil.copyfileobj(reading, writing, 1 << 20)
