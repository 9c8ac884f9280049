"""Turning a run that ended into an experiment: inputs as they were seen, outputs, record, commit.

The same function serves `exp run` and `exp recover`: everything that it needs is in the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from gitml import __version__, faults
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
    Record,
    Segment,
    encode,
)
from gitml.experiment.study import record_experiment
from gitml.git.repository import discover
from gitml.history.index import Index
from gitml.inputs.lock import LockFile, render_lock
from gitml.inputs.secrets import mask_argv, mask_text
from gitml.operations.artifacts import Shelf, StoredOutputs
from gitml.operations.data import changed_pointers
from gitml.operations.inputs_seen import Seen, inputs_as_seen
from gitml.operations.measurements import Measurements, measure
from gitml.operations.overlap import others_beside, refuse_conflicts
from gitml.operations.pending import Run, anchor, close_run
from gitml.operations.plan import as_it_ran
from gitml.operations.project import Project
from gitml.operations.tree import experiment_tree
from gitml.operations.written import Question, Written, find_written
from gitml.outputs import history
from gitml.outputs.artifact import Artifact
from gitml.storage.objects import store_bytes


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
    run = msgspec.structs.replace(run, plan=as_it_ran(project, run.plan, trace))
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
        changed_pointers(project, run.plan.entries, run.plan.data),
    )
    faults.reach("commit.tree")
    commit = record_experiment(
        project.repository,
        run.study,
        tree,
        project.repository.head if not record.base else record.base,
        compose(record, run.telling),
        sign=project.signs,
        release=anchor(entry),
    )
    close_run(project, entry, run, released=True)
    for warning in record.warnings:
        if warning not in run.plan.warnings:  # those were said before it ran
            say(f"warning: {warning}")
    return Recorded(record, commit)


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
    texts = {**stored.texts, **plan.recorded}
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
        gitml=__version__,
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


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
