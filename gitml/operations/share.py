"""Sharing studies with the team: artifacts first, branches last; joined, never rewritten."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from gitml.errors import ContentionError, NotFoundError, RepositoryError, StorageError
from gitml.experiment.message import compose_join
from gitml.experiment.names import BRANCHES
from gitml.experiment.record import Record
from gitml.git.commits import checked_out_at
from gitml.git.log import list_refs
from gitml.git.repository import require_identity
from gitml.git.share import (
    Rejected,
    choose_remote,
    fetch_branches,
    is_ancestor,
    is_shallow,
    join_branch,
    push_branches,
)
from gitml.history.index import Index, open_index
from gitml.history.walk import walk
from gitml.operations.clones import without_remote
from gitml.operations.downloads import fetch_objects
from gitml.operations.dropped import without_dropped
from gitml.operations.objects import needed_objects
from gitml.operations.pipeline import locked_here
from gitml.operations.project import Project, open_project

_PREFIX = "exp/"
_ROUNDS = 30

Progress = Callable[[int, int], None]


class Shared(msgspec.Struct, frozen=True):
    """What was shared.

    Attributes:
        studies: Names of the studies that are the same on both sides now.
        sent_objects: Objects of DVC storage that travelled.
        experiments: Experiments that the other side did not have.
        remote: The Git remote.
        notes: Sentences that users should see.
    """

    studies: tuple[str, ...]
    sent_objects: int
    experiments: int
    remote: str = ""
    notes: tuple[str, ...] = ()


def push(
    start: Path,
    studies: tuple[str, ...] = (),
    *,
    remote: str = "",
    progress: Progress | None = None,
) -> Shared:
    """Send studies and what they need; no pointer is public before its content.

    Raises:
        NotFoundError: if a study doesn't exist.
        StorageError: if an object can't be sent; no branch is pushed then.
        RepositoryError: if the remote refuses a branch, or it keeps moving.
    """
    project = open_project(start)
    target = choose_remote(project.repository, project.git_config, remote)
    names = _studies(project, studies)
    notes: list[str] = []
    published = _fetch(project, target)
    with open_index(project.repository) as index:
        fresh = _unpublished(project, index, names, published)
        needed = needed_objects(fresh.values()) | locked_here(project, fresh)
        needed = without_dropped(project, needed, notes)
        sent = _send_objects(project, needed, progress)
    _push_until_taken(project, target, names)
    if needed:
        tips = _local_tips(project)
        notes += without_remote(project, {name: tips[BRANCHES + name] for name in names})
    return Shared(tuple(names), sent, len(fresh), target, tuple(notes))


def pull(
    start: Path,
    studies: tuple[str, ...] = (),
    *,
    remote: str = "",
    artifacts: bool = True,
    progress: Progress | None = None,
) -> Shared:
    """Fetch studies, join them with the local ones, and fetch the artifacts that are new.

    Raises:
        NotFoundError: if the remote has no such study.
        RepositoryError: if it can't be reached.
    """
    project = open_project(start)
    target = choose_remote(project.repository, project.git_config, remote)
    theirs = {name.removeprefix(_PREFIX): oid for name, oid in _fetch(project, target).items()}
    for name in studies:
        if name.removeprefix(_PREFIX) not in theirs:
            raise NotFoundError(f"{target} has no study {name}.", hint=_existing(theirs))
    wanted = [name.removeprefix(_PREFIX) for name in studies] or sorted(theirs)
    before = set(_local_tips(project).values())
    notes: list[str] = []
    joined = [name for name in wanted if _join(project, name, theirs[name], notes)]
    with open_index(project.repository) as index:
        fresh = _arrived(project, index, wanted, before)
        fetched = _fetch_objects(project, fresh, notes, progress) if artifacts else 0
    return Shared(tuple(joined), fetched, len(fresh), target, tuple(notes))


def _fetch(project: Project, remote: str) -> dict[str, str]:
    """Fetch the studies of a remote, and all of them where a shallow clone has cut them off."""
    found = fetch_branches(project.repository, remote, _PREFIX)
    if is_shallow(project.repository) and not all(
        _is_whole(project, oid) for oid in found.values()
    ):
        return fetch_branches(project.repository, remote, _PREFIX, whole=True)
    return found


def _is_whole(project: Project, tip: str) -> bool:
    steps = walk(project.repository, tip, known=())
    return any(step.header.kind == "root" for step in steps)


def _studies(project: Project, named: tuple[str, ...]) -> list[str]:
    local = {ref.removeprefix(BRANCHES) for ref in _local_tips(project)}
    wanted = [name.removeprefix(_PREFIX) for name in named]
    for name in wanted:
        if name not in local:
            raise NotFoundError(f"There is no study {name} here.", hint=_existing(local))
    if not local:
        raise NotFoundError("There are no experiments to push yet.", hint="gitml exp run -- CMD")
    return wanted or sorted(local)


def _existing(names: dict[str, str] | set[str]) -> str:
    return f"There are: {', '.join(sorted(names)[:10])}." if names else "There are none."


def _local_tips(project: Project) -> dict[str, str]:
    return list_refs(project.repository.git, "refs/heads/exp")


def _unpublished(
    project: Project, index: Index, names: list[str], published: dict[str, str]
) -> dict[str, Record]:
    """Return commit → record of the experiments that the remote doesn't have."""
    known: set[str] = set()
    for tip in published.values():
        known.update(_line(project, tip))
    records: dict[str, Record] = {}
    tips = _local_tips(project)
    for name in names:
        for commit in _line(project, tips[BRANCHES + name]):
            if commit not in known and index.find(commit) is not None:
                records[commit] = index.record(commit)
    return records


