"""A run that is not recorded yet: what the journal keeps of it, and forgetting it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gitml import faults
from gitml.execution import journal
from gitml.execution.journal import Entry
from gitml.experiment.record import Nearest
from gitml.git.commits import delete_ref
from gitml.git.trees import list_tree
from gitml.git.worktree import remove_worktree
from gitml.inputs.code import TreeEntry
from gitml.operations.naming import release_name
from gitml.operations.plan import Plan
from gitml.operations.project import Project

_DOCUMENT = "run.json"


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
        telling: Names of the settings that tell it from that one.
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
    telling: tuple[str, ...] = ()


def close_run(project: Project, entry: Entry, run: Run | None, *, released: bool = False) -> None:
    """Forget a run: its anchor (unless that is released), its isolated work tree, its journal."""
    faults.reach("journal.closing")
    if run is not None and run.isolated:
        remove_worktree(project.repository, Path(run.root))
    if not released:
        delete_ref(project.repository.git, anchor(entry))
    release_name(project, entry.study, entry.name)
    journal.close(entry)


def anchor(entry: Entry) -> str:
    """Return the reference that keeps a run's snapshot from being garbage-collected."""
    return f"refs/gitml/tmp/{entry.id}"


def keep_run(entry: Entry, run: Run) -> None:
    """Write a run into its journal.

    Raises:
        StorageError: if it can't be written.
    """
    # The files of the snapshot are in its tree.
    plan = msgspec.structs.replace(
        run.plan, entries=(), snapshot=msgspec.structs.replace(run.plan.snapshot, entries=())
    )
    lean = msgspec.structs.replace(run, plan=plan)
    journal.write_document(entry, _DOCUMENT, msgspec.json.encode(lean))


def load_run(project: Project, entry: Entry) -> Run:
    """Return what the journal knows of a run.

    Raises:
        RecordError: if it was cut off before the run was written down.
        GitFailed: if the tree of its snapshot is gone.
    """
    run = journal.read_document(entry, _DOCUMENT, Run)
    entries = tuple(
        TreeEntry(path=found.path, mode=found.mode, oid=found.oid)
        for found in list_tree(project.repository.git, run.plan.snapshot.tree)
    )
    return msgspec.structs.replace(run, plan=msgspec.structs.replace(run.plan, entries=entries))
