"""Attestations: what reruns of an experiment said, from the `rerun` events about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gitml.history.rows import Event
from gitml.values import Scalar

if TYPE_CHECKING:
    from gitml.history.index import Index

KIND = "rerun"
SCHEMA = 1

_LONGEST = 300
_MOST = 25


class Attested(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that differed.

    Attributes:
        kind: `input`, `environment`, `metric`, `weights` or `output`.
        name: Of the library, file, setting, fact, metric or output.
        recorded: Its value in the experiment, or null.
        rerun: Its value in the rerun, or null.
        decides: Whether it spoke against a reproduction.
    """

    kind: str
    name: str
    recorded: Scalar = None
    rerun: Scalar = None
    decides: bool = False


class Statement(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON body of a `rerun` event. Fields may be added; none is renamed.

    Attributes:
        verdict: Whether it reproduced.
        tolerance: Relative tolerance of the metrics.
        seconds: How long the rerun's command took.
        exit_status: Of the command; negative for a signal.
        interpreter: `locked` (an environment built from the lock file), `here` (one that was
            there; `differing` says where it isn't what the experiment had), or `none`.
        python: Its version.
        platform: System and machine, such as `Linux x86_64`.
        cpu: Model of the processor.
        gpu: Names of the graphics processors.
        host: Name of the machine.
        differing: What differed, inputs first; at most 25 of them.
        more: How many more differed.
        first: The first thing that differed, in words.
        compared: Number of `weights`, `metrics` and `outputs` that were compared.
        log: `sha256:<hex>` of what the command printed, credentials masked.
        gitml: Version of gitml.
        schema: Version of this description.
    """

    verdict: Literal["reproduced", "reproduced within tolerance", "not reproduced"]
    tolerance: float = 0.0
    seconds: float = 0.0
    exit_status: int = 0
    interpreter: str = ""
    python: str = ""
    platform: str = ""
    cpu: str = ""
    gpu: tuple[str, ...] = ()
    host: str = ""
    differing: tuple[Attested, ...] = ()
    more: int = 0
    first: str = ""
    compared: dict[str, int] = {}
    log: str = ""
    gitml: str = ""
    schema: int = SCHEMA

    @property
    def reproduced(self) -> bool:
        """Whether it did, bit for bit or within the tolerance."""
        return self.verdict != "not reproduced"


class Attestation(msgspec.Struct, frozen=True):
    """What somebody's rerun of an experiment said.

    Attributes:
        commit: Id of the event's commit.
        about: Commit of the experiment.
        author: Who ran it again.
        mail: Mail address of the author.
        committed: When, seconds since the epoch.
        statement: What it said.
    """

    commit: str
    about: str
    author: str
    mail: str
    committed: int
    statement: Statement


def attestations(index: Index, commit: str) -> tuple[Attestation, ...]:
    """Return what reruns of an experiment said, the oldest first; malformed ones are left out.

    Args:
        index: What is recorded.
        commit: Full id of the experiment's commit.
    """
    return from_events(index.events(commit))


def from_events(events: Iterable[Event]) -> tuple[Attestation, ...]:
    """Return the attestations among events, in their order; malformed ones are left out."""
    found = []
    for event in events:
        statement = read_statement(event.body) if event.kind == KIND else None
        if statement is not None:
            found.append(
                Attestation(
                    event.commit, event.about, event.author, event.mail, event.committed, statement
                )
            )
    return tuple(found)


def read_statement(body: dict[str, Any]) -> Statement | None:
    """Return the statement that the body of an event makes, or None if it makes none."""
    try:
        return msgspec.convert(body, Statement)
    except (msgspec.ValidationError, RecursionError):
        return None


def body_of(statement: Statement) -> dict[str, Any]:
    """Return the body of an event for a statement, cut to a bounded size."""
    differing = statement.differing[:_MOST]
    cut = msgspec.structs.replace(
        statement,
        differing=tuple(_shortened(item) for item in differing),
        more=statement.more + len(statement.differing) - len(differing),
        first=statement.first[:_LONGEST],
        cpu=statement.cpu[:_LONGEST],
        gpu=tuple(name[:_LONGEST] for name in statement.gpu[:_MOST]),
    )
    body: dict[str, Any] = msgspec.to_builtins(cut)
    return {**body, "schema": cut.schema}


def _shortened(item: Attested) -> Attested:
    return msgspec.structs.replace(
        item,
        name=item.name[:_LONGEST],
        recorded=_cut(item.recorded),
        rerun=_cut(item.rerun),
    )


def _cut(value: Scalar) -> Scalar:
    return value[:_LONGEST] if isinstance(value, str) else value
