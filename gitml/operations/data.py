"""Inputs of data: what DVC tracks, what is declared, and what a run was seen to read."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from gitml.config import DataSource
from gitml.errors import StorageError, UsageError
from gitml.git.objects import ObjectReader
from gitml.inputs.code import TreeEntry
from gitml.inputs.manifest import DataInput
from gitml.operations.project import Project
from gitml.operations.unversioned import unversioned_warnings
from gitml.storage.digests import digest_of
from gitml.storage.hashes import Hashes
from gitml.storage.objects import hash_file, hash_folder, holds, store_file, store_folder
from gitml.storage.pointers import LEGACY, Pointer, check_output_path, parse_all
from gitml.values import digest

# Never a part of declared data, wherever it lies.
_CACHES = frozenset(
    {"__pycache__", ".ipynb_checkpoints", ".git", ".dvc", ".gitignore", ".DS_Store"}
)


class Tracked(msgspec.Struct, frozen=True):
    """An output of a `.dvc` file.

    Attributes:
        place: The `.dvc` file, from the repository's root.
        pointer: What it says of this output.
        alone: Whether the file has no other output.
    """

    place: str
    pointer: Pointer
    alone: bool = True


def open_hashes(project: Project) -> Hashes:
    """Return the remembered hashes of large files."""
    return Hashes(project.state_dir / "hashes.db")


def planned_data(
    project: Project, entries: Sequence[TreeEntry], written_before: Collection[str]
) -> tuple[dict[str, DataInput], list[str]]:
    """Return the inputs of data that are known before a run, and warnings.

    Raises:
        StorageError: if a pointer is malformed, or leads outside of the repository or through a
            symbolic link.
        UsageError: if a declared path doesn't exist.
    """
    found: dict[str, DataInput] = {}
    warnings: list[str] = []
    with open_hashes(project) as hashes:
        for path, tracked in read_pointers(project, entries).items():
            if path in written_before:
                continue
            found[path], warning = _tracked(project, path, tracked, hashes)
            warnings += [warning] if warning else []
        for source in project.config.data:
            name, item, more = _declared(project, source, entries, found, hashes, written_before)
            if item is not None:
                found[name] = item
                warnings += more
    return found, warnings


def read_pointers(project: Project, entries: Iterable[TreeEntry]) -> dict[str, Tracked]:
    """Return what DVC tracks in a tree: path of the output in the repository → its pointer.

    Raises:
        StorageError: if a pointer is malformed, or leads outside of the repository or through a
            symbolic link.
    """
    files = [entry for entry in entries if entry.path.endswith(".dvc") and entry.mode != "120000"]
    if not files:
        return {}
    found: dict[str, Tracked] = {}
    with ObjectReader(project.repository.git) as reader:
        contents = reader.read_many([entry.oid for entry in files])
        for entry, data in zip(files, contents, strict=True):
            pointers = parse_all(data or b"", entry.path)
            for pointer in pointers:
                path = check_output_path(entry.path, pointer.path)
                _refuse_link(project, entry.path, path)
                found[path] = Tracked(entry.path, pointer, alone=len(pointers) == 1)
    return found


def changed_pointers(
    project: Project, entries: Iterable[TreeEntry], data: Mapping[str, DataInput]
) -> dict[str, Pointer]:
    """Return `.dvc` file → its new content, for data that changed on disk since it was tracked."""
    return {
        tracked.place: msgspec.structs.replace(
            tracked.pointer,
            digest=data[path].digest,
            size=data[path].size,
            files=data[path].files,
            hash="md5",
        )
        for path, tracked in read_pointers(project, entries).items()
        if path in data
        and data[path].kind == "dvc"
        and data[path].digest != tracked.pointer.digest
        and tracked.alone
    }


def store_changed(
    project: Project, entries: Iterable[TreeEntry], data: Mapping[str, DataInput]
) -> None:
    """Store DVC-tracked data that changed on disk, before the run that reads it may change it.

    Raises:
        StorageError: if it can't be stored, or is changing right now.
    """
    if project.storage is None or not any(item.kind == "dvc" for item in data.values()):
        return
    with open_hashes(project) as hashes:
        for path, tracked in read_pointers(project, entries).items():
            item = data.get(path)
            if item is None or item.digest == tracked.pointer.digest or not item.restorable:
                continue
            target = project.repository.root / path
            store = store_folder if target.is_dir() else store_file
            if store(project.storage, target, remembered=hashes).digest != item.digest:
                raise StorageError(f"{path} is being changed right now.", hint="Try again.")


def hash_path(path: Path, hashes: Hashes) -> DataInput:
    """Return DVC's content hash of a file or folder on disk as an undeclared input."""
    stored = hash_folder(path, hashes) if path.is_dir() else hash_file(path, hashes)
    return DataInput(
        kind="unversioned",
        digest=stored.digest,
        size=stored.size,
        files=stored.files,
        declared=False,
        restorable=False,
    )


def _refuse_link(project: Project, place: str, path: str) -> None:
    """Make sure that an output really is where its path says.

    A link into DVC's own cache is how DVC itself may bring a file into the work tree.
    """
    root = os.path.realpath(project.repository.root)
    real = os.path.realpath(os.path.join(root, path))
    cache = os.path.realpath(project.storage.legacy_cache) if project.storage else root
    if real != os.path.join(root, path) and not real.startswith(cache + os.sep):
        raise StorageError(
            f"{place} names {path}, which leads through a symbolic link to {real}.",
            hint="Replace the link by what it points at, or track that instead.",
        )


