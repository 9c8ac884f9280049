"""Work trees of their own for isolated runs: where they are, and the user's data in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from gitml.errors import UsageError
from gitml.execution.trace import Trace

_FOLDER = "work"
_MAX_HINTED = 3


def place_for(state: Path, name: str) -> Path:
    """Return where the isolated work tree of the run `name` goes; nothing is there yet.

    Args:
        state: gitml's folder in the Git directory that all work trees share.
        name: Of the experiment; another run of the same name gets a number behind it.

    Raises:
        UsageError: if the name is no plain file name.
    """
    if not name or name.startswith((".", "-")) or "/" in name or "\0" in name:
        raise UsageError(f"{name!r} can't be the name of a work tree.")
    folder = state / _FOLDER
    place, number = folder / name, 1
    while os.path.lexists(place):
        number += 1
        place = folder / f"{name}-{number}"
    return place


def link_data(root: Path, worktree: Path, paths: Iterable[str]) -> list[str]:
    """Link declared data of the user's work tree into an isolated one; what is there stays.

    A folder that is in both, since some of its files are in Git, gets links for the rest of it.

    Args:
        root: The user's work tree.
        worktree: The isolated one.
        paths: Files and folders relative to both; such that lead out of them are passed over.

    Returns:
        The links that were made, relative to the work tree.
    """
    made: list[str] = []
    for path in sorted(set(paths)):
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or parts[0] in (".git", ".gitml"):
            continue
        if _safe_folder(worktree, parts[:-1]):
            made.extend(_link(root, worktree, "/".join(parts)))
    return made


def missing_hint(trace: Trace, worktree: Path, root: Path) -> str:
    """Return what to do about files that an isolated run missed and the user's work tree has.

    Empty if there are none.
    """
    top = os.path.realpath(worktree) + os.sep
    missed = [path[len(top) :] for path in sorted(trace.missing) if path.startswith(top)]
    there = [path for path in missed if os.path.lexists(root / path)]
    if not there:
        return ""
    names = ", ".join(repr(name) for name in there[:_MAX_HINTED])
    more = f" and {len(there) - _MAX_HINTED} more" if len(there) > _MAX_HINTED else ""
    return (
        f"The isolated run didn't find {names}{more}, which your work tree has but Git doesn't "
        "know. Name it under `data:` in gitml.yaml, or track it with `dvc add`."
    )


def _link(root: Path, worktree: Path, path: str) -> Iterator[str]:
    source, target = root / path, worktree / path
    if not os.path.lexists(source):
        return
    if not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(os.path.abspath(source), target_is_directory=source.is_dir())
        yield path
    elif _is_folder(source) and _is_folder(target):
        for name in sorted(os.listdir(source)):
            if name != ".git":
                yield from _link(root, worktree, f"{path}/{name}")


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _safe_folder(worktree: Path, parts: Iterable[str]) -> bool:
    """Return whether the folder leads nowhere else: what is there of it is real."""
    folder = worktree
    for part in parts:
        folder = folder / part
        if os.path.lexists(folder) and not _is_folder(folder):
            return False
    return True
