"""Bringing stored files back into a work tree, without trusting the cache or the pointer.

Everything is copied and hashed into a folder of its own first, and renamed into place only when
all of it is right: an error leaves the work tree as it was.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from gitml.errors import StorageError
from gitml.storage import cache, objects
from gitml.storage.copying import copy_and_hash
from gitml.storage.digests import digest_of
from gitml.storage.durable import disk_errors
from gitml.storage.landing import check_way, publish
from gitml.storage.parallel import in_threads
from gitml.storage.paths import shown
from gitml.storage.place import Storage
from gitml.storage.pointers import Pointer

Fetch = Callable[[list[str]], None]

_NAMED = 10


class _Item(msgspec.Struct, frozen=True):
    """One file to restore: its path from the target (empty for the target itself)."""

    path: str
    digest: str


def restore(
    storage: Storage,
    pointer: Pointer,
    target: Path,
    top: Path,
    quarantine: Path,
    fetch: Fetch | None = None,
) -> tuple[str, ...]:
    """Bring what a pointer stands for into the work tree.

    Every object is hashed again before it is used. A corrupt one is moved to `quarantine`.

    Args:
        storage: The cache to take it from.
        pointer: What to restore; its `path` isn't used.
        target: Where to; a file that is there is replaced in one step.
        top: Nothing outside of this folder, and nothing through a link inside of it, is written.
        quarantine: Folder for corrupt objects.
        fetch: Brings objects that are missing or corrupt into the cache (from a remote, say); it
            may fail silently for some.

    Returns:
        For a folder: the files in `target` that the pointer doesn't list. They are left alone.

    Raises:
        StorageError: A path is unsafe, an object is missing or corrupt, or there is no space.
            The work tree is unchanged, except when the disk fails during the last renames.
    """
    way = _inside(target, top)
    check_way(top, way, folder=pointer.is_folder)
    items = _items(storage, pointer, quarantine, fetch)
    if pointer.is_folder:
        for parent in {item.path.rpartition("/")[0] for item in items} - {""}:
            check_way(top, f"{way}/{parent}", folder=True)
        for item in items:
            check_way(top, f"{way}/{item.path}", folder=False)
    with _staging(storage, top, way) as stage:
        staged = _stage_all(storage, pointer, items, stage, quarantine, fetch)
        with disk_errors(f"restore {target}", target.parent):
            publish(top, way, staged, folder=pointer.is_folder)
    return _unlisted(target, {item.path for item in items}) if pointer.is_folder else ()


def _inside(target: Path, top: Path) -> str:
    """Return the path of `target` from `top`, or refuse."""
    try:
        return Path(os.path.abspath(target)).relative_to(os.path.abspath(top)).as_posix()
    except ValueError:
        raise StorageError(f"{target} is outside of {top}, so nothing is restored to it.") from None


def _items(
    storage: Storage, pointer: Pointer, quarantine: Path, fetch: Fetch | None
) -> list[_Item]:
    if not pointer.is_folder:
        return [_Item(path="", digest=pointer.digest)]
    for digest in _unsound(storage, pointer, quarantine):
        _fetch([digest], fetch)
    if not cache.holds(storage, pointer.digest, legacy=pointer.legacy):
        raise _missing([_Item(path="", digest=pointer.digest)])
    listed = objects.members(storage, pointer.digest, legacy=pointer.legacy)
    return [_Item(path=member.path, digest=member.digest) for member in listed]


def _unsound(storage: Storage, pointer: Pointer, quarantine: Path) -> list[str]:
    """Return the pointer's own object if it has to be fetched; a corrupt one is set aside."""
    if not cache.holds(storage, pointer.digest, legacy=pointer.legacy):
        return [pointer.digest]
    if objects.verify(storage, pointer.digest, legacy=pointer.legacy):
        return []
    objects.set_aside(storage, pointer.digest, quarantine, legacy=pointer.legacy)
    return [pointer.digest]


