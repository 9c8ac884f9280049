"""Running an experiment: inputs → seen before? → execution → outputs → record → commit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Literal

import msgspec

from gitml import faults
from gitml.background import begin
from gitml.errors import ExecutionError, GitmlError, UsageError
from gitml.execution.journal import Entry, entries, scratch_folder
from gitml.experiment.record import Nearest, Record
from gitml.git.snapshot import read_status
from gitml.history.index import Index, Row, open_index
from gitml.inputs.sameness import Difference
from gitml.operations.data import store_changed
from gitml.operations.drift import with_drift
from gitml.operations.execution import Ended, execute, prepare, reopen
from gitml.operations.naming import reserve_name
from gitml.operations.pending import Run, close_run
from gitml.operations.plan import Plan, make_plan
from gitml.operations.preconditions import check_before_running, check_line, check_space_for
from gitml.operations.project import Project, open_project
from gitml.operations.seen import Verdict, find_nearest, find_seen
from gitml.values import Scalar

REUSED = ("identical", "equivalent")


class RunRequest(msgspec.Struct, frozen=True):
    """What `gitml exp run` was asked.

    Attributes:
        start: Folder where the user stands.
        argv: The command, empty for the configured one.
        overrides: `key=value` settings.
        study: Where to record; empty for the branch's own study.
        name: Name of the experiment; empty for a made-up one.
        on_duplicate: What to do when it was recorded before.
        isolated: Run in a work tree of its own.
        resume: Name of an interrupted run to go on with; `""` is the latest, None is none.
        capture: Observe the output (metrics, log); without it the child has the terminal alone.
        dry_run: Say what would happen and do nothing.
        keep_failed: Record the experiment although its command failed.
        strict_lock: Refuse to run where the environment isn't what the project's lock asks for.
    """

    start: Path
    argv: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    study: str = ""
    name: str = ""
    on_duplicate: Literal["reuse", "restore", "fail", "run"] = "reuse"
    isolated: bool = False
    resume: str | None = None
    capture: bool = True
    dry_run: bool = False
    keep_failed: bool = False
    strict_lock: bool = False


class RunResult(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        status: `completed`, `failed`, `planned` (a dry run, or a duplicate that was refused) or
            `interrupted`.
        reused: The experiment was recorded before, and nothing was run.
        level: How the planned inputs relate to the nearest recorded experiment.
        exit_status: Of the command; negative for a signal.
        nearest: The nearest recorded experiment.
        differences: The inputs that differ from it.
        tail: Last lines of the log of a command that failed.
    """

    experiment: str
    commit: str
    study: str
    status: Literal["completed", "failed", "planned", "interrupted"]
    reused: bool
    level: str
    params: dict[str, Scalar] = {}
    metrics: dict[str, Scalar] = {}
    fingerprint: str = ""
    seconds: float = 0.0
    exit_status: int = 0
    record: Record | None = None
    nearest: Row | None = None
    differences: tuple[Difference, ...] = ()
    warnings: tuple[str, ...] = ()
    tail: str = ""


def run(request: RunRequest, say: Callable[[str], None]) -> RunResult:
    """Run and record one experiment, or show the recorded one that it would repeat.

    Args:
        request: What to run, and how.
        say: Takes one-line notes for the user while it goes on.

    Raises:
        GitmlError: if something is wrong that the user can mend; before the command starts
            wherever that can be known.
    """
    project = open_project(request.start)
    study = project.study(request.study)
    status = begin(lambda: read_status(project.repository))
    check_before_running(project, study)
    with open_index(project.repository) as index, scratch_folder(project.runs_dir) as place:
        check_line(index, study)
        if request.resume is not None:
            return _resume(project, index, request, say)
        plan = make_plan(
            project,
            request.argv,
            request.overrides,
            place / "index",
            index.output_paths(),
            status(),
        )
        strict = request.strict_lock or project.config.strict_lock
        plan = with_drift(project, plan, strict=strict)
        faults.reach("run.planned")
        verdict = find_seen(project, index, plan)
        if verdict.level in REUSED and request.on_duplicate != "run":
            return _reused(project, request, plan, verdict, index)
        if request.dry_run:
            return _planned(plan, study, find_nearest(project, index, plan, study, verdict))
        check_space_for(project, index, verdict)
        _announce(verdict, plan, say)
        store_changed(project, plan.entries, plan.data)
        entry, prepared = prepare(
            project,
            plan,
            study=study,
            name=_name(project, index, study, request.name),
            isolated=request.isolated,
            keep_failed=request.keep_failed,
            nearest=_nearest(verdict),
            private_index=place / "index",
        )
        return _run_and_record(project, index, entry, prepared, request, verdict, say)