def _tracked(
    project: Project, path: str, tracked: Tracked, hashes: Hashes
) -> tuple[DataInput, str]:
    """Return the input that a pointer stands for: the content on disk counts, if it is there."""
    pointer = tracked.pointer
    recorded = DataInput(kind="dvc", digest=pointer.digest, size=pointer.size, files=pointer.files)
    target = project.repository.root / path
    if not target.exists():
        return recorded, ""
    stored = hash_folder(target, hashes) if target.is_dir() else hash_file(target, hashes)
    if stored.digest == pointer.digest or _same_as_legacy(target, pointer):
        return recorded, ""
    small = stored.size <= project.config.data_limit
    changed = DataInput(
        kind="dvc",
        digest=stored.digest,
        size=stored.size,
        files=stored.files,
        restorable=small and tracked.alone and project.storage is not None,
    )
    named = shlex.quote(os.path.relpath(path, project.start or "."))
    sentence = (
        f"{path} changed on disk since the last `dvc add`; what is on disk counts. "
        f"`dvc add {named}` would track it as it is."
    )
    if not changed.restorable and not (project.storage and holds(project.storage, stored.digest)):
        sentence += " It is recorded by hash only and can't be restored."
    return changed, sentence


def _same_as_legacy(target: Path, pointer: Pointer) -> bool:
    """Whether a file is what DVC 2 tracked, which hashed text without its carriage returns."""
    if pointer.hash != LEGACY or not target.is_file():
        return False
    return digest_of(target, legacy=True) == pointer.digest


def _declared(
    project: Project,
    source: DataSource,
    entries: Sequence[TreeEntry],
    found: dict[str, DataInput],
    hashes: Hashes,
    written_before: Collection[str],
) -> tuple[str, DataInput | None, list[str]]:
    """Return its name, the input (None: it is among `found` already), and warnings."""
    if source.external:
        sentence = f"{source.external} is not captured, so nothing is more than near to it."
        return source.external, DataInput(kind="external", digest="", restorable=False), [sentence]
    name = project.in_repository(source.path)
    if name.startswith("../"):  # what a run reads there is known by its absolute path
        name = os.path.normpath(project.repository.root / name)
    outside = os.path.isabs(name)
    if name in found or any(path.startswith(f"{name}/") for path in found):
        return name, None, []
    target = Path(name) if outside else project.repository.root / name
    if not target.exists():
        raise UsageError(
            f"The data {source.path} that gitml.yaml names doesn't exist.",
            hint="`dvc pull` brings back what DVC tracks.",
        )
    if source.by == "listing":
        return name, DataInput(kind="listing", digest=_listing(target), restorable=False), []
    tracked = [] if outside else tracked_below(entries, name)
    if tracked:
        return name, *_known_to_git(project, tracked, target, hashes, written_before)
    item = hash_path(target, hashes)
    return (
        name,
        msgspec.structs.replace(item, declared=True),
        unversioned_warnings([name], (), project.start),
    )


def _known_to_git(
    project: Project,
    tracked: Sequence[TreeEntry],
    target: Path,
    hashes: Hashes,
    written_before: Collection[str],
) -> tuple[DataInput, list[str]]:
    """Return the input for what Git tracks files of; what it doesn't track counts as well."""
    content = [[entry.path, entry.oid] for entry in tracked]
    known = {entry.path for entry in tracked}
    others = [
        path
        for path in _files_below(project.repository.root, target)
        if path not in known and path not in written_before
    ]
    if not others:
        return DataInput(kind="git", digest=digest(content), files=len(tracked)), []
    stored = [hash_file(project.repository.root / path, hashes) for path in others]
    content += [[path, one.digest] for path, one in zip(others, stored, strict=True)]
    item = DataInput(
        kind="unversioned",
        digest=digest(content),
        size=sum(one.size for one in stored),
        files=len(content),
        restorable=False,
    )
    return item, unversioned_warnings(others, known, project.start)


def _files_below(root: Path, target: Path) -> list[str]:
    """Return the files of a folder by their paths from `root`, caches of Python left out."""
    found = []
    for folder, below, files in os.walk(target):
        below[:] = [name for name in below if name not in _CACHES]
        found += [os.path.join(folder, name) for name in files if name not in _CACHES]
    return sorted(os.path.relpath(path, root) for path in found if os.path.isfile(path))


def tracked_below(entries: Iterable[TreeEntry], name: str) -> list[TreeEntry]:
    """Return the files of the snapshot that are `name` or lie below it."""
    return [entry for entry in entries if entry.path == name or entry.path.startswith(f"{name}/")]


def _listing(target: Path) -> str:
    """Return a digest over names, sizes and modification times; nothing is read."""
    digester = hashlib.sha256()
    files = [target] if target.is_file() else sorted(p for p in target.rglob("*") if p.is_file())
    for path in files:
        try:
            status = path.stat()
        except OSError as error:
            raise StorageError(f"{path} can't be looked at: {error.strerror}") from error
        name = os.fsencode(path.relative_to(target) if path != target else path.name)
        digester.update(name + b"\0%d\0%d\0" % (status.st_size, status.st_mtime_ns))
    return "sha256:" + digester.hexdigest()
