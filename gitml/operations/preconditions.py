"""What is checked before training starts, so that nothing of it fails after hours."""

from __future__ import annotations

import os
import re

from gitml.errors import RepositoryError
from gitml.experiment.study import require_free_branch
from gitml.git.commits import commit_tree
from gitml.git.repository import (
    Repository,
    in_progress,
    require_identity,
    require_work_tree,
)
from gitml.history.index import Index
from gitml.operations.project import Project
from gitml.operations.seen import Verdict
from gitml.storage.durable import free_space_for
from gitml.storage.objects import probe

_SPARE_BYTES = 32_000_000


def check_before_running(project: Project, study: str) -> None:
    """Make sure that an experiment could be recorded now.

    Raises:
        RepositoryError: no work tree, conflicts, no identity, no signing key, or the branch is
            checked out somewhere.
        StorageError: if the disk is nearly full.
    """
    repository = project.repository
    require_work_tree(repository)
    busy = in_progress(repository)
    if busy and busy != "a bisect":  # `git bisect run gitml exp run …` is a good use
        raise RepositoryError(
            f"Git is in the middle of {busy}.",
            hint="Finish it or abort it first (git status says how).",
        )
    require_identity(repository, project.git_config)
    require_free_branch(repository, study)
    in_the_way = _in_the_way(repository, study)
    if in_the_way:
        raise RepositoryError(
            f"There is a branch named {in_the_way}, so there can be none named exp/{study}.",
            hint=f"git branch -m {in_the_way} another-name",
        )
    if project.signs:
        tree = repository.git.text("hash-object", "-w", "-t", "tree", "--stdin")
        commit_tree(repository.git, tree, [], "gitml: does signing work?\n", sign=True)
    _check_space(project, 0)


def check_line(index: Index, study: str) -> None:
    """Make sure that the study's line can be read: the experiment's commit goes on from it.

    Raises:
        RepositoryError: if it can't.
    """
    for problem in index.problems:
        if problem.startswith(f"refs/heads/exp/{study} "):
            raise RepositoryError(
                problem, hint="`git fsck` says what is lost. --study NAME records elsewhere."
            )


def check_space_for(project: Project, index: Index, verdict: Verdict) -> None:
    """Make sure that outputs like those of the nearest experiment would fit.

    Raises:
        StorageError: if they would not.
    """
    if verdict.nearest is not None:
        record = index.record(verdict.nearest.commit)
        _check_space(project, sum(artifact.size for artifact in record.artifacts))


def _check_space(project: Project, expected: int) -> None:
    project.state_dir.mkdir(parents=True, exist_ok=True)
    free_space_for(project.state_dir, _SPARE_BYTES)
    if project.storage is not None:
        probe(project.storage)
        free_space_for(project.storage.root, _SPARE_BYTES + 2 * expected)


def _in_the_way(repository: Repository, study: str) -> str:
    """Return the branch that keeps the study's from being made, or empty.

    Read from files, since it is asked before every run.
    """
    heads = repository.common_dir / "refs/heads"
    if (heads / "exp").is_file():
        return "exp"
    below = next((path for path in (heads / f"exp/{study}").rglob("*") if path.is_file()), None)
    if below is not None:
        return below.relative_to(heads).as_posix()
    try:
        packed = (repository.common_dir / "packed-refs").read_bytes()
    except OSError:
        return ""
    place = re.escape(study.encode())
    found = re.search(rb" refs/heads/(exp|exp/" + place + rb"/[^\n]+)\n", packed)
    return os.fsdecode(found[1]) if found else ""
