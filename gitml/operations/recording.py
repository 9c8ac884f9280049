"""Turning a run that ended into an experiment: inputs as they were seen, outputs, record, commit.

The same function serves `exp run` and `exp recover`: everything that it needs is in the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from gitml import faults
from gitml.execution import journal
from gitml.execution.journal import Entry
from gitml.execution.trace import Trace, read_trace
from gitml.experiment.message import compose
from gitml.experiment.record import Record
from gitml.experiment.study import record_experiment
from gitml.git.repository import discover
from gitml.history.index import Index
from gitml.operations.artifacts import Shelf
from gitml.operations.data import changed_pointers
from gitml.operations.description import Findings, describe
from gitml.operations.drift import drift_as_it_ran
from gitml.operations.inputs_seen import inputs_as_seen
from gitml.operations.measurements import measure
from gitml.operations.overlap import others_beside, refuse_conflicts
from gitml.operations.partition import with_partition
from gitml.operations.pending import Run, anchor, close_run
from gitml.operations.plan import as_it_ran
from gitml.operations.project import Project
from gitml.operations.tree import experiment_tree
from gitml.operations.written import Question, find_written
from gitml.outputs import made
from gitml.storage.guard import storing


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
    with storing(project.state_dir):
        return _record(project, index, entry, run, say)


def _record(
    project: Project, index: Index, entry: Entry, run: Run, say: Callable[[str], None]
) -> Recorded:
    findings = _look(project, index, entry, run)
    faults.reach("outputs.collected")
    run = msgspec.structs.replace(run, plan=findings.plan)
    described = describe(project, entry, run, findings)
    faults.reach("record.built")
    record, stored = described.record, findings.stored
    tree = experiment_tree(
        project,
        entry.path / "index",
        run.plan.snapshot.tree,
        run.plan.entries,
        described.texts,
        stored.files,
        (*stored.artifacts, *described.large),
        changed_pointers(project, run.plan.entries, run.plan.data),
    )
    faults.reach("commit.tree")
    commit = record_experiment(
        project.repository,
        run.study,
        tree,
        record.base,
        compose(record, run.telling),
        sign=project.signs,
        config=project.git_config,
        release=anchor(entry),
    )
    close_run(project, entry, run, released=True)
    for warning in record.warnings:
        if warning not in run.plan.warnings:  # those were said before it ran
            say(f"warning: {warning}")
    for note in stored.notes:
        say(note)
    return Recorded(record, commit)


def _look(project: Project, index: Index, entry: Entry, run: Run) -> Findings:
    """Find out what a run depended on and what it made, and store that."""
    root = Path(run.root)
    trace = read_trace(entry.path / journal.TRACE)
    plan = as_it_ran(project, run.plan, trace)
    if plan is not run.plan:
        plan = drift_as_it_ran(project, run.plan, plan)
    run = msgspec.structs.replace(run, plan=plan)
    here = discover(root) if run.isolated else project.repository
    known = index.output_paths()
    question = _question(project, entry, run, trace, known)
    written = find_written(here, question, project.config.outputs, trace)
    refuse_conflicts(project, entry, written.outputs)
    seen = inputs_as_seen(project, index, plan, root, trace, written, known, run.since)
    seen, lists = with_partition(project, index, entry, run, seen)
    log = entry.path / journal.LOG
    measured = measure(root, project.folder, project.config, written.outputs, log)
    shelf = Shelf(
        project.repository,
        project.storage,
        root,
        project.folder,
        project.config,
        entry.path / "staging",
        plan.interpreter,
        entry.path,
        measured.history,
        isolated=run.isolated,
    )
    shelf.put_all(written.outputs)
    stored = shelf.finish()
    if made.folders(entry.path):
        from gitml.operations.made_files import with_made

        stored = with_made(project, entry, stored)
    stored = msgspec.structs.replace(stored, texts={**stored.texts, **lists})
    return Findings(plan, trace, seen, measured, stored)


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
