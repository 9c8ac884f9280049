"""What other clones are known to need of a DVC remote: fetched from every Git remote first."""

from __future__ import annotations

from collections.abc import Callable, Collection

from gitml.errors import RepositoryError
from gitml.git.command import GitFailed
from gitml.git.share import fetch_branches, is_shallow, network_git
from gitml.operations.project import Project

FETCHED_TAGS = "refs/gitml/tags/"
"""Where the tags of Git remotes are brought: below, by the remote's name."""


def refuse_incomplete(project: Project) -> None:
    """Refuse to decide in a clone that lacks history: what older experiments need isn't known.

    Raises:
        RepositoryError: if the clone is shallow.
    """
    if is_shallow(project.repository):
        raise RepositoryError(
            "This is a shallow clone: it may lack experiments that need what would be removed.",
            hint="git fetch --unshallow",
        )


def fetch_all(project: Project, say: Callable[[str], None]) -> set[str]:
    """Fetch the branches and tags of every Git remote, and return the commits they reach.

    The tags go below `refs/gitml/tags/`, so that none of the user's is touched.

    Raises:
        RepositoryError: if a remote can't be reached: what its users need isn't known then.
    """
    remotes = _remotes(project)
    for name in remotes:
        say(f"fetching what {name} has")
        fetch_branches(project.repository, name, "")
        _fetch_tags(project, name)
    if not remotes:
        say("There is no Git remote, so only the experiments of this clone are known.")
        return set()
    return set(project.repository.git.text("rev-list", "--remotes").split())


def unpublished(project: Project, commits: Collection[str]) -> set[str]:
    """Return which commits no Git remote is known to have; none where there is no Git remote."""
    if not commits or not _remotes(project):
        return set()
    return set(commits) - set(project.repository.git.text("rev-list", "--remotes").split())


def _remotes(project: Project) -> list[str]:
    return [
        key[len("remote.") : -len(".url")]
        for key in project.git_config
        if key.startswith("remote.") and key.endswith(".url")
    ]


def _fetch_tags(project: Project, remote: str) -> None:
    refspec = f"+refs/tags/*:{FETCHED_TAGS}{remote}/*"
    arguments = ("--quiet", "--no-tags", "--prune", "--no-recurse-submodules")
    try:
        network_git(project.repository).run(
            "fetch", *arguments, "--no-write-fetch-head", "--end-of-options", remote, refspec
        )
    except GitFailed as error:
        raise RepositoryError(
            f"The tags of {remote} could not be fetched: {error.stderr.strip()}"
        ) from error
