"""Everything that `gitml fsck` saw, put into one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gitml.history.index import Row
from gitml.operations.fsck_objects import Objects
from gitml.operations.fsck_remote import OnRemote
from gitml.operations.fsck_values import Checked, Fault, FsckRequest, GitProblem, Trouble
from gitml.operations.needs import agreed_size


class Stored(msgspec.Struct, frozen=True):
    """What was seen of storage.

    Attributes:
        objects: Of the cache; None where DVC isn't set up.
        faults: What is wrong there, and what is lost.
        remote: Of a remote; None where none was looked at.
    """

    objects: Objects | None = None
    faults: tuple[Fault, ...] = ()
    remote: OnRemote | None = None

    @property
    def everything(self) -> tuple[Fault, ...]:
        """What is wrong, here and on the remote."""
        return (*self.faults, *(self.remote.faults if self.remote else ()))


class Seen(msgspec.Struct, frozen=True):
    """Everything besides storage.

    Attributes:
        rows: The experiments that were looked at.
        troubles: What is wrong with them.
        problems: What is wrong with branches, the index, runs.
        notes: Sentences that users should see.
    """

    rows: tuple[Row, ...]
    troubles: tuple[Trouble, ...]
    problems: tuple[GitProblem, ...]
    notes: tuple[str, ...]


def report(
    request: FsckRequest, seen: Seen, stored: Stored, faults: Sequence[Fault] | None = None
) -> Checked:
    """Return the answer.

    Args:
        request: What was asked.
        seen: What was seen besides storage.
        stored: What was seen of storage last.
        faults: What is wrong with objects, where that isn't what was seen last.
    """
    objects = stored.objects
    here = objects.here if objects else {}
    uses = objects.uses if objects else {}
    needs = objects.needs if objects else {}
    idle = [one for digest, one in here.items() if digest not in uses]
    bad: Mapping[str, str] = objects.bad if objects else {}
    away = [digest for digest in (objects.away if objects else ()) if digest not in bad]
    return Checked(
        studies=tuple(dict.fromkeys(row.study for row in seen.rows)),
        experiments=len(seen.rows),
        objects=len(here),
        size=sum(one.size for one in here.values()),
        read=not request.fast,
        away=len(away),
        away_size=sum(agreed_size(needs[digest]) or 0 for digest in away),
        dropped=len(objects.dropped) if objects else 0,
        unneeded=len(idle),
        unneeded_size=sum(one.size for one in idle),
        remote=stored.remote.checked if stored.remote else None,
        troubles=seen.troubles,
        faults=tuple(stored.everything if faults is None else faults),
        problems=seen.problems,
        unknown=tuple(_unknown(stored)),
        notes=seen.notes,
    )


def _unknown(stored: Stored) -> list[str]:
    found = []
    objects, remote = stored.objects, stored.remote
    count = len(objects.lost - objects.bad.keys()) if objects is not None else 0
    if objects is not None and objects.unknown and count:
        some = "1 object is" if count == 1 else f"{count:,} objects are"
        it = "it" if count == 1 else "them"
        found.append(
            f"{some} not here, and whether the remote has {it} isn't known: {objects.unknown}"
        )
    if remote is not None and remote.unknown:
        found.append(f"The remote {remote.checked.name} can't be looked at: {remote.unknown}")
    return found