def _arrived(project: Project, index: Index, names: list[str], before: set[str]) -> list[Record]:
    known: set[str] = set()
    for tip in before:
        known.update(_line(project, tip))
    tips = _local_tips(project)
    records = []
    for name in names:
        for commit in _line(project, tips.get(BRANCHES + name, "")):
            if commit not in known and index.find(commit) is not None:
                records.append(index.record(commit))
    return records


def _line(project: Project, tip: str) -> list[str]:
    """Return the experiments of a line, by commit."""
    if not tip:
        return []
    steps = walk(project.repository, tip, known=())
    return [step.commit.oid for step in steps if step.header.kind == "experiment"]


def _send_objects(project: Project, needed: dict[str, str], progress: Progress | None) -> int:
    if not needed:
        return 0
    if project.storage is None:
        raise StorageError("DVC isn't set up here.", hint="Run `gitml init` first.")
    from gitml.storage.remotes import default_remote
    from gitml.storage.remotes import push as send

    if default_remote(project.storage) is None:
        raise StorageError(
            f"{len(needed)} artifacts have no DVC remote to go to, so no branch was pushed.",
            hint="dvc remote add -d storage URL (a folder, s3://…, ssh://…), then push again.",
        )
    moved = send(project.storage, list(needed), progress=progress)
    sent, failed = moved.sent, moved.failed
    if failed:  # data that DVC 2 tracked lies elsewhere, here and on the remote
        older = send(project.storage, failed, progress=progress, legacy=True)
        sent, failed = sent + older.sent, older.failed
    if failed:
        lost = [needed.get(digest, digest) for digest in failed]
        raise StorageError(
            f"{len(lost)} artifacts could not be sent, so no branch was pushed: "
            f"{', '.join(lost[:5])}.",
            hint="`gitml doctor` says whether the remote can be reached and written.",
        )
    return sent


def _fetch_objects(
    project: Project, records: list[Record], notes: list[str], progress: Progress | None
) -> int:
    needed = needed_objects(records)
    return fetch_objects(
        project.storage, needed, notes, quarantine=project.quarantine, progress=progress
    )


def _push_until_taken(project: Project, remote: str, names: list[str]) -> None:
    refs = [BRANCHES + name for name in names]
    pause = 0.1
    for _ in range(_ROUNDS):
        rejected = push_branches(project.repository, remote, refs)
        if not rejected:
            return
        for one in rejected:
            if not one.diverged:
                raise _refused(remote, one)
        published = fetch_branches(project.repository, remote, _PREFIX)
        for one in rejected:
            name = one.ref.removeprefix(BRANCHES)
            _join(project, name, published[_PREFIX + name], [])
        refs = [one.ref for one in rejected]
        time.sleep(random.uniform(0, pause))
        pause = min(pause * 2, 3.0)
    raise ContentionError(
        f"{refs[0]} keeps moving on {remote}; nothing is lost, push again in a moment."
    )


def _refused(remote: str, rejected: Rejected) -> RepositoryError:
    branch = rejected.ref.removeprefix("refs/heads/")
    return RepositoryError(
        f"{remote} refused the branch {branch}: {rejected.reason}",
        hint="If exp/* is protected there, allow pushes to it (never forced ones).",
    )


def _join(project: Project, name: str, theirs: str, notes: list[str]) -> bool:
    ref = BRANCHES + name
    place = checked_out_at(project.repository, ref)
    ours = _local_tips(project).get(ref, "")
    if place is not None and ours != theirs:
        notes.append(f"exp/{name} is checked out in {place}, so it was not brought up to date.")
        return False
    git = project.repository.git
    if ours and not is_ancestor(git, ours, theirs) and not is_ancestor(git, theirs, ours):
        require_identity(project.repository, project.git_config)
    join_branch(project.repository, ref, theirs, compose_join(name), sign=project.signs)
    return True
