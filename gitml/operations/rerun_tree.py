"""The work tree of a rerun: the experiment's files without what came out of it."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from gitml.errors import StorageError
from gitml.execution import journal
from gitml.execution.isolate import place_for
from gitml.execution.liveness import Owner, here, is_alive, release, take
from gitml.experiment.record import FOLDER, Record
from gitml.git.commits import commit_tree
from gitml.git.objects import ObjectReader
from gitml.git.repository import Repository
from gitml.git.trees import Entry, build_tree
from gitml.git.worktree import add_worktree, remove_worktree
from gitml.operations.data import Tracked
from gitml.storage.durable import disk_errors, write_durably
from gitml.storage.pointers import check_output_path, parse_all

_FOLDER = "reruns"
_OWNED = "owner.json"
_SUFFIX = ".rerun"
_STALE = 3600  # seconds after which a folder that nobody owns was left by a killed process


class _Owned(msgspec.Struct, frozen=True):
    """The work tree of a rerun (bytes, since names needn't be UTF-8), and its process."""

    root: bytes
    owner: Owner


class Scene(msgspec.Struct, frozen=True):
    """Where an experiment is run again.

    Attributes:
        folder: Private folder for the log, the trace and what is made on the way.
        root: The isolated work tree.
    """

    folder: Path
    root: Path

    @property
    def log(self) -> Path:
        """What the command prints."""
        return self.folder / journal.LOG

    @property
    def trace(self) -> Path:
        """Where the observer writes."""
        return self.folder / journal.TRACE


def open_scene(repository: Repository, name: str) -> Scene:
    """Return a place for a rerun, owned by this process; its work tree isn't made yet.

    What killed reruns left is removed first.

    Raises:
        StorageError: if it can't be made.
    """
    tidy(repository)
    folder = repository.state_dir / _FOLDER / os.urandom(8).hex()
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:80] or "experiment"
    root = place_for(repository.state_dir, f"{plain}{_SUFFIX}-{folder.name[:8]}")
    with disk_errors(f"make the folder {folder}", repository.state_dir):
        folder.mkdir(mode=0o700, parents=True)
        (folder / journal.TRACE).mkdir(mode=0o700)
    take(folder)
    owned = _Owned(os.fsencode(root), here())
    write_durably(folder / _OWNED, msgspec.json.encode(owned), 0o600)
    return Scene(folder, root)


def close_scene(repository: Repository, scene: Scene, *, keep: bool = False) -> None:
    """Remove a rerun's work tree (unless it is kept) and its folder."""
    if not keep and os.path.lexists(scene.root):
        remove_worktree(repository, scene.root)
    release(scene.folder)
    shutil.rmtree(scene.folder, ignore_errors=True)


def tidy(repository: Repository) -> list[Path]:
    """Remove what killed reruns left behind, and return the work trees that were removed."""
    reruns = repository.state_dir / _FOLDER
    removed = []
    for folder, owned in _found(reruns):
        if owned is None or is_alive(owned.owner, folder) or not take(folder):
            continue
        root = Path(os.fsdecode(owned.root))
        # Nothing but a work tree of a rerun is ever removed, whatever the file says.
        ours = root.parent == repository.state_dir / "work" and _SUFFIX in root.name
        if ours and os.path.lexists(root):
            removed.append(root)
        close_scene(repository, Scene(folder, root), keep=not ours)
    return removed


def active_work_trees(repository: Repository) -> set[str]:
    """Return the names of the work trees that reruns use right now."""
    found = _found(repository.state_dir / _FOLDER)
    return {
        Path(os.fsdecode(owned.root)).name
        for folder, owned in found
        if owned is not None and is_alive(owned.owner, folder)
    }


def _found(reruns: Path) -> list[tuple[Path, _Owned | None]]:
    try:
        folders = sorted(path for path in reruns.iterdir() if path.is_dir())
    except OSError:
        return []
    return [(folder, _read(folder)) for folder in folders]


