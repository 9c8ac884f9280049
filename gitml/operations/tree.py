"""The tree of an experiment: the snapshot, what came out, and standard DVC pointers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from gitml import faults
from gitml.experiment.record import FOLDER
from gitml.git.objects import ObjectReader, write_blobs
from gitml.git.tree_edit import edit_tree
from gitml.git.trees import build_tree
from gitml.inputs.code import TreeEntry
from gitml.operations.pipeline import LOCK, locked_outputs
from gitml.operations.plan import ignored_among
from gitml.operations.project import Project
from gitml.outputs.artifact import Artifact
from gitml.storage.pointers import Pointer, add_ignore, render

FILE = "100644"


def experiment_tree(
    project: Project,
    index_file: Path,
    snapshot: str,
    entries: Iterable[TreeEntry],
    texts: Mapping[str, bytes],
    files: Mapping[str, tuple[str, str]],
    artifacts: Iterable[Artifact],
    data: Mapping[str, Pointer],
) -> str:
    """Build the tree of an experiment and return its id.

    Args:
        project: Where.
        index_file: A private index file that holds the snapshot, if it is there; it may be used up.
        snapshot: Tree to begin with.
        entries: Its files.
        texts: Path → bytes to put into Git.
        files: Path → (mode, object id) that are in Git already.
        artifacts: Outputs; those in DVC storage get a pointer and an ignore line, unless DVC's
            own pipeline has just locked them (a second pointer would make DVC refuse both).
        data: `.dvc` files of the snapshot that are out of date: path → what is on disk.
    """
    git = project.repository.git
    known = {entry.path: entry.oid for entry in entries}
    # What an applied experiment left in the record's folder is not this one's.
    changes: dict[str, tuple[str, str] | None] = {
        path: None for path in known if path.startswith(f"{FOLDER}/")
    }
    changes.update(files)
    locked = _locked(project, {**known, **{path: oid for path, (_, oid) in files.items()}})
    pointers = {
        artifact.path: Pointer(
            path=artifact.path, digest=artifact.digest, size=artifact.size, files=artifact.files
        )
        for artifact in artifacts
        if artifact.storage == "dvc" and locked.get(artifact.path) != artifact.digest
    }
    written = dict(texts)
    written.update(_pointer_files(project, known, pointers))
    written.update({place: render(pointer) for place, pointer in data.items()})
    for path in pointers:
        for entry in known:
            if entry == path or entry.startswith(f"{path}/"):
                changes[entry] = None
    oids = write_blobs(git, written, index_file.with_suffix(".blobs"))
    changes.update({path: (FILE, oid) for path, oid in oids.items()})
    faults.reach("commit.objects")
    edited = edit_tree(git, snapshot, changes)
    return edited or build_tree(git, *_beginning(index_file, snapshot), changes)


def _beginning(index_file: Path, snapshot: str) -> tuple[Path, str | None]:
    """Return a private index and the tree to begin with: None if the index holds it already."""
    used = index_file.with_suffix(".used")
    used.with_name(f"{used.name}.lock").unlink(missing_ok=True)  # of a Git that was killed
    try:
        # Renamed first, so that an index that is half changed is never taken for the snapshot's.
        os.replace(index_file, used)
    except FileNotFoundError:
        return used, snapshot
    return used, None


def _locked(project: Project, files: Mapping[str, str]) -> dict[str, str]:
    """Return path → digest of the outputs that DVC's pipelines know, from `path → object id`."""
    places = [path for path in files if path.rpartition("/")[2] == LOCK]
    if not places:
        return {}
    found: dict[str, str] = {}
    with ObjectReader(project.repository.git) as reader:
        contents = reader.read_many([files[place] for place in places])
        for place, data in zip(places, contents, strict=True):
            found.update(locked_outputs(data or b"", place))
    return found


def _pointer_files(
    project: Project, known: Mapping[str, str], pointers: Mapping[str, Pointer]
) -> dict[str, bytes]:
    """Return the `.dvc` files and the `.gitignore` files that they need.

    DVC doesn't look for pointers in folders that Git ignores, so the pointer of an output in such
    a folder lies in the nearest folder above that isn't ignored.
    """
    if not pointers:
        return {}
    ignored = ignored_among(project, _questions(pointers))
    written: dict[str, bytes] = {}
    rules: dict[str, list[str]] = {}
    for path, pointer in pointers.items():
        folder = _open_folder(path, ignored)
        inside = path[len(folder) + 1 :] if folder else path
        name = inside.replace("/", ".") + ".dvc"
        place = f"{folder}/{name}" if folder else name
        written[place] = render(_renamed(pointer, inside))
        if place in ignored or (place != f"{path}.dvc" and _hidden(project, place)):
            rules.setdefault(folder, []).append(f"!/{name}")
        if "/" not in inside:
            rules.setdefault(folder, []).append(inside)
    places = {folder: f"{folder}/.gitignore" if folder else ".gitignore" for folder in rules}
    present = _contents(project, known, places.values())
    for folder, names in rules.items():
        before = text = present.get(places[folder], b"")
        for name in names:
            text = text + f"{name}\n".encode() if name.startswith("!/") else add_ignore(text, name)
        if text != before:
            written[places[folder]] = text
    return written


def _hidden(project: Project, place: str) -> bool:
    return bool(ignored_among(project, [place]))


def _questions(paths: Iterable[str]) -> list[str]:
    asked: set[str] = set()
    for path in paths:
        asked.add(f"{path}.dvc")
        parts = path.split("/")
        asked.update("/".join(parts[:depth]) + "/" for depth in range(1, len(parts)))
    return sorted(asked)


def _open_folder(path: str, ignored: set[str]) -> str:
    """Return the nearest folder above `path` that Git doesn't ignore (`""` is the root)."""
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        if "/".join(parts[:depth]) + "/" in ignored:
            return "/".join(parts[: depth - 1])
    return "/".join(parts)


def _renamed(pointer: Pointer, path: str) -> Pointer:
    return Pointer(path=path, digest=pointer.digest, size=pointer.size, files=pointer.files)


def _contents(project: Project, known: Mapping[str, str], paths: Iterable[str]) -> dict[str, bytes]:
    there = [path for path in paths if path in known]
    if not there:
        return {}
    with ObjectReader(project.repository.git) as reader:
        contents = reader.read_many([known[path] for path in there])
        return {path: data or b"" for path, data in zip(there, contents, strict=True)}
