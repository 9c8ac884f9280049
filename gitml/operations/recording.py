"""Turning a run that ended into an experiment: inputs as they were seen, outputs, record, commit.

The same function serves `exp run` and `exp recover`: everything that it needs is in the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from gitml import faults
from gitml.execution import journal
from gitml.execution.environment import facts
from gitml.execution.journal import Entry
from gitml.execution.trace import Trace, read_trace
from gitml.experiment.message import compose
from gitml.experiment.record import (
    HISTORY_PATH,
    LOCK_PATH,
    LOG_PATH,
    PATH,
    Lock,
    Nearest,
    Record,
    Segment,
    encode,
)
from gitml.experiment.study import record_experiment
from gitml.git.commits import delete_ref
from gitml.git.repository import Repository, discover
from gitml.git.worktree import remove_worktree
from gitml.history.index import Index
from gitml.inputs.lock import LockFile, render_lock
from gitml.inputs.manifest import Manifest
from gitml.inputs.secrets import mask_argv, mask_text
from gitml.operations.artifacts import Shelf, StoredOutputs
from gitml.operations.inputs_seen import Seen, inputs_as_seen
from gitml.operations.measurements import Measurements, measure
from gitml.operations.overlap import others_beside, refuse_conflicts
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.operations.tree import FILE, experiment_tree
from gitml.operations.written import Question, Written, find_written
from gitml.outputs import history
from gitml.outputs.artifact import Artifact
from gitml.storage.objects import store_bytes, store_file, store_folder
from gitml.storage.pointers import Pointer

VERSION = "0.1.0"


class Run(msgspec.Struct, frozen=True):
    """A run that is kept in the journal until it is recorded.

    Attributes:
        plan: Its inputs as far as they were known before.
        study: Where it is recorded.
        name: Its name.
        since: Change time (nanoseconds) of a file made just before it started.
        root: Work tree that it runs in.
        isolated: Whether that work tree is its own.
        keep_failed: Whether it is recorded although it failed.
        nearest: The nearest recorded experiment before it ran.
        created: RFC 3339 time at which it began.
    """

    plan: Plan
    study: str
    name: str
    since: int
    root: str
    isolated: bool
    keep_failed: bool
    created: str
    nearest: Nearest | None = None


class Recorded(msgspec.Struct, frozen=True):
    """An experiment that has just been committed."""

    record: Record
    commit: str


def record_run(
    project: Project, index: Index, entry: Entry, run: Run, say: Callable[[str], None]
) -> Recorded:
    """Store what a run made, build its commit and land it on the study.

    Raises:
        GitmlError: if something can't be stored; the journal then keeps the run for
            `gitml exp recover`.
    """
    folder = journal.folder(project.runs_dir, entry)
    root = Path(run.root)
    trace = read_trace(folder / "trace")
    here = discover(root) if run.isolated else project.repository
    known_outputs = index.output_paths()
    written = find_written(
        here,
        _question(project, entry, run, trace, known_outputs),
        project.config.outputs,
        trace,
    )
    refuse_conflicts(project, entry, written.outputs)
    seen = inputs_as_seen(project, index, run.plan, root, trace, written, known_outputs, run.since)
    measured = measure(root, project.folder, project.config, written.outputs, folder / "log.txt")
    shelf = Shelf(
        project.repository,
        project.storage,
        root,
        project.folder,
        project.config,
        folder / "staging",
        run.plan.interpreter,
    )
    shelf.put_all(written.outputs)
    stored = shelf.finish()
    faults.reach("outputs.collected")
    record, texts, extra = _describe(project, entry, run, trace, seen, measured, stored, written)
    faults.reach("record.built")
    tree = experiment_tree(
        project,
        folder / "index",
        run.plan.snapshot.tree,
        run.plan.entries,
        texts,
        stored.files,
        (*stored.artifacts, *extra),
        _stored_data(project, run.plan),
    )
    faults.reach("commit.tree")
    commit = record_experiment(
        project.repository,
        run.study,
        tree,
        project.repository.head if not record.base else record.base,
        compose(record),
        sign=project.signs,
    )
    close_run(project, entry, run)
    for warning in record.warnings:
        say(f"warning: {warning}")
    return Recorded(record, commit)


def close_run(project: Project, entry: Entry, run: Run | None) -> None:
    """Forget a run: its anchor, its isolated work tree and its journal."""
    faults.reach("journal.closing")
    if run is not None and run.isolated:
        remove_worktree(project.repository, Path(run.root))
    delete_ref(project.repository.git, anchor(entry))
    journal.close(entry)


def anchor(entry: Entry) -> str:
    """Return the reference that keeps a run's snapshot from being garbage-collected."""
    return f"refs/gitml/tmp/{entry.id}"


