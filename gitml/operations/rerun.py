"""Running an experiment again as it was: environment → work tree → command → comparison → event."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from gitml.comparison.reproduction import Reproduction, judge
from gitml.comparison.timely import is_timely
from gitml.errors import UsageError
from gitml.execution.isolate import missing_hint
from gitml.execution.launch import Outcome, environment_for, launch
from gitml.execution.settings_note import write_note
from gitml.execution.trace import read_trace
from gitml.experiment.record import Record
from gitml.git.repository import require_work_tree
from gitml.git.trees import Entry, list_tree
from gitml.history.index import Index, Row, open_index
from gitml.history.resolve import resolve
from gitml.inputs.secrets import mask_text
from gitml.operations.data import Tracked
from gitml.operations.plan import Plan, make_plan
from gitml.operations.project import Project, open_project
from gitml.operations.reading import open_reading
from gitml.operations.rerun_attest import attest, check_attestable
from gitml.operations.rerun_command import (
    environment_of,
    in_environment,
    needs_activation,
    refuse_masked,
    refuse_masked_settings,
    words_for,
)
from gitml.operations.rerun_data import Progress, Supply, bring, plan_supply, refuse_missing
from gitml.operations.rerun_environment import Chosen, choose, provide
from gitml.operations.rerun_hints import announcements, hints_for
from gitml.operations.rerun_outputs import comparable_outputs, outputs_of
from gitml.operations.rerun_request import RerunRequest, RerunResult
from gitml.operations.rerun_results import Results, results_of
from gitml.operations.rerun_tree import Scene, check_out, close_scene, open_scene, pointers_of
from gitml.storage import place
from gitml.storage.place import Storage

_TAIL_BYTES = 16_384
_TAIL_LINES = 20
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class _Task(msgspec.Struct, frozen=True):
    """What is known before anything is made or run."""

    project: Project
    index: Index
    request: RerunRequest
    row: Row
    record: Record
    entries: list[Entry]
    tracked: dict[str, Tracked]
    storage: Storage | None
    supply: Supply
    chosen: Chosen


class _Ran(msgspec.Struct, frozen=True):
    """The command has ended."""

    project: Project
    plan: Plan
    outcome: Outcome
    since: int
    env: dict[str, str]


def rerun(
    request: RerunRequest, say: Callable[[str], None], progress: Progress | None = None
) -> RerunResult:
    """Run an experiment again in a work tree of its own, and say whether it reproduced.

    Args:
        request: Which one, and how.
        say: Takes one-line notes for the user while it goes on.
        progress: Takes (done, total) while objects are fetched.

    Raises:
        GitmlError: if something is missing or wrong; before the command starts wherever that can
            be known.
    """
    if not 0 <= request.tolerance < 1:
        raise UsageError(
            "The tolerance is a part of a value: from 0 to less than 1.",
            hint="`--tolerance 0.001` lets a metric differ by a thousandth of its value.",
        )
    project = open_project(request.start)
    require_work_tree(project.repository)
    with open_index(project.repository) as index:
        task = _look(project, index, request)
        if request.dry_run:
            return RerunResult(task.row, task.record, "planned", task.chosen, task.supply)
        refuse_missing(task.record, task.supply)
        chosen = provide(project, task.record, task.row.commit, task.chosen, say)
        task = msgspec.structs.replace(task, chosen=chosen)
        for sentence in announcements(task.record, chosen, task.supply, task.entries):
            say(sentence)
        scene = open_scene(project.repository, task.record.name)
        result: RerunResult | None = None
        try:
            check_out(
                project.repository, scene, task.record, task.row.commit, task.entries, task.tracked
            )
            bring(project, task.storage, task.record, task.supply, scene.root, progress)
            result = _conclude(task, scene, _run(task, scene, say))
            return result
        finally:
            close_scene(project.repository, scene, keep=request.keep and result is not None)


def _look(project: Project, index: Index, request: RerunRequest) -> _Task:
    """Find out what running an experiment again takes."""
    if request.name.endswith("best"):
        open_reading(request.start).declare_goals(index)
    row = resolve(project.repository, index, request.name, project.study())
    record = index.record(row.commit)
    _refuse_incomparable(record)
    refuse_masked(record, os.environ)
    if request.record and not request.dry_run:
        check_attestable(project, row)
    storage = _storage(project, record)
    entries = list_tree(project.repository.git, row.commit)
    tracked = pointers_of(project.repository, entries)
    return _Task(
        project=project,
        index=index,
        request=request,
        row=row,
        record=record,
        entries=entries,
        tracked=tracked,
        storage=storage,
        supply=plan_supply(project, storage, record, entries, tracked),
        chosen=choose(project, record, row.commit, here=request.here, python=request.python),
    )


def _refuse_incomparable(record: Record) -> None:
    if not record.argv:
        raise UsageError(f"The record of {record.name} has no command.")
    measured = [name for name in record.metrics if not is_timely(name)]
    if not measured and not comparable_outputs(record):
        raise UsageError(
            f"{record.name} has neither metrics nor weights nor other outputs, so there is nothing "
            "to compare a rerun with."
        )


def _storage(project: Project, record: Record) -> Storage | None:
    """Return DVC storage for the experiment's project, configured as it is now."""
    if record.project == project.folder:
        return project.storage
    top = project.repository.root
    folder = top / record.project
    return place.find(folder, top) if folder.is_dir() else project.storage


