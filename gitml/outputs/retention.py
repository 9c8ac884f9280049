"""Which members of a series are stored, as `outputs.keep` in `gitml.yaml` says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from gitml.config import Retention
from gitml.outputs.history import HistoryLine
from gitml.outputs.series import Unit, value_in_name
from gitml.values import Scalar


class Member(msgspec.Struct, frozen=True):
    """One member of a series, as it was found.

    Attributes:
        unit: Its path and its numbers.
        time: When it was written, nanoseconds since 1970.
        size: Bytes.
        step: The step that `save_weights` was given; it counts before those of the name.
        metrics: The metrics that it was given.
    """

    unit: Unit
    time: int
    size: int
    step: int | None = None
    metrics: Mapping[str, Scalar] = {}

    @property
    def path(self) -> str:
        """Where it is."""
        return self.unit.path


class Choice(msgspec.Struct, frozen=True):
    """What a rule says about a series.

    Attributes:
        kept: Paths of the members that are stored.
        why_not: Why the rule could not be applied, so that all are; empty if it could.
    """

    kept: frozenset[str]
    why_not: str = ""


def choose(
    members: Sequence[Member],
    rule: Retention,
    history: Sequence[HistoryLine],
    metric: str,
    goal: str,
) -> Choice:
    """Return which members of a series are stored.

    Args:
        members: Of one series.
        rule: How many of which.
        history: The run's metrics over steps.
        metric: Name of the metric that says what is best.
        goal: `max` or `min`.
    """
    every = frozenset(member.path for member in members)
    ordered = in_order(members)
    kept = {member.path for member in ordered[len(ordered) - min(rule.last, len(ordered)) :]}
    if not rule.best or len(members) <= rule.best:
        return Choice(frozenset(kept) if not rule.best else every)
    values: dict[str, float] = {}
    for member in ordered:
        value = _value(member, metric, history)
        if value is None:
            return Choice(every, f"{metric} is not known for {member.path}")
        values[member.path] = value

    def rank(place: int) -> tuple[float, int]:
        value = values[ordered[place].path]
        worst = math.isnan(value) or math.isinf(value)
        return math.inf if worst else -value if goal == "max" else value, -place

    best = sorted(range(len(ordered)), key=rank)[: rule.best]  # of equal ones the later
    return Choice(frozenset(kept | {ordered[place].path for place in best}))


def in_order(members: Sequence[Member]) -> list[Member]:
    """Return the members in the order of their steps, or as they were written if one has none."""
    for number in (_given_step, _named_step, _named_epoch):
        steps = {member.path: number(member) for member in members}
        if None not in steps.values():
            return sorted(members, key=lambda member: (steps[member.path], member.time))
    return sorted(members, key=lambda member: (member.time, member.path))


def _value(member: Member, metric: str, history: Sequence[HistoryLine]) -> float | None:
    """Return a metric as it was when a member was written; None where that isn't known."""
    if metric in member.metrics:
        return _number(member.metrics[metric])
    named = value_in_name(member.path, metric)
    if named is not None:
        return named
    if member.step is not None:
        return _at(history, metric, step=member.step)
    step, epoch = member.unit.step, member.unit.epoch
    found = None if step is None else _at(history, metric, step=step)
    if found is not None or epoch is None:
        return found
    if any("epoch" in line.values for line in history):
        return _at(history, metric, epoch=epoch)
    return _at(history, metric, step=epoch)


def _at(
    history: Sequence[HistoryLine],
    metric: str,
    *,
    step: int | None = None,
    epoch: int | None = None,
) -> float | None:
    """Return the last value of a metric at exactly this step, or in this epoch."""
    for line in reversed(history):
        here = line.step == step if epoch is None else line.values.get("epoch") == epoch
        if here and metric in line.values:
            return _number(line.values[metric])
    return None


def _number(value: Scalar) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)  # "NaN" and "Infinity" are spelled as text
    except (ValueError, OverflowError):
        return None


def _given_step(member: Member) -> int | None:
    return member.step


def _named_step(member: Member) -> int | None:
    return member.unit.step


def _named_epoch(member: Member) -> int | None:
    return member.unit.epoch
