"""Bringing what an experiment read into the work tree of its rerun, each piece verified by hash."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from gitml.errors import StorageError
from gitml.execution.isolate import link_data
from gitml.experiment.record import Record
from gitml.git.trees import Entry
from gitml.inputs.manifest import DataInput
from gitml.operations.candidate_data import refolded
from gitml.operations.code import SyntaxReader
from gitml.operations.data import Tracked, hash_path, open_hashes
from gitml.operations.data_seen import STANDARD_INPUT
from gitml.operations.objects import missing_objects
from gitml.operations.project import Project
from gitml.storage.durable import disk_errors
from gitml.storage.hashes import Hashes
from gitml.storage.place import Storage
from gitml.storage.pointers import Pointer

_NAMED = 5
_COPIED = 1 << 30  # bytes of unversioned data that are copied; what is larger is linked

Progress = Callable[[int, int], None]


class Supply(msgspec.Struct, frozen=True):
    """Where each input of data comes from.

    Attributes:
        stored: Path → pointer of what comes from DVC storage.
        fetched: Digests that the local cache doesn't have whole.
        beside: Paths that are brought from the user's work tree, which has the same content.
        linked: Paths that are linked from there, since only names, sizes and times are known.
        missing: Path → why it can't be had.
        uncaptured: Locations that nothing is known of.
    """

    stored: dict[str, Pointer] = {}
    fetched: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()
    missing: dict[str, str] = {}
    uncaptured: tuple[str, ...] = ()


def plan_supply(
    project: Project,
    storage: Storage | None,
    record: Record,
    entries: Iterable[Entry],
    tracked: Mapping[str, Tracked],
) -> Supply:
    """Say where the data that an experiment read comes from; nothing is fetched or copied.

    Args:
        project: Where the user stands.
        storage: DVC storage of the experiment's project.
        record: Of the experiment.
        entries: Files of its tree.
        tracked: What DVC tracks in it.
    """
    stored: dict[str, Pointer] = {}
    beside: list[str] = []
    linked: list[str] = []
    uncaptured: list[str] = []
    missing: dict[str, str] = {}
    in_tree = [entry.path for entry in entries]
    with open_hashes(project) as hashes:
        for name, item in record.inputs.data.items():
            there = _is_there(project, name, item, hashes)
            if item.kind == "external":
                uncaptured.append(name)
            elif item.kind == "git" or os.path.isabs(name):
                if item.kind == "unversioned" and not there:
                    missing[name] = _changed(name)
            elif name == STANDARD_INPUT:
                missing[name] = "came by standard input, which nothing keeps"
            elif item.kind == "listing" or (item.digest.startswith("sha256:") and not item.names):
                linked.append(name)
            elif item.kind == "dvc" or item.restorable:
                stored[name] = _pointer(name, item, tracked)
            elif there:
                beside.append(name)
            elif name not in in_tree:
                missing[name] = _lost(project, name, item)
        beside += _modules_beside(project, record, in_tree, missing)
    absent = _absent(storage, stored)
    stored, beside, missing = _from_work_tree(
        project, record, storage, stored, absent, beside, missing
    )
    fetched = tuple(digest for digest in absent if digest in {p.digest for p in stored.values()})
    return Supply(stored, fetched, tuple(beside), tuple(linked), missing, tuple(uncaptured))


def bring(
    project: Project,
    storage: Storage | None,
    record: Record,
    supply: Supply,
    root: Path,
    progress: Progress | None,
) -> None:
    """Put the data in place.

    Args:
        project: Where the user stands.
        storage: DVC storage of the experiment's project.
        record: Of the experiment.
        supply: Where everything comes from.
        root: The work tree of the rerun.
        progress: Takes (done, total) while objects are fetched.

    Raises:
        StorageError: if something can't be had; the message names it.
    """
    refuse_missing(record, supply)
    if supply.stored:
        assert storage is not None
        _fetch(project, storage, record, supply, progress)
        from gitml.storage.restore import restore

        for path, pointer in supply.stored.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            fetch = _fetcher(project, storage, pointer)
            restore(storage, pointer, root / path, root, project.quarantine, fetch)
    for path in supply.beside:
        item = record.inputs.data.get(path)
        if item is not None and item.kind != "dvc" and item.size > _COPIED:
            link_data(project.repository.root, root, [path])
        else:
            _copy(project.repository.root / path, root / path)
    link_data(project.repository.root, root, supply.linked)


def refuse_missing(record: Record, supply: Supply) -> None:
    """Stop with one sentence about what can't be had.

    Raises:
        StorageError: if there is anything.
    """
    if not supply.missing:
        return
    said = [f"{name} {why}" for name, why in list(supply.missing.items())[:_NAMED]]
    more = f"; and {len(supply.missing) - _NAMED} more" if len(supply.missing) > _NAMED else ""
    raise StorageError(
        f"What {record.name} read can't be had: {'; '.join(said)}{more}.",
        hint="Put back the content that it had, or bring it to the DVC remote where it still is "
        "(`gitml exp push`, `dvc push`).",
    )


def _is_there(project: Project, name: str, item: DataInput, hashes: Hashes) -> bool:
    """Whether the user's work tree (or the machine, for what lies outside) has this content."""
    path = Path(name) if os.path.isabs(name) else project.repository.root / name
    if item.kind not in ("dvc", "unversioned") or not item.digest or not path.exists():
        return False
    try:
        now = refolded(path, name, item, hashes) if item.names else hash_path(path, hashes)
        return now.digest == item.digest
    except (StorageError, OSError):
        return False