def _run(task: _Task, scene: Scene, say: Callable[[str], None]) -> _Ran:
    """Run the command in the work tree that is ready for it."""
    record, user, python = task.record, task.project.repository.root, task.chosen.python
    folder = scene.root / record.inputs.command.folder
    folder.mkdir(parents=True, exist_ok=True)
    own = open_project(folder)
    own = msgspec.structs.replace(own, storage=task.storage or own.storage)
    activates = task.chosen.kind == "locked" or bool(task.request.python)
    first = python if activates or needs_activation(record) else None
    env = environment_of(record, own.config, first, user, scene.root, os.environ)
    words = words_for(record, python, user, scene.root)
    before = (outputs_of(record) | task.index.output_paths()) - record.inputs.data.keys()
    with in_environment(env):
        plan = make_plan(own, words, (), scene.folder / "index", before)
    refuse_masked_settings(record, plan.params, plan.masked)
    write_note(scene.folder, scene.root, own.folder, plan.params_files)
    since = _stamp(scene.folder)
    outcome = launch(
        words,
        cwd=folder,
        env=environment_for(scene.trace, scene.folder, env),
        log=scene.log,
        on_interrupt=lambda: say("Waiting for the command to end; Ctrl-C again kills it."),
    )
    return _Ran(own, plan, outcome, since, env)


def _conclude(task: _Task, scene: Scene, ran: _Ran) -> RerunResult:
    """Compare, record the verdict, and put together what there is to say."""
    outcome, record, user = ran.outcome, task.record, task.project.repository
    result = RerunResult(
        task.row,
        record,
        "interrupted",
        task.chosen,
        task.supply,
        seconds=outcome.seconds,
        exit_status=outcome.exit_status,
        kept=str(scene.root) if task.request.keep else "",
        tail=_tail(scene.log) if outcome.exit_status else "",
    )
    if outcome.interrupted:
        return result
    with in_environment(ran.env):
        found = results_of(
            ran.project,
            user,
            task.index,
            record,
            task.row.commit,
            ran.plan,
            scene,
            ran.since,
            ran.env,
        )
    reproduction = _judge(record, found, outcome, task.request.tolerance)
    hints = hints_for(record, found.facts, reproduction)
    if outcome.exit_status:
        missed = missing_hint(read_trace(scene.trace), scene.root, user.root)
        hints = (*hints, *([missed] if missed else []))
    event = ""
    if task.request.record:
        log = hashlib.sha256(mask_text(_read(scene.log), ran.plan.secrets)).hexdigest()
        event = attest(task.project, task.row, reproduction, task.chosen, found, outcome, log)
    return msgspec.structs.replace(
        result,
        status="compared",
        reproduction=reproduction,
        event=event,
        hints=hints,
        notes=found.notes,
    )


def _judge(record: Record, found: Results, outcome: Outcome, tolerance: float) -> Reproduction:
    failure = ""
    if outcome.exit_status != record.exit_status:
        failure = _failure(outcome.exit_status)
    return judge(
        inputs=found.inputs,
        facts=(record.environment, found.facts),
        metrics=(record.metrics, found.metrics),
        outputs=found.outputs,
        tolerance=tolerance,
        failure=failure,
    )


def _failure(status: int) -> str:
    if status < 0:
        return f"the command was ended by signal {-status}"
    if status:
        return f"the command failed with status {status}"
    return "the command succeeded, where it had failed"


def _stamp(folder: Path) -> int:
    """Return a change time that is later than that of everything that was brought in."""
    mark = folder / "prepared"
    mark.touch()
    first = mark.stat().st_ctime_ns
    deadline = time.monotonic() + 2
    while True:
        mark = folder / "started"
        mark.unlink(missing_ok=True)
        mark.touch()
        now = mark.stat().st_ctime_ns
        if now > first or time.monotonic() > deadline:
            return now
        time.sleep(0.001)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _tail(log: Path) -> str:
    text = _read(log)[-_TAIL_BYTES:].decode("utf-8", "replace")
    return "\n".join(_ESCAPES.sub("", text).splitlines()[-_TAIL_LINES:])
