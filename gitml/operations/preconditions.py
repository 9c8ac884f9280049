"""What is checked before training starts, so that nothing of it fails after hours."""

from __future__ import annotations

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
    if _has_branch_exp(repository):
        raise RepositoryError(
            "There is a branch named exp, so there can be none named exp/….",
            hint="git branch -m exp another-name",
        )
    if project.signs:
        tree = repository.git.text("hash-object", "-w", "-t", "tree", "--stdin")
        commit_tree(repository.git, tree, [], "gitml: does signing work?\n", sign=True)
    _check_space(project, 0)


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


def _has_branch_exp(repository: Repository) -> bool:
    """Whether a branch is in the way; read from files, since it is asked before every run."""
    if (repository.common_dir / "refs/heads/exp").is_file():
        return True
    try:
        packed = (repository.common_dir / "packed-refs").read_bytes()
    except OSError:
        return False
    return b" refs/heads/exp\n" in packed
