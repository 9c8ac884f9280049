"""Writing an experiment's files into the work tree, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gitml.errors import RepositoryError
from gitml.git.command import join_nul
from gitml.git.objects import ObjectReader
from gitml.git.repository import truthy
from gitml.git.trees import Change
from gitml.operations.project import Project
from gitml.outputs.artifact import Artifact
from gitml.storage.durable import write_durably
from gitml.storage.landing import check_way
from gitml.storage.paths import why_unsafe


def check_places(root: Path, changes: Iterable[Change], artifacts: Iterable[Artifact]) -> None:
    """Refuse, before anything is written, what could not be written safely.

    Raises:
        RepositoryError: if a file of Git has an unsafe path.
        StorageError: if an artifact has one, or it leads through a symbolic link.
    """
    for change in changes:
        _refuse_unsafe(change.path)
    for item in artifacts:
        check_way(root, item.path, folder=item.digest.endswith(".dir"))


def folders_above(path: str) -> list[str]:
    """Return the folders that a path lies in, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def write_changes(project: Project, changes: list[Change]) -> tuple[str, ...]:
    """Make the work tree follow `changes`, and return the paths that were touched.

    Raises:
        RepositoryError: if a content is missing in Git, or a path leaves the work tree.
    """
    root = project.repository.root
    writes = [change for change in changes if change.new and change.new_mode != "160000"]
    deletes = [change for change in changes if not change.new]
    # Deleted first: a file may be where a folder has to be.
    for change in deletes:
        if _inside(root, (root / change.path).parent) and change.old_mode != "160000":
            _delete_file(root, change.path)
    git = project.repository.git
    converted = _converted(project, [change.path for change in writes])
    with ObjectReader(git) as reader:
        contents = reader.read_many([change.new for change in writes])
        for change, data in zip(writes, contents, strict=True):
            if data is None:
                raise RepositoryError(f"The content of {change.path} is missing in Git.")
            if change.path in converted and change.new_mode != "120000":
                data = git.run("cat-file", "--filters", f"--path={change.path}", change.new)
            write_file(root, change.path, change.new_mode, data)
    return tuple(sorted(change.path for change in (*writes, *deletes)))


def write_file(root: Path, path: str, mode: str, data: bytes) -> None:
    """Write one file (`mode` as Git spells it) below `root`.

    Raises:
        RepositoryError: if its path is unsafe or leads out of `root`.
    """
    _refuse_unsafe(path)
    target = root / path
    if not _inside(root, target.parent):
        raise RepositoryError(f"{path!r} can't be written: it leaves the work tree.")
    target.parent.mkdir(parents=True, exist_ok=True)
    if mode == "120000":
        target.unlink(missing_ok=True)
        os.symlink(os.fsdecode(data), target)
        return
    if target.is_symlink():
        target.unlink()
    write_durably(target, data, 0o755 if mode == "100755" else 0o644)


def _converted(project: Project, paths: list[str]) -> set[str]:
    """Return the paths whose content differs between Git and the work tree (LFS, line ends)."""
    if not paths:
        return set()
    config = project.git_config
    line_ends = config.get("core.eol", "").lower() == "crlf"
    if line_ends or truthy(config.get("core.autocrlf", "false")):
        return set(paths)
    asked = ("filter", "eol", "working-tree-encoding", "ident")
    answer = project.repository.git.run(
        "check-attr", "-z", "--stdin", *asked, stdin=join_nul(paths)
    ).split(b"\0")
    return {
        os.fsdecode(path)
        for path, value in zip(answer[0::3], answer[2::3], strict=False)
        if value not in (b"unspecified", b"unset")
    }


def _delete_file(root: Path, path: str) -> None:
    """Delete a file, and the folders that are empty without it, as Git does."""
    (root / path).unlink(missing_ok=True)
    with suppress(OSError):
        for folder in reversed(folders_above(path)):
            (root / folder).rmdir()


def _refuse_unsafe(path: str) -> None:
    # Git keeps names that are no UTF-8, unlike DVC.
    reason = why_unsafe(os.fsencode(path).decode("utf-8", "replace"))
    if reason:
        raise RepositoryError(f"{path!r} can't be written: {reason}.")


def _inside(root: Path, folder: Path) -> bool:
    real = os.path.realpath(folder)
    top = os.path.realpath(root)
    return real == top or real.startswith(top + os.sep)
