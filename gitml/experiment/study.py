"""Writing experiments and events as commits of a study's line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitml.errors import RepositoryError
from gitml.experiment.message import compose_event, compose_root
from gitml.experiment.names import branch_of
from gitml.git.commits import checked_out_at, commit_tree, land, root_commit
from gitml.git.log import list_refs
from gitml.git.repository import Repository


def require_free_branch(repository: Repository, study: str) -> None:
    """Make sure that no work tree has the study's branch checked out.

    Raises:
        RepositoryError: since moving it would show its user changes that they didn't make.
    """
    place = checked_out_at(repository, branch_of(study))
    if place is not None:
        raise RepositoryError(
            f"The branch exp/{study} is checked out in {place}, so it can't take new experiments.",
            hint="git switch to another branch there, or record into another study (--study NAME).",
        )


def record_experiment(
    repository: Repository,
    study: str,
    tree: str,
    base: str,
    message: str,
    *,
    sign: bool,
    config: Mapping[str, str] | None = None,
    release: str = "",
) -> str:
    """Land an experiment's commit on its study and return the commit's id.

    Its first parent is the study's line, its second the base (none in a repository without
    commits). The reference `release`, if given, is deleted in the same transaction. With Git's
    configuration fewer processes are started.

    Raises:
        ContentionError: if the branch could not be won within a minute.
        RepositoryError: if Git refuses (a hook, a signature), or the branch was checked out
            somewhere since the run began.
    """
    require_free_branch(repository, study)
    name = message.partition(":")[0]
    return land(
        repository,
        branch_of(study),
        lambda: _begin(repository, study),
        lambda tip: commit_tree(
            repository.git,
            tree,
            [tip, *([base] if base else [])],
            message,
            sign=sign,
            config=config,
        ),
        f"gitml: {name}",
        release,
    )


def record_event(
    repository: Repository,
    study: str,
    event: str,
    about: str,
    name: str,
    body: Mapping[str, Any],
    *,
    sign: bool,
) -> str:
    """Land an event about an experiment on its study and return the commit's id.

    The event has the tree of its first parent.

    Raises:
        ContentionError: if the branch could not be won within a minute.
        RepositoryError: if Git refuses (a hook, a signature), or the branch is checked out.
    """
    require_free_branch(repository, study)
    message = compose_event(event, about, name, body)

    def make(tip: str) -> str:
        tree = repository.git.text("rev-parse", f"{tip}^{{tree}}")
        return commit_tree(repository.git, tree, [tip], message, sign=sign)

    return land(
        repository,
        branch_of(study),
        lambda: _begin(repository, study),
        make,
        f"gitml: {event} {name}",
    )


def _begin(repository: Repository, study: str) -> str:
    """Return what a study's local branch begins with: what a remote already has, or its root."""
    published = list_refs(repository.git, f"refs/remotes/**/exp/{study}")
    for _, tip in sorted(published.items()):
        return tip
    return root_commit(repository, compose_root(study))
