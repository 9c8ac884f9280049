"""Carrying out a planned run: journal, isolated work tree, overridden parameters, the command."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from gitml import faults
from gitml.background import begin
from gitml.errors import ContentionError, ExecutionError, NotFoundError
from gitml.execution import journal
from gitml.execution.borrowed import override_params, restore_params
from gitml.execution.isolate import link_data, missing_hint, place_for
from gitml.execution.journal import Entry
from gitml.execution.launch import environment_for, launch
from gitml.execution.settings_note import write_note
from gitml.execution.trace import read_trace
from gitml.experiment.record import Nearest
from gitml.git.commits import commit_tree, update_ref
from gitml.git.objects import write_blob
from gitml.git.trees import build_tree
from gitml.git.worktree import add_worktree
from gitml.operations.last_word import make_room, take_last_word, write_last_word
from gitml.operations.overlap import note_overlap
from gitml.operations.pending import Run, anchor, keep_run, load_run
from gitml.operations.plan import Plan
from gitml.operations.project import Project

_TAIL_LINES = 20
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Ended(msgspec.Struct, frozen=True):
    """How the command ended.

    Attributes:
        entry: The journal's entry as it is now.
        exit_status: Of the command; negative for a signal.
        interrupted: The user or the system stopped it.
        tail: Last lines of its log.
    """

    entry: Entry
    exit_status: int
    interrupted: bool
    tail: str


def prepare(
    project: Project,
    plan: Plan,
    *,
    study: str,
    name: str,
    isolated: bool,
    keep_failed: bool,
    nearest: Nearest | None,
    private_index: Path,
) -> tuple[Entry, Run]:
    """Enter a run into the journal, with everything that recording it later needs.

    Raises:
        RecordError: if the journal can't be written.
        UsageError: if another active run uses the parameter file that `-S` would change.
    """
    root = place_for(project.state_dir, name) if isolated else project.repository.root
    if not isolated:
        _refuse_shared_params(project, plan)
    run = Run(
        plan=plan,
        study=study,
        name=name,
        since=0,
        root=str(root),
        isolated=isolated,
        keep_failed=keep_failed,
        created=_now(),
        nearest=nearest,
    )
    entry = journal.begin(
        project.runs_dir,
        name=name,
        study=study,
        root=str(root),
        project=project.folder,
        cwd=plan.folder,
        argv=plan.argv,
        snapshot=plan.snapshot.tree,
        base=project.repository.head,
        branch=project.repository.branch,
        worktree=str(root) if isolated else "",
    )
    folder = journal.folder(project.runs_dir, entry)
    os.replace(private_index, folder / "index")
    run = msgspec.structs.replace(run, since=_stamp(folder))
    keep_run(entry, run)
    write_note(folder, root, project.folder, plan.params_files)
    note_overlap(project, entry)
    faults.reach("run.journaled")
    if isolated:
        _check_out(project, plan, root, folder)
    return entry, run


def execute(
    project: Project,
    entry: Entry,
    run: Run,
    *,
    capture: bool,
    say: Callable[[str], None],
    meanwhile: Callable[[], None],
) -> Ended:
    """Run the command with the overridden parameters in place, and put the user's back.

    `meanwhile` is called once the command has started: what it does costs the user no time.
    """
    folder = journal.folder(project.runs_dir, entry)
    if not run.isolated and run.plan.overridden:
        entry = override_params(entry, Path(run.root), run.plan.overridden)
    make_room(entry)
    if entry.segments:  # a run that goes on logs its splits and files anew
        from gitml.inputs.split_file import set_aside
        from gitml.outputs import made

        set_aside(folder)
        made.set_aside(folder)
    entry = journal.update(entry, state="running", options={**entry.options, "started": _now()})
    faults.reach("run.started")
    try:
        outcome = launch(
            run.plan.argv,
            cwd=Path(run.root) / run.plan.folder,
            env=environment_for(folder / "trace", folder, os.environ),
            log=folder / "log.txt",
            capture=capture,
            on_start=lambda _: _start(project, entry, run, meanwhile),
            on_interrupt=lambda: say("Waiting for the command to end; Ctrl-C again kills it."),
        )
        write_last_word(entry, outcome)
    finally:
        for sentence in restore_params(entry):
            say(sentence)
    entry = take_last_word(entry)
    faults.reach("run.finished")
    if outcome.exit_status and run.isolated:
        hint = missing_hint(read_trace(folder / "trace"), Path(run.root), project.repository.root)
        if hint:
            say(hint)
    return Ended(entry, outcome.exit_status, outcome.interrupted, _tail(folder / "log.txt"))


def reopen(project: Project, name: str) -> tuple[Entry, Run]:
    """Return an interrupted run, to go on with it.

    Raises:
        NotFoundError: if there is none (of that name).
    """
    waiting = [
        entry
        for entry in journal.entries(project.runs_dir)
        if not journal.alive(entry) and entry.state in ("running", "interrupted")
    ]
    named = [entry for entry in waiting if not name or entry.name == name]
    if not named:
        raise NotFoundError(
            f"There is no interrupted run {name}." if name else "No run was interrupted.",
            hint="Interrupted: " + ", ".join(entry.name for entry in waiting) if waiting else "",
        )
    entry = take_last_word(journal.adopt(named[-1]))
    for _ in restore_params(entry):
        pass
    return entry, load_run(project, entry)


def _refuse_shared_params(project: Project, plan: Plan) -> None:
    for other in journal.entries(project.runs_dir):
        if not journal.alive(other) or other.root != str(project.repository.root):
            continue
        if plan.overridden or other.params_backup:
            path = next(iter(plan.overridden), "the parameter file")
            raise ExecutionError(
                f"The run {other.name} is active in this work tree, and changing {path} now would "
                "change what one of the two reads.",
                hint="Run this one with --isolated, or wait.",
            )


def _check_out(project: Project, plan: Plan, root: Path, folder: Path) -> None:
    git = project.repository.git
    changes = {path: ("100644", write_blob(git, data)) for path, data in plan.overridden.items()}
    tree = build_tree(git, folder / "work.index", plan.snapshot.tree, changes)
    (folder / "work.index").unlink(missing_ok=True)
    commit = commit_tree(git, tree, [], "gitml: isolated work tree\n")
    add_worktree(project.repository, root, commit)
    link_data(project.repository.root, root, sorted(plan.data))


def _start(project: Project, entry: Entry, run: Run, meanwhile: Callable[[], None]) -> None:
    """Anchor the snapshot, which is too young to be collected until now, and do the rest."""

    def hold() -> None:
        git, zero = project.repository.git, project.repository.zero
        with suppress(ContentionError):  # a run that goes on has its anchor already
            update_ref(git, anchor(entry), run.plan.snapshot.tree, zero, "gitml")

    held = begin(hold)
    from gitml.operations.weights_staging import offer_staging

    offer_staging(project, entry.path)
    meanwhile()
    held()


def _now() -> str:
    """Return the time as RFC 3339, UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def _stamp(folder: Path) -> int:
    """Return the file system's own time, since its clock may differ from the machine's."""
    mark = folder / "started"
    mark.touch()
    return mark.stat().st_ctime_ns


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(_ESCAPES.sub("", text).splitlines()[-_TAIL_LINES:])