def _changed(name: str) -> str:
    if os.path.lexists(name):
        return "has another content than it had then"
    return "is gone"


def _lost(project: Project, name: str, item: DataInput) -> str:
    if not item.digest:
        return "was overwritten or changed while it ran, and what it held was not kept"
    path = project.repository.root / name
    said = _changed(str(path))
    return f"is versioned by neither Git nor DVC, and {said}"


def _pointer(name: str, item: DataInput, tracked: Mapping[str, Tracked]) -> Pointer:
    known = tracked.get(name)
    if known is not None and known.pointer.digest == item.digest:
        return known.pointer
    return Pointer(path=name, digest=item.digest, size=item.size, files=item.files)


def _modules_beside(
    project: Project, record: Record, in_tree: Iterable[str], missing: dict[str, str]
) -> list[str]:
    """Return the modules that the run reached and that no snapshot holds, verified on disk."""
    known = set(in_tree)
    found = []
    with SyntaxReader(project) as syntax:
        for path, module in record.inputs.code.modules.items():
            if path in known or path in record.inputs.data:
                continue
            place = Path(path) if os.path.isabs(path) else project.repository.root / path
            now = syntax.module(place)
            if now is None or now.syntax != module.syntax:
                missing[path] = f"is not versioned, and {_changed(str(place))}"
            elif not os.path.isabs(path):
                found.append(path)
    return found


def _absent(storage: Storage | None, stored: Mapping[str, Pointer]) -> list[str]:
    digests = [pointer.digest for pointer in stored.values()]
    return missing_objects(storage, digests) if storage is not None else digests


def _from_work_tree(
    project: Project,
    record: Record,
    storage: Storage | None,
    stored: dict[str, Pointer],
    absent: list[str],
    beside: list[str],
    missing: dict[str, str],
) -> tuple[dict[str, Pointer], list[str], dict[str, str]]:
    """Take from the user's work tree what storage lacks, if it is there."""
    from gitml.storage.remotes import default_remote

    remote = storage is not None and default_remote(storage) is not None
    kept = dict(stored)
    with open_hashes(project) as hashes:
        for name, pointer in stored.items():
            if pointer.digest not in absent:
                continue
            if _is_there(project, name, record.inputs.data[name], hashes):
                beside.append(name)
                del kept[name]
            elif not remote:
                missing[name] = "is not in this clone's DVC storage, and DVC has no default remote"
                del kept[name]
    return kept, beside, missing


def _fetch(
    project: Project,
    storage: Storage,
    record: Record,
    supply: Supply,
    progress: Progress | None,
) -> None:
    if not supply.fetched:
        return
    from gitml.storage.remotes import pull

    older = {pointer.digest for pointer in supply.stored.values() if pointer.legacy}
    failed: set[str] = set()
    for legacy in (False, True):
        wanted = [digest for digest in supply.fetched if (digest in older) == legacy]
        if wanted:
            pull(storage, wanted, quarantine=project.quarantine, progress=progress, legacy=legacy)
            failed |= set(missing_objects(storage, wanted))
    why = "is neither in this clone's DVC storage nor on its remote"
    tensors = " (of a pickle, experiments keep the tensors alone)"
    lost = {
        name: why + (tensors if record.inputs.data[name].kind == "unversioned" else "")
        for name, one in supply.stored.items()
        if one.digest in failed
    }
    refuse_missing(record, Supply(missing=lost))


def _fetcher(
    project: Project, storage: Storage, pointer: Pointer
) -> Callable[[list[str]], None] | None:
    """Return what brings an object that turns out to be corrupt, where there is a remote."""
    from gitml.storage.remotes import default_remote, pull

    if default_remote(storage) is None:
        return None

    def fetch(digests: list[str]) -> None:
        pull(storage, digests, quarantine=project.quarantine, legacy=pointer.legacy)

    return fetch


def _copy(source: Path, target: Path) -> None:
    with disk_errors(f"copy {source}", target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
