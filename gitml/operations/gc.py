"""Removing what experiments have in storage and nobody needs any more: a forecast, then removal.

Commits are never touched: experiments stay in Git with their settings and metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec

from gitml.errors import RepositoryError, StorageError, UsageError
from gitml.history.index import open_index
from gitml.operations.check import declared_goals
from gitml.operations.dropped import Dropped, read_dropped, remember_dropped
from gitml.operations.gc_choose import candidates, choose, described
from gitml.operations.gc_decide import Decision, decide
from gitml.operations.gc_published import fetch_all, refuse_incomplete, unpublished
from gitml.operations.gc_target import Target, open_target
from gitml.operations.gc_values import Collected, Forecast, GcRequest
from gitml.operations.listing import unknown_study
from gitml.operations.project import Project, open_project
from gitml.operations.stored_lists import Lists
from gitml.storage.guard import removing
from gitml.storage.inventory import Held
from gitml.storage.place import Storage, dvc_folders
from gitml.storage.remote_upkeep import folder_of

Progress = Callable[[int, int], None]
Say = Callable[[str], None]
Bar = Callable[[str], Progress | None]


def forecast(request: GcRequest, say: Say = lambda _: None, bar: Bar = lambda _: None) -> Forecast:
    """Say what would be removed, and what stays and why; nothing is removed.

    Args:
        request: What was asked.
        say: Takes a sentence before something takes a while.
        bar: Returns what takes the progress of the part with this title.

    Raises:
        UsageError: if what was asked makes no sense.
        NotFoundError: if there is no such study.
        StorageError: if there is no storage, others may use it, or a remote can't be asked.
        RepositoryError: if something can't be read, so that what it needs isn't known.
    """
    project, storage = _open(request)
    began = time.time()
    target = open_target(storage, request)
    decision = _decide(project, storage, request, target, say, bar("reading"))
    wanted = candidates(decision, target, request, read_dropped(project.repository))
    if target.lists is not None and folder_of(target.lists) is None:
        say(f"asking the DVC remote {target.backup or target.name} what it has")
    chosen = choose(decision, wanted, target, request, began)
    losing = {need.commit for digest in chosen.going for need in wanted[digest]}
    unshared = set() if target.is_remote else unpublished(project, losing)
    return described(decision, wanted, chosen, target, began, unshared)


def collect(request: GcRequest, found: Forecast, progress: Progress | None = None) -> Collected:
    """Remove what was forecast, as far as nobody needs it by now.

    What is about to go is written down before the first object goes. A call that is interrupted
    leaves nothing broken, and the next one goes on.

    Raises:
        StorageError: if something is being stored right now, or an object can't be removed.
        RepositoryError: if something can't be read, so that what it needs isn't known.
    """
    if not found.objects:
        return Collected(0, 0)
    project, storage = _open(request)
    # Nothing is stored by a run from here on, so that what is needed now is all that is needed.
    with removing(project.state_dir, dvc_folders(storage)):
        target = open_target(storage, request)
        decision = _decide(project, storage, request, target)
        there = target.objects(found.objects)
        going = _still_going(project, request, found, target, decision)
        remember_dropped(project.repository, _log(going, found))
        done = 0

        def one_more() -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress(done, len(going))

        removed = target.remove(going, found.began - request.min_age, one_more)
    count = len(removed.digests)
    return Collected(
        objects=count,
        size=removed.size,
        spared=len(there) - count,
        gone=len(found.objects) - len(there),
    )


def _still_going(
    project: Project, request: GcRequest, found: Forecast, target: Target, decision: Decision
) -> dict[str, Held]:
    """Return what was forecast and may go by now, too: others may have removed its copies."""
    wanted = candidates(decision, target, request, read_dropped(project.repository))
    wanted = {digest: needs for digest, needs in wanted.items() if digest in found.objects}
    # What was read for the forecast isn't read once more.
    quick = msgspec.structs.replace(request, deep=False)
    chosen = choose(decision, wanted, target, quick, found.began)
    newly_alone = chosen.alone - found.alone
    return {digest: one for digest, one in chosen.going.items() if digest not in newly_alone}


def _open(request: GcRequest) -> tuple[Project, Storage]:
    if not request.drop:
        raise UsageError("Nothing is to be dropped.", hint="--drop weights, for example.")
    project = open_project(request.start)
    if project.storage is None:
        raise StorageError(
            "DVC isn't set up here, so there is nothing to clean.", hint="Run `gitml init` first."
        )
    refuse_incomplete(project)
    return project, project.storage


def _decide(
    project: Project,
    storage: Storage,
    request: GcRequest,
    target: Target,
    say: Say = lambda _: None,
    progress: Progress | None = None,
) -> Decision:
    try:
        return _decided(project, storage, request, target, say, progress)
    except RepositoryError as error:
        raise RepositoryError(
            f"Nothing is removed, since what is needed isn't known: {error.message}",
            hint=error.hint or "`gitml fsck` says what is wrong.",
        ) from error


def _decided(
    project: Project,
    storage: Storage,
    request: GcRequest,
    target: Target,
    say: Say,
    progress: Progress | None,
) -> Decision:
    published: set[str] = set()
    if target.is_remote:
        published = fetch_all(project, say)
        if request.also_published:
            published = set()
    with open_index(project.repository, progress) as index:
        index.declared = declared_goals(project)
        if index.problems:
            raise RepositoryError(index.problems[0])
        known = index.studies()
        for study in request.studies:
            if study not in known:
                raise unknown_study(study, known)
        lists = Lists(storage, target.lists)
        return decide(project, storage, index, request, lists, published)


def _log(going: Mapping[str, Held], found: Forecast) -> list[Dropped]:
    at = time.time()
    if found.remote:
        return [
            Dropped(digest, at, "remote", found.place, one.size, digest not in found.alone)
            for digest, one in going.items()
        ]
    return [
        Dropped(digest, at, "cache", "" if digest in found.alone else found.backup, one.size)
        for digest, one in going.items()
    ]
