"""One experiment as lists, queries and names see it: a row of the index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gitml.values import Scalar

UNREADABLE = "unreadable"

Progress = Callable[[int, int], None]
"""Takes (done, total)."""


class Row(msgspec.Struct, frozen=True):
    """One experiment.

    Attributes:
        commit: Id of its commit.
        experiment: Its name.
        study: The study whose line it is on.
        status: `completed`, `failed`, or `unreadable` (see `problem`).
        created: RFC 3339 time at which the run started (the commit's time when that is unknown).
        started: The same, seconds since the epoch.
        committed: Commit date, seconds since the epoch.
        position: Its place in the study's line; the newest has the highest.
        author: Name of the commit's author.
        mail: Mail address of the commit's author.
        params: All settings, flat.
        metrics: Flat names → last values; non-finite ones as strings.
        fingerprint: Digest over everything that determined the result.
        lookup: Digest over what is known before a run.
        digests: One digest per input component.
        reusable: Whether it counts as recorded before.
        seconds: Duration of the run.
        base: Commit that the user stood on, or empty.
        primary: Name of its primary metric, or empty.
        tags: What it was tagged with since.
        notes: What was noted about it since, oldest first.
        hidden: Whether it was hidden since.
        complete: False when only the commit is here (a clone without trees), so that settings and
            metrics are not known; `Index.record` fetches them.
        problem: What is wrong with its record, or empty.
    """

    commit: str
    experiment: str
    study: str
    status: str
    created: str
    started: float
    committed: int
    position: int
    author: str
    mail: str
    params: dict[str, Scalar]
    metrics: dict[str, Scalar]
    fingerprint: str
    lookup: str
    digests: dict[str, str]
    reusable: bool
    seconds: float = 0.0
    base: str = ""
    primary: str = ""
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hidden: bool = False
    complete: bool = True
    problem: str = ""


class Event(msgspec.Struct, frozen=True):
    """Something that was said about an experiment after it was recorded.

    Attributes:
        commit: Id of the event's own commit.
        kind: `note`, `tag`, `hide`, `rerun` or `evaluation`.
        about: Commit of the experiment.
        author: Who said it.
        mail: Their mail address.
        committed: When, seconds since the epoch.
        body: What; its keys depend on the kind.
    """

    commit: str
    kind: str
    about: str
    author: str
    mail: str
    committed: int
    body: dict[str, Any]


class Lost(msgspec.Struct, frozen=True):
    """A line that was recorded and that no branch reaches any more.

    Attributes:
        study: The study it belonged to.
        ref: The branch that pointed at it.
        tip: Where it pointed; `git branch <name> <tip>` brings the line back while Git has it.
        experiments: Names of experiments that are in no study any more (at most 100).
        noticed: When this was seen, seconds since the epoch.
    """

    study: str
    ref: str
    tip: str
    experiments: tuple[str, ...]
    noticed: float


class Goals(msgspec.Struct, frozen=True):
    """What a study optimises.

    Attributes:
        primary: Name of the primary metric, or empty.
        goals: Metric name → `max` or `min`.
        min_effects: Metric name → the smallest difference that matters, in its unit.
    """

    primary: str = ""
    goals: dict[str, str] = {}
    min_effects: dict[str, float] = {}

    @property
    def goal(self) -> str:
        """`max` or `min` for the primary metric, or empty when there is none."""
        return self.goals.get(self.primary, "")