def _name(project: Project, index: Index, study: str, wanted: str) -> str:
    active = [entry.name for entry in entries(project.runs_dir) if entry.study == study]
    return reserve_name(project, index, study, wanted, active)


def _run_and_record(
    project: Project,
    index: Index,
    entry: Entry,
    run: Run,
    request: RunRequest,
    verdict: Verdict,
    say: Callable[[str], None],
) -> RunResult:
    after: list[Verdict] = [verdict]

    def meanwhile() -> None:
        """Ask what need not be known before the command starts, and load what comes after it."""
        with suppress(GitmlError):
            after[0] = find_nearest(project, index, run.plan, run.study, verdict)
        import_module("gitml.operations.recording")

    try:
        ended = execute(project, entry, run, capture=request.capture, say=say, meanwhile=meanwhile)
    except ExecutionError:
        if request.resume is None:  # the command never started, so there is nothing to keep
            close_run(project, entry, run)
        raise
    verdict = after[0]
    telling = tuple(item.name for item in verdict.differences if item.input == "settings")
    run = msgspec.structs.replace(run, nearest=_nearest(verdict), telling=telling)
    if ended.interrupted:
        say(f"Interrupted. `gitml exp run --resume {run.name}` goes on with it.")
        return _ended(run, ended, "interrupted", verdict)
    if ended.exit_status != 0 and not run.keep_failed:
        close_run(project, ended.entry, run)
        return _ended(run, ended, "failed", verdict)
    from gitml.operations.recording import record_run

    recorded = record_run(project, index, ended.entry, run, say)
    record = recorded.record
    return RunResult(
        experiment=record.name,
        commit=recorded.commit,
        study=record.study,
        status=record.status,
        reused=False,
        level=verdict.level,
        params=record.params,
        metrics=record.metrics,
        fingerprint=record.fingerprint,
        seconds=record.seconds,
        exit_status=ended.exit_status,
        record=record,
        nearest=verdict.nearest,
        differences=verdict.differences,
        warnings=record.warnings,
        tail=ended.tail,
    )


def _resume(
    project: Project, index: Index, request: RunRequest, say: Callable[[str], None]
) -> RunResult:
    entry, run = reopen(project, request.resume or "")
    if request.argv or request.overrides:
        raise UsageError(
            "--resume goes on with the command and settings that the run began with.",
            hint=f"gitml exp run --resume {run.name}",
        )
    say(f"Going on with {run.name}.")
    verdict = Verdict("new", None, ())
    return _run_and_record(project, index, entry, run, request, verdict, say)


def _reused(
    project: Project, request: RunRequest, plan: Plan, verdict: Verdict, index: Index
) -> RunResult:
    row = verdict.nearest
    assert row is not None
    record = index.record(row.commit)
    refused = request.on_duplicate == "fail"
    if request.on_duplicate == "restore" and not request.dry_run:
        from gitml.operations.apply import restore_outputs

        restore_outputs(project, record, row.commit)
    return RunResult(
        experiment=row.experiment,
        commit=row.commit,
        study=row.study,
        status="planned" if refused else "completed",
        reused=not refused,
        level=verdict.level,
        params=row.params,
        metrics=row.metrics,
        fingerprint=row.fingerprint,
        seconds=record.seconds,
        record=record,
        nearest=row,
        differences=verdict.differences,
        warnings=plan.warnings,
    )


def _planned(plan: Plan, study: str, verdict: Verdict) -> RunResult:
    return RunResult(
        experiment="",
        commit="",
        study=study,
        status="planned",
        reused=False,
        level=verdict.level,
        params=plan.params,
        nearest=verdict.nearest,
        differences=verdict.differences,
        warnings=plan.warnings,
    )


def _ended(
    run: Run, ended: Ended, status: Literal["failed", "interrupted"], verdict: Verdict
) -> RunResult:
    return RunResult(
        experiment=run.name,
        commit="",
        study=run.study,
        status=status,
        reused=False,
        level=verdict.level,
        params=run.plan.params,
        seconds=ended.entry.seconds,
        exit_status=ended.exit_status,
        nearest=verdict.nearest,
        differences=verdict.differences,
        warnings=run.plan.warnings,
        tail=ended.tail,
    )


def _nearest(verdict: Verdict) -> Nearest | None:
    row = verdict.nearest
    return Nearest(row.experiment, row.commit, verdict.level) if row else None


def _announce(verdict: Verdict, plan: Plan, say: Callable[[str], None]) -> None:
    for warning in plan.warnings:
        say(f"warning: {warning}")
    if verdict.nearest is not None and verdict.level != "new":
        say(f"{verdict.sentence()}")
