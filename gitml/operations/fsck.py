"""Is everything that was recorded still there and sound? What is lost, and where can it be had?

Nothing is written unless it is to be repaired, except what a partial clone has to fetch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from gitml.experiment.record import Record
from gitml.git.command import no_hooks
from gitml.history.index import Index, Row, open_index
from gitml.inputs.syntax_cache import SyntaxCache
from gitml.operations import fsck_git
from gitml.operations.check import declared_goals
from gitml.operations.check_evidence import bring_evidence
from gitml.operations.examples import storage_of
from gitml.operations.fetching import bring_studies
from gitml.operations.fsck_experiments import Looked, look_at_experiments
from gitml.operations.fsck_faults import faults_of
from gitml.operations.fsck_objects import Needed, look_at_objects
from gitml.operations.fsck_pointers import Named, look_at_pointers
from gitml.operations.fsck_remote import look_at_remote
from gitml.operations.fsck_report import Seen, Stored, report
from gitml.operations.fsck_values import Checked, Fault, FsckRequest
from gitml.operations.listing import unknown_study
from gitml.operations.needs import Need, needs_of
from gitml.operations.project import Project, open_project

Say = Callable[[str], None]
Progress = Callable[[int, int], None]
Bar = Callable[[str], Progress | None]

_ROUNDS = 4


@no_hooks()
def fsck(request: FsckRequest, say: Say = lambda _: None, bar: Bar = lambda _: None) -> Checked:
    """Check experiments, pointers, objects, branches and what gitml keeps beside them.

    Args:
        request: What was asked.
        say: Takes a sentence before something takes a while.
        bar: Returns what takes the progress of the part with this title.

    Raises:
        NotFoundError: if there is no such study or remote.
        StorageError: if the cache can't be read.
        RepositoryError: if Git can't read the repository.
    """
    project = open_project(request.start)
    seen, needed = _look(project, request, say, bar)
    stored = _storage(project, request, seen.rows, needed, bar)
    if not request.repair:
        return report(request, seen, stored)
    return _repaired(project, request, seen, stored, needed, bar)


def _look(project: Project, request: FsckRequest, say: Say, bar: Bar) -> tuple[Seen, Needed]:
    """Look at what Git has, and find out what experiments need of storage."""
    repository = project.repository
    brought = bring_studies(repository, "", "auto", say, project.git_config)
    notes = list(brought.notes)
    with (
        open_index(repository, bar("reading")) as index,
        # What was remembered isn't trusted, unless there is no time for anything else.
        SyntaxCache(project.state_dir / "syntax.db" if request.fast else None) as syntax,
    ):
        index.declared = declared_goals(project)
        rows = _rows(index, request)
        if bring_evidence(repository, index, brought, rows):
            rows = _rows(index, request)
        if not rows:
            notes.append("No experiment is recorded here; are the branches exp/* fetched?")
        looked = look_at_experiments(repository, rows, syntax, bar("experiments"))
        problems = [
            *fsck_git.branches(repository, request.studies),
            *fsck_git.index_agrees(repository, index, rows, looked.records),
        ]
    if not request.fast:
        problems += fsck_git.objects(repository)
    problems += [*fsck_git.runs(project), *fsck_git.leftovers(project, project.storage)]
    needs = tuple(_needs(project, rows, looked, notes))
    pointers = Named()
    if project.storage is not None and not request.studies:
        pointers = look_at_pointers(project, project.storage)
    problems += pointers.problems
    notes += _by_hash_only(looked.records)
    if project.storage is None and needs:
        notes.append("DVC isn't set up here, so no object was looked at (gitml init).")
    seen = Seen(tuple(rows), looked.troubles, tuple(problems), tuple(notes))
    return seen, Needed(needs, pointers.needs)


def _rows(index: Index, request: FsckRequest) -> list[Row]:
    if not request.studies:
        return index.rows(hidden=True)
    known = index.studies()
    found: dict[str, Row] = {}
    for study in request.studies:
        if study not in known:
            raise unknown_study(study, known)
        found.update({row.commit: row for row in index.rows(study, hidden=True)})
    return list(found.values())


def _needs(project: Project, rows: Sequence[Row], looked: Looked, notes: list[str]) -> list[Need]:
    """Return what experiments need of this project's storage."""
    own: dict[str, bool] = {}
    needs: list[Need] = []
    elsewhere = 0
    for row in rows:
        record = looked.records.get(row.commit)
        if record is None:
            continue
        if record.project not in own:
            own[record.project] = _is_ours(project, record.project)
        if own[record.project]:
            needs += needs_of(row, record)
        elif any(item.storage == "dvc" for item in record.artifacts):
            elsewhere += 1
    if elsewhere:
        notes.append(
            f"{elsewhere} experiments belong to another project of this repository, whose objects "
            "were not looked at: run gitml fsck in its folder."
        )
    return needs


def _is_ours(project: Project, folder: str) -> bool:
    if folder == project.folder:
        return True
    other = storage_of(project.repository, folder)
    return other is None or project.storage is None or other.cache == project.storage.cache


def _by_hash_only(records: Mapping[str, Record]) -> list[str]:
    names = {
        name
        for record in records.values()
        for name, item in record.inputs.data.items()
        if item.kind == "dvc" and not item.restorable
    }
    if not names:
        return []
    some = ", ".join(sorted(names)[:3])
    return [f"Some data is known by hash only and was never stored: {some}."]


def _storage(
    project: Project, request: FsckRequest, rows: Sequence[Row], needed: Needed, bar: Bar
) -> Stored:
    storage = project.storage
    if storage is None:
        return Stored()
    objects = look_at_objects(project, storage, needed, request, bar("objects"))
    remote = None
    if request.remote:
        remote = look_at_remote(project, storage, objects, request, bar("remote"))
    return Stored(objects, faults_of(project, storage, objects, rows), remote)


def _repaired(
    project: Project,
    request: FsckRequest,
    seen: Seen,
    stored: Stored,
    needed: Needed,
    bar: Bar,
) -> Checked:
    """Mend in rounds: a list of a folder that is back may name files that nobody knew of."""
    from gitml.operations.fsck_repair import repair

    first, mended = stored, list[Fault]()
    # What is here was read a moment ago, and what was corrupt is set aside.
    quick = msgspec.structs.replace(request, fast=True)
    for _ in range(_ROUNDS):
        if project.storage is None or stored.objects is None or not stored.everything:
            break
        name = stored.remote.checked.name if stored.remote else ""
        faults = stored.everything
        done = repair(project, project.storage, stored.objects, faults, name, bar("repairing"))
        mended += [
            msgspec.structs.replace(one, repaired=done[one.digest])
            for one in faults
            if one.digest in done
        ]
        stored = _storage(project, quick, seen.rows, needed, bar)
        if not done:
            break
    again = {fault.digest for fault in stored.everything}
    mended = [fault for fault in mended if fault.digest not in again]
    told = again | {fault.digest for fault in mended}
    # What only reading finds isn't seen again by a quick look.
    left = [fault for fault in first.everything if fault.digest not in told]
    messages = fsck_git.mend(project, project.storage, seen.problems)
    problems = tuple(
        msgspec.structs.replace(problem, repaired=problem.message in messages)
        for problem in seen.problems
    )
    seen = msgspec.structs.replace(seen, problems=problems)
    return report(request, seen, stored, (*mended, *stored.everything, *left))
