"""How a run's command ended, written down even on a full disk.

Room for it is set aside before the command starts, and it is written in place.
"""

from __future__ import annotations

import os

import msgspec

from gitml.errors import RecordError
from gitml.execution import journal
from gitml.execution.journal import Entry
from gitml.execution.launch import Outcome
from gitml.experiment.record import Segment
from gitml.storage.durable import disk_errors

_FILE = "ended.json"
_ROOM = 4096


class LastWord(msgspec.Struct, frozen=True):
    """How a stretch of a run ended.

    Attributes:
        state: `finished`, or `interrupted` when somebody stopped it.
        segment: The stretch.
        seconds: How long it took.
        trouble: Sentences about output that could not be logged.
    """

    state: str
    segment: Segment
    seconds: float
    trouble: tuple[str, ...] = ()


def make_room(entry: Entry) -> None:
    """Set the room aside, and forget how an earlier stretch ended.

    Raises:
        StorageError: if there is none.
    """
    journal.write_document(entry, _FILE, b" " * _ROOM)


def write_last_word(entry: Entry, outcome: Outcome) -> None:
    """Write down how the command ended, into the room that was set aside.

    Raises:
        StorageError: if even that fails.
    """
    segment = Segment(outcome.started, outcome.ended, os.uname().nodename, outcome.exit_status)
    state = "interrupted" if outcome.interrupted else "finished"
    word = LastWord(state, segment, outcome.seconds, outcome.trouble[:3])
    data = msgspec.json.encode(word)[:_ROOM].ljust(_ROOM)
    path = entry.path / _FILE
    with disk_errors(f"write {path}", entry.path), path.open("r+b", buffering=0) as file:
        file.write(data)
        os.fsync(file.fileno())


def take_last_word(entry: Entry) -> Entry:
    """Bring the journal up to date with how the command ended.

    A run whose end nobody saw, because gitml itself was killed, is `interrupted`.

    Raises:
        StorageError: if the journal can't be written.
    """
    if entry.state != "running":
        return entry
    try:
        word = journal.read_document(entry, _FILE, LastWord)
    except RecordError:
        started = str(entry.options.get("started", ""))
        word = LastWord("interrupted", Segment(started, host=os.uname().nodename), 0.0)
    return journal.update(
        entry,
        state=word.state,
        segments=(*entry.segments, msgspec.to_builtins(word.segment)),
        seconds=entry.seconds + word.seconds,
        options={**entry.options, "trouble": [*word.trouble]},
    )