def _question(project: Project, entry: Entry, run: Run, trace: Trace, known: set[str]) -> Question:
    data = [name for name in run.plan.data if not name.startswith("/")]
    read_first = _relative_reads(Path(run.root), trace)
    return Question(
        root=Path(run.root),
        since=run.since,
        isolated=run.isolated,
        shared=bool(others_beside(entry)),
        snapshot=frozenset(entry.path for entry in run.plan.entries),
        not_outputs=frozenset([*run.plan.params_files, *data]),
        known_outputs=frozenset(known - read_first),
        folder=project.folder,
    )


def _relative_reads(root: Path, trace: Trace) -> set[str]:
    top = f"{root}/"
    return {path[len(top) :] for path in trace.read if path.startswith(top)}


def _describe(
    project: Project,
    entry: Entry,
    run: Run,
    trace: Trace,
    seen: Seen,
    measured: Measurements,
    stored: StoredOutputs,
    written: Written,
) -> tuple[Record, dict[str, bytes], tuple[Artifact, ...]]:
    plan, manifest = run.plan, seen.manifest
    folder = journal.folder(project.runs_dir, entry)
    lock = render_lock(
        manifest.libraries.python,
        plan.installed.values(),
        _project_lock(project),
        root=str(project.repository.root),
    )
    texts = {**stored.texts, **plan.overridden}
    if plan.installed:
        texts[LOCK_PATH] = lock.data
    texts[HISTORY_PATH] = history.render(measured.history) if measured.history else b""
    texts[LOG_PATH] = mask_text(_read(folder / "log.txt"), plan.secrets)
    for path in (HISTORY_PATH, LOG_PATH):
        if not texts[path]:
            del texts[path]
    extra = _through_storage(project, texts)
    segments = tuple(msgspec.convert(segment, Segment) for segment in entry.segments)
    status = segments[-1].exit_status if segments else 0
    record = Record(
        name=run.name,
        study=run.study,
        status="completed" if status == 0 else "failed",
        created=run.created,
        seconds=round(entry.seconds, 3),
        exit_status=status or 0,
        argv=mask_argv(plan.argv),
        params={**seen.resolved, **plan.params},
        metrics=measured.metrics,
        inputs=manifest,
        digests=manifest.digests(),
        fingerprint=manifest.fingerprint(),
        lookup=plan.lookup,
        base=entry.base,
        branch=entry.branch,
        snapshot=plan.snapshot.tree,
        project=project.folder,
        goals={name: goal.goal for name, goal in project.config.metrics.items() if goal.goal},
        primary=project.config.primary,
        artifacts=(*stored.artifacts, *extra),
        libraries=_lock_summary(lock) if plan.installed else Lock(),
        environment=facts(trace, dict(seen.environment)),
        segments=segments,
        init_from=seen.init_from,
        changed=seen.changed,
        network=trace.network,
        warnings=(
            *plan.warnings,
            *seen.warnings,
            *measured.warnings,
            *stored.warnings,
            *entry.options.get("trouble", ()),
        ),
        nearest=run.nearest,
        run=entry.id,
        gitml=VERSION,
    )
    texts[PATH] = encode(record)
    return record, texts, extra


def _lock_summary(lock: LockFile) -> Lock:
    return Lock(
        state=lock.state, digest=lock.digest, packages=lock.packages, unlocked=lock.unlocked
    )


def _project_lock(project: Project) -> Path | None:
    for name in ("uv.lock", "pylock.toml"):
        if (project.root / name).is_file():
            return project.root / name
    return None


def _through_storage(project: Project, texts: dict[str, bytes]) -> tuple[Artifact, ...]:
    """Move the log and the history to DVC storage when they are large."""
    moved: list[Artifact] = []
    for path, role in ((HISTORY_PATH, "history"), (LOG_PATH, "log")):
        data = texts.get(path, b"")
        if len(data) < project.config.large or project.storage is None:
            continue
        stored = store_bytes(project.storage, data)
        del texts[path]
        fields = {"path": path, "role": role, "storage": "dvc", "digest": stored.digest}
        moved.append(msgspec.convert({**fields, "size": stored.size}, Artifact))
    return tuple(moved)


def _stored_data(project: Project, plan: Plan) -> dict[str, Pointer]:
    """Store DVC-tracked data that changed on disk, and return its pointers."""
    from gitml.operations.data import read_pointers

    pointers = read_pointers(project, plan.entries)
    changed: dict[str, Pointer] = {}
    for path, item in plan.data.items():
        recorded = pointers.get(path)
        if item.kind != "dvc" or recorded is None or recorded.digest == item.digest:
            continue
        if project.storage is not None and item.restorable:
            target = project.repository.root / path
            store = store_folder if target.is_dir() else store_file
            store(project.storage, target)
        changed[path] = Pointer(path=path, digest=item.digest, size=item.size, files=item.files)
    return changed


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


__all__ = ["FILE", "Manifest", "Recorded", "Repository", "Run", "anchor", "close_run", "record_run"]
