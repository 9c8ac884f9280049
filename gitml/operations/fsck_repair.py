"""Mending what `gitml fsck` found: corrupt objects are set aside, and sound copies brought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from gitml.errors import GitmlError, StorageError
from gitml.git.objects import read_object
from gitml.operations.fsck_objects import Objects
from gitml.operations.fsck_values import Fault, Source
from gitml.operations.project import Project
from gitml.storage.objects import copy_in, object_path, set_aside, store_bytes, store_folder
from gitml.storage.place import Storage
from gitml.storage.remote_upkeep import set_aside_on
from gitml.storage.remotes import open_remote, pull, push

Progress = Callable[[int, int], None]


def repair(
    project: Project,
    storage: Storage,
    found: Objects,
    faults: Sequence[Fault],
    remote: str,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Mend what can be mended; nothing is deleted.

    Args:
        project: Where.
        storage: The cache.
        found: What is here.
        faults: What is wrong, with the places that have sound copies.
        remote: The remote that faults of a remote are about.
        progress: Takes (done, total) in objects.

    Returns:
        Digest → how it was mended, in words; what isn't in it could not be.
    """
    here = [
        one
        for one in faults
        if one.state in ("lost", "corrupt") and _out_of_the_way(project, storage, found, one.digest)
    ]
    mended: dict[str, str] = {}
    by_remote: dict[str, list[str]] = {}
    for fault in here:
        source = fault.source
        if source is None:
            if fault.state == "corrupt" and not fault.users and not fault.others:
                mended[fault.digest] = "set aside; nothing needs it"
        elif source.kind == "remote":
            by_remote.setdefault(source.place, []).append(fault.digest)
        elif _bring(project, storage, fault.digest, source):
            mended[fault.digest] = f"copied from {source.where}"
    for name, digests in by_remote.items():
        for digest in _fetch(project, storage, name, digests, progress):
            mended[digest] = f"fetched from the DVC remote {name}"
    there = [one for one in faults if "remote" in one.state and one.source is not None]
    for digest in _send(project, storage, remote, there, progress):
        mended[digest] = f"sent to the DVC remote {remote}"
    return mended


def _out_of_the_way(project: Project, storage: Storage, found: Objects, digest: str) -> bool:
    """Set a corrupt object aside; whether its place is free now."""
    if digest in found.bad:
        held = found.here.get(digest)
        legacy = held is not None and held.legacy
        try:
            set_aside(storage, digest, project.quarantine, legacy=legacy)
        except StorageError:
            return False
    return True


def _bring(project: Project, storage: Storage, digest: str, source: Source) -> bool:
    """Copy an object from this machine; what it turns out to be is checked once more."""
    with suppress(GitmlError, OSError):
        if source.kind == "git":
            data = read_object(project.repository.git, source.place)
            return data is not None and store_bytes(storage, data).digest == digest
        path = Path(source.place)
        if path.is_dir():
            return store_folder(storage, path).digest == digest
        if digest.endswith(".dir"):
            return store_bytes(storage, path.read_bytes(), suffix=".dir").digest == digest
        return copy_in(storage, path).digest == digest
    return False


def _fetch(
    project: Project, storage: Storage, name: str, digests: list[str], progress: Progress | None
) -> set[str]:
    """Fetch objects from a remote, of whichever version of DVC; return those that came."""
    left = set(digests)
    for legacy in (False, True):
        try:
            left &= _pull(project, storage, name, left, progress, legacy=legacy)
        except StorageError:  # one list of a folder that is unsafe must not keep the others away
            for digest in sorted(left):
                with suppress(StorageError):
                    left -= {digest} - _pull(
                        project, storage, name, {digest}, progress, legacy=legacy
                    )
    return set(digests) - left


def _pull(
    project: Project,
    storage: Storage,
    name: str,
    digests: set[str],
    progress: Progress | None,
    *,
    legacy: bool,
) -> set[str]:
    if not digests:
        return set()
    moved = pull(
        storage,
        digests,
        remote=name,
        quarantine=project.quarantine,
        progress=progress,
        legacy=legacy,
    )
    return set(moved.failed)


def _send(
    project: Project,
    storage: Storage,
    name: str,
    faults: Sequence[Fault],
    progress: Progress | None,
) -> set[str]:
    """Send objects to a remote again; corrupt ones there are set aside first."""
    if not faults:
        return set()
    target = open_remote(storage, name)
    corrupt = {one.digest for one in faults if one.state == "corrupt on the remote"}
    for digest in corrupt:
        set_aside_on(target, digest, project.quarantine)
    failed = target.send({one: object_path(storage, one) for one in corrupt}, lambda: None)
    absent = {one.digest for one in faults} - corrupt
    if absent:
        failed |= set(push(storage, absent, remote=name, progress=progress).failed)
    return (corrupt | absent) - failed
