"""Runs that are active in one work tree at the same time: whose file is whose?"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from gitml.errors import ExecutionError, RecordError
from gitml.execution import journal
from gitml.execution.journal import Entry
from gitml.execution.trace import read_trace
from gitml.operations.project import Project

_BESIDE = "beside"
_CLAIMS = "claims"


class Claim(msgspec.Struct, frozen=True):
    """What a run that has ended wrote, for those that were active at the same time."""

    name: str
    paths: tuple[str, ...]


def note_overlap(project: Project, entry: Entry) -> None:
    """Let this run and those that are active in the same work tree know of each other."""
    for other in journal.entries(project.runs_dir):
        if other.id != entry.id and other.root == entry.root and journal.alive(other):
            for one, beside in ((entry, other), (other, entry)):
                with suppress(OSError):
                    (one.path / _BESIDE).mkdir(exist_ok=True)
                    (one.path / _BESIDE / beside.id).touch()


def others_beside(entry: Entry) -> list[str]:
    """Return the ids of the runs that were active at the same time in the same work tree."""
    with suppress(OSError):
        return sorted(path.name for path in (entry.path / _BESIDE).iterdir())
    return []


def refuse_conflicts(project: Project, entry: Entry, written: Collection[str]) -> None:
    """Make sure that no run beside this one wrote a file that this one wrote, too.

    Raises:
        ExecutionError: if one did; it names both.
    """
    mine = set(written)
    for identity in others_beside(entry):
        folder = project.runs_dir / identity
        theirs = _claim(entry, folder)
        both = sorted(mine & set(theirs.paths)) if theirs else []
        if theirs is not None and both:
            raise ExecutionError(
                f"{entry.name} and {theirs.name} ran at the same time, and both wrote {both[0]}, "
                "so nobody can say whose it is.",
                hint="Run one of them again with --isolated: it then has a work tree of its own.",
            )
        if folder.is_dir():
            (folder / _CLAIMS).mkdir(exist_ok=True)
            claim = Claim(entry.name, tuple(sorted(mine)))
            (folder / _CLAIMS / entry.id).write_bytes(msgspec.json.encode(claim))


def _claim(entry: Entry, other: Path) -> Claim | None:
    """Return what the other run wrote: what it left for us when it ended, or its trace so far."""
    with suppress(OSError, msgspec.MsgspecError):
        data = (entry.path / _CLAIMS / other.name).read_bytes()
        return msgspec.json.decode(data, type=Claim)
    with suppress(RecordError):
        run = journal.load(other)
        top = f"{entry.root}/"
        paths = read_trace(other / journal.TRACE).written
        return Claim(run.name, tuple(p[len(top) :] for p in paths if p.startswith(top)))
    return None
