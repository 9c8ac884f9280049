"""Recording runs whose recording was interrupted, and tidying up after those that were killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from gitml.errors import ExecutionError, GitmlError, RecordError
from gitml.execution import journal
from gitml.execution.borrowed import restore_params
from gitml.execution.journal import Entry
from gitml.experiment.message import RUN
from gitml.git.log import list_refs
from gitml.history.index import Index, open_index
from gitml.history.walk import walk
from gitml.operations.last_word import take_last_word
from gitml.operations.pending import close_run, load_run
from gitml.operations.project import Project, open_project
from gitml.operations.recording import record_run
from gitml.operations.rerun_tree import tidy


class Recovered(msgspec.Struct, frozen=True):
    """What became of one interrupted run.

    Attributes:
        outcome: `recorded`, `already recorded`, `abandoned` (it never started), `interrupted`
            (the command was cut off: it can be resumed), or why it could not be recorded.
    """

    run_id: str
    experiment: str
    commit: str
    outcome: str


def recover(start: Path, say: Callable[[str], None]) -> list[Recovered]:
    """Finish what interrupted runs left behind.

    Running it again does no harm: what is recorded already is recognised.
    """
    project = open_project(start)
    tidy(project.repository)
    found: list[Recovered] = []
    for entry in journal.entries(project.runs_dir):
        try:
            entry = journal.adopt(entry)
        except (ExecutionError, RecordError):
            continue  # it is alive, or another process is recovering it
        for sentence in restore_params(entry):
            say(sentence)
        with open_index(project.repository) as index:
            found.append(_recover_one(project, index, entry, say))
    return found


def _recover_one(
    project: Project, index: Index, entry: Entry, say: Callable[[str], None]
) -> Recovered:
    try:
        run = load_run(project, entry)
    except RecordError:
        close_run(project, entry, None)
        return Recovered(entry.id, entry.name, "", "abandoned")
    entry = take_last_word(entry)
    if entry.state == "planned":
        close_run(project, entry, run)
        return Recovered(entry.id, entry.name, "", "abandoned")
    if entry.state in ("running", "interrupted"):
        return Recovered(entry.id, entry.name, "", "interrupted")
    commit = _already(project, entry)
    if commit:
        close_run(project, entry, run)
        return Recovered(entry.id, entry.name, commit, "already recorded")
    if entry.exit_status and not run.keep_failed:
        close_run(project, entry, run)
        return Recovered(entry.id, entry.name, "", "failed")
    try:
        recorded = record_run(project, index, entry, run, say)
    except GitmlError as error:
        return Recovered(entry.id, entry.name, "", f"not recorded: {error.message} {error.hint}")
    return Recovered(entry.id, recorded.record.name, recorded.commit, "recorded")


def _already(project: Project, entry: Entry) -> str:
    """Return the commit that this very run landed as before it was cut off."""
    ref = f"refs/heads/exp/{entry.study}"
    tip = list_refs(project.repository.git, ref).get(ref, "")
    if not tip:
        return ""
    for step in walk(project.repository, tip, known=()):
        if step.header.trailers.get(RUN) == entry.id:
            return step.commit.oid
    return ""
