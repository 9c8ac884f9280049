"""What a cache holds: every object with its size and age, none of them read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gitml.storage.durable import disk_errors
from gitml.storage.paths import is_digest
from gitml.storage.place import Storage

_PREFIX = re.compile(r"[0-9a-f]{2}", re.ASCII)


class Held(msgspec.Struct, frozen=True):
    """One object of a cache.

    Attributes:
        digest: Its name: `<md5>`, or `<md5>.dir` for the list of a folder.
        path: Where it is.
        size: Its bytes.
        links: Names that its file has; more than one when a work tree has it as a hard link.
        touched: When its bytes or its file last changed, seconds since the epoch. A file that was
            moved or linked into the cache keeps its modification time, so both count.
        owner: Number of the user that it belongs to.
        legacy: Whether it is among DVC 2's objects.
    """

    digest: str
    path: str
    size: int
    links: int
    touched: float
    owner: int
    legacy: bool = False


def inventory(storage: Storage, *, legacy: bool = False) -> dict[str, Held]:
    """Return digest → object of everything in a cache.

    Args:
        storage: Which; a remote that is a folder looks the same.
        legacy: Whether to look at DVC 2's objects.

    Raises:
        StorageError: The cache can't be read.
    """
    folder = storage.legacy_cache if legacy else storage.cache
    found: dict[str, Held] = {}
    with disk_errors(f"read {folder}"):
        for place in _folders(folder):
            for item in _scan(place.path):
                digest = place.name + item.name
                if is_digest(digest) and (held := _held(item.path, digest, legacy)) is not None:
                    found[digest] = held
    return found


def look(storage: Storage, digest: str, *, legacy: bool = False) -> Held | None:
    """Return one object of a cache, or None if it isn't there; `digest` must be one."""
    folder = storage.legacy_cache if legacy else storage.cache
    return _held(str(folder / digest[:2] / digest[2:]), digest, legacy)


def cache_folders(storage: Storage) -> tuple[Path, Path]:
    """Return the real folder of the cache, and the one that is the project's own.

    They differ where the project shares its cache, by `cache.dir` or a symbolic link.
    """
    home = storage.config_files[-1].base if storage.config_files else storage.dvc_dir
    # `.dvc` itself may be reached through a link; what is in it is the project's own.
    return Path(os.path.realpath(storage.legacy_cache)), Path(os.path.realpath(home)) / "cache"


def _folders(folder: Path) -> Iterator[os.DirEntry[str]]:
    for item in _scan(str(folder)):
        if _PREFIX.fullmatch(item.name) and item.is_dir():
            yield item


def _scan(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return list(items)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _held(path: str, digest: str, legacy: bool) -> Held | None:
    try:
        info = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(info.st_mode):
        return None
    return Held(
        digest=digest,
        path=path,
        size=info.st_size,
        links=info.st_nlink,
        touched=max(info.st_mtime, info.st_ctime),
        owner=info.st_uid,
        legacy=legacy,
    )
