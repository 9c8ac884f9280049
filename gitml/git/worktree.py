"""Isolated work trees: a checkout of a tree beside the user's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from gitml.git.command import GitFailed
from gitml.git.repository import Repository


def add_worktree(repository: Repository, path: Path, commit: str) -> None:
    """Check out `commit`, detached, in a new work tree at `path`; no hook is run.

    Raises:
        GitFailed: if Git can't make it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    repository.git.run(
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "submodule.recurse=false",
        "worktree",
        "add",
        "--detach",
        "--quiet",
        "--end-of-options",
        str(path),
        commit,
    )


def remove_worktree(repository: Repository, path: Path) -> None:
    """Remove a work tree and everything in it, also one whose making was interrupted."""
    try:
        # Twice: once for changes in it, once more for the lock that a killed checkout leaves.
        repository.git.run("worktree", "remove", "-f", "-f", "--end-of-options", str(path))
    except GitFailed:
        shutil.rmtree(path, ignore_errors=True)
        # `prune` leaves one that a killed checkout has locked.
        repository.git.attempt("worktree", "unlock", str(path))
        repository.git.attempt("worktree", "prune", "--expire", "now")
