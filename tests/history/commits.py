"""Repositories with experiments for tests, made quickly from real commits."""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.history_maker import (
    Stream,
    make_experiments,
    make_record,
    new_repository,
    project_files,
)
from gitml.git.repository import Repository, discover

__all__ = [
    "Stream",
    "branch",
    "copy_of_project",
    "git",
    "make_experiments",
    "make_record",
    "names",
    "new_repository",
    "project_files",
    "tip",
]


@lru_cache(maxsize=1)
def _template() -> Path:
    folder = Path(mkdtemp(prefix="gitml-tests-")) / "project"
    new_repository(folder)
    return folder


def copy_of_project(folder: Path) -> Repository:
    """Return a repository with one commit, in a folder that doesn't exist yet."""
    shutil.copytree(_template(), folder)
    return discover(folder)


def git(repository: Repository, *arguments: str) -> str:
    done = subprocess.run(
        [
            "git",
            "-c",
            "user.name=Ben",
            "-c",
            "user.email=ben@example.org",
            *arguments,
        ],
        cwd=repository.root,
        check=True,
        capture_output=True,
    )
    return done.stdout.decode().strip()


def tip(repository: Repository, study: str = "main") -> str:
    return git(repository, "rev-parse", f"refs/heads/exp/{study}")


def branch(repository: Repository, study: str, commit: str) -> None:
    git(repository, "update-ref", f"refs/heads/exp/{study}", commit)


def names(rows: list) -> list[str]:  # type: ignore[type-arg]
    return [row.experiment for row in rows]