def _read(folder: Path) -> _Owned | None:
    """Return whose folder it is; None for one that is just being made, or is an old remnant."""
    try:
        return msgspec.json.decode((folder / _OWNED).read_bytes(), type=_Owned)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        with suppress(OSError):
            if folder.stat().st_mtime < time.time() - _STALE:
                shutil.rmtree(folder, ignore_errors=True)
        return None


def pointers_of(repository: Repository, entries: Iterable[Entry]) -> dict[str, Tracked]:
    """Return what DVC tracks in an experiment's tree: path of the output → its pointer.

    Raises:
        StorageError: if a pointer is malformed or leads outside of the repository.
    """
    files = [item for item in entries if item.path.endswith(".dvc") and item.mode != "120000"]
    found: dict[str, Tracked] = {}
    with ObjectReader(repository.git) as reader:
        contents = reader.read_many([item.oid for item in files])
        for item, data in zip(files, contents, strict=True):
            pointers = parse_all(data or b"", item.path)
            for pointer in pointers:
                path = check_output_path(item.path, pointer.path)
                found[path] = Tracked(item.path, pointer, alone=len(pointers) == 1)
    return found


def check_out(
    repository: Repository,
    scene: Scene,
    record: Record,
    commit: str,
    entries: Iterable[Entry],
    tracked: Mapping[str, Tracked],
) -> None:
    """Make the work tree: all files of the experiment, without its outputs.

    Raises:
        StorageError: if a file that it read before overwriting it is not in this clone.
        GitFailed: if Git can't make it.
    """
    outputs = {item.path for item in record.artifacts}
    gone = {tracked[path].place for path in outputs if path in tracked and tracked[path].alone}
    before = _overwritten(repository, record)
    changes: dict[str, tuple[str, str] | None] = {}
    modes = {item.path: item.mode for item in entries}
    gone |= _rules_for(repository, record, entries)
    for path in modes:
        if path in outputs or path in gone or path.startswith(f"{FOLDER}/"):
            changes[path] = None
    for path, oid in before.items():
        changes[path] = (modes.get(path, "100644"), oid)
    git = repository.git
    tree = build_tree(git, scene.folder / "index", commit, changes)
    lone = commit_tree(git, tree, [], "gitml: isolated work tree of a rerun\n")
    add_worktree(repository, scene.root, lone)


def _rules_for(repository: Repository, record: Record, entries: Iterable[Entry]) -> set[str]:
    """Return the `.gitignore` files that came with the outputs.

    A script that counts its output folders, or makes one that must not be there yet, would find
    them in its way.
    """
    lines: dict[str, set[str]] = {}
    for item in record.artifacts:
        for path in filter(None, (item.path, item.source)):
            folder, _, name = path.rpartition("/")
            if folder:
                lines.setdefault(f"{folder}/.gitignore", set()).add(f"/{name}")
    rules = {item.path: item.oid for item in entries if item.path in lines}
    with ObjectReader(repository.git) as reader:
        contents = reader.read_many(list(rules.values()))
        return {
            path
            for path, data in zip(rules, contents, strict=True)
            if lines[path].issuperset((data or b"?").decode("utf-8", "replace").split())
            and not _in_base(repository, record, path)
        }


def _in_base(repository: Repository, record: Record, path: str) -> bool:
    if not record.base:
        return False
    return not repository.git.attempt("cat-file", "-e", f"{record.base}:{path}").returncode


def _overwritten(repository: Repository, record: Record) -> dict[str, str]:
    """Return path → object id of tracked files that the run read and then wrote."""
    found = {
        name: item.digest
        for name, item in record.inputs.data.items()
        if item.kind == "git" and not item.declared and not item.restorable
    }
    for name, oid in found.items():
        if repository.git.attempt("cat-file", "-e", oid).returncode:
            raise StorageError(
                f"{record.name} read {name} before it overwrote it, and what it read is not in "
                "this clone.",
                hint="Fetch the branch that the experiment was started from.",
            )
    return found