def _stage_all(
    storage: Storage,
    pointer: Pointer,
    items: list[_Item],
    stage: Path,
    quarantine: Path,
    fetch: Fetch | None,
) -> dict[str, Path]:
    """Put a sound copy of every file into `stage`; returns them by their path."""
    absent = {
        item.digest: None
        for item in items
        if not cache.holds(storage, item.digest, legacy=pointer.legacy)
    }
    _fetch(list(absent), fetch)
    mask = _umask()
    staged = {item.path: stage / str(number) for number, item in enumerate(items)}

    def bring(item: _Item) -> tuple[_Item, bool]:
        mode = 0o777 & ~mask if pointer.output.get("isexec") else 0o666 & ~mask
        return item, _bring(storage, item.digest, staged[item.path], mode, pointer.legacy)

    todo = items
    for last in (False, True):
        with disk_errors("restore files", stage, pointer.size):
            bad = [item for item, good in in_threads(bring, todo) if not good]
        if not bad:
            return staged
        corrupt = {
            item.digest for item in bad if cache.holds(storage, item.digest, legacy=pointer.legacy)
        }
        for digest in corrupt:
            objects.set_aside(storage, digest, quarantine, legacy=pointer.legacy)
        if last or fetch is None:
            raise _missing(bad, corrupt)
        _fetch(list({item.digest: None for item in bad}), fetch)
        todo = bad
    raise AssertionError


def _bring(storage: Storage, digest: str, target: Path, mode: int, legacy: bool) -> bool:
    """Make a sound copy or link of an object at `target`; False if it is missing or corrupt."""
    source = cache.object_path(storage, digest, legacy=legacy)
    if not cache.holds(storage, digest, legacy=legacy):
        return False
    for kind in storage.link_types:
        if kind in ("hardlink", "symlink"):
            if digest_of(source, legacy=legacy) != digest:
                return False
            with suppress(OSError):
                if kind == "hardlink":
                    os.link(source, target)
                else:
                    target.symlink_to(source)
                return True
        else:
            break
    try:
        found = copy_and_hash(source, target, durable=False).digest
    except FileNotFoundError:
        if source.exists():
            raise
        return False
    if legacy:
        found = digest_of(target, legacy=True)
    if found != digest:
        target.unlink()
        return False
    target.chmod(mode)
    return True


def _fetch(digests: list[str], fetch: Fetch | None) -> None:
    if digests and fetch is not None:
        fetch(digests)


def _missing(items: list[_Item], corrupt: set[str] | None = None) -> StorageError:
    named = [
        f"{item.digest}{' for ' + shown(item.path) if item.path else ''}"
        f"{' (corrupt, set aside)' if corrupt and item.digest in corrupt else ''}"
        for item in items[:_NAMED]
    ]
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return StorageError(
        f"Not in DVC storage: {', '.join(named)}{more}. Nothing was restored.",
        hint="`gitml exp pull` or `dvc pull` fetches what a remote has.",
    )


@contextmanager
def _staging(storage: Storage, top: Path, way: str) -> Iterator[Path]:
    """Give a folder on the work tree's filesystem that Git ignores, or else one beside the target.

    A folder that a killed process left behind in `.dvc/tmp` is removed a day later by
    `clear_leftovers`.
    """
    name = f"{cache.STAGING}{os.getpid()}-{os.urandom(6).hex()}"
    beside = _existing(top, way)
    with disk_errors(f"restore to {top / way}", beside):
        folder = storage.dvc_dir / "tmp" / name
        try:
            folder.mkdir(mode=0o700, parents=True)
            near = folder.stat().st_dev == beside.stat().st_dev
        except OSError:
            near = False
        if not near:
            with suppress(OSError):
                folder.rmdir()
            folder = beside / f".{name}"
            folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _existing(top: Path, way: str) -> Path:
    folder = (top / way).parent
    while not folder.is_dir() and folder != top:
        folder = folder.parent
    return folder


def _unlisted(target: Path, listed: set[str]) -> tuple[str, ...]:
    found = []
    for folder, _, names in os.walk(target):
        prefix = os.path.relpath(folder, target)
        for name in names:
            path = name if prefix == "." else f"{prefix}/{name}"
            if path not in listed:
                found.append(path)
    return tuple(sorted(found))


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
