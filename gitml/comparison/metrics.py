"""Metrics side by side: what changed, and whether that is better."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gitml.comparison.result import Metric
from gitml.comparison.sides import absent, equal, line_up, names_of
from gitml.experiment.record import Record
from gitml.values import Scalar, as_number, to_json


def compare_metrics(records: Sequence[Record], *, everything: bool) -> tuple[Metric, ...]:
    """Return the metrics, the primary one first; equal ones only if `everything` is wanted."""
    sides = [record.metrics for record in records]
    goals, primary = goals_of(records)
    names = sorted(names_of(sides), key=lambda name: name != primary)
    rows = []
    for name in names:
        values, missing = line_up(sides, name), absent(sides, name)
        if everything or not equal(values, missing):
            row = _metric(name, values, missing, goals.get(name, ""), name == primary)
            rows.append(row)
    return tuple(rows)


def goals_of(records: Sequence[Record]) -> tuple[dict[str, str], str]:
    """Return the goals and the primary metric; what the newest record says holds."""
    goals: dict[str, str] = {}
    primary = ""
    for record in sorted(records, key=lambda record: record.created):
        goals.update(record.goals)
        primary = record.primary or primary
    return goals, primary


def _metric(
    name: str,
    values: tuple[Scalar, ...],
    missing: tuple[bool, ...],
    goal: str,
    primary: bool,
) -> Metric:
    numbers = [_finite(value) for value in values]
    changes = (None, *(_step(numbers[0], number) for number in numbers[1:]))
    change = changes[1] if len(values) == 2 else None
    better = None
    if len(values) == 2 and goal and change:
        better = (change > 0) == (goal == "max")
    return Metric(
        name=name,
        values=tuple(map(to_json, values)),
        missing=missing,
        change=change,
        better=better,
        goal=goal,
        primary=primary,
        changes=changes,
        best=_best(numbers, goal),
    )


def _finite(value: Scalar) -> float | int | None:
    number = as_number(value)
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return number


def _step(first: float | int | None, second: float | int | None) -> float | int | None:
    if first is None or second is None:
        return None
    try:
        step = second - first
    except OverflowError:
        return None
    return step if isinstance(step, int) or math.isfinite(step) else None


def _best(numbers: Sequence[float | int | None], goal: str) -> int | None:
    known = [(number, place) for place, number in enumerate(numbers) if number is not None]
    if not goal or not known:
        return None
    choose = max if goal == "max" else min
    top = choose(number for number, _ in known)
    places = [place for number, place in known if number == top]
    return places[0] if len(places) == 1 else None
