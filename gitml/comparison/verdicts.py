"""The verdict on two experiments, from the replicates of each.

Nothing of the statistics is loaded where both are single runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from gitml.comparison.metrics import compare_metrics
from gitml.comparison.replicates import Group
from gitml.comparison.result import Comparison, Repeated, Verdict
from gitml.experiment.record import Record
from gitml.history.rows import Goals
from gitml.values import Scalar, as_number

if TYPE_CHECKING:
    from gitml.comparison.statistics.replicates import Goal, Replicates

SINGLE = "Single run each: no estimate of noise."

Groups = tuple[Group, Group]


def with_verdict(
    found: Comparison, records: Sequence[Record], groups: Groups, goals: Goals
) -> Comparison:
    """Return a comparison of two experiments with the verdict, and what replicates say.

    Args:
        found: The comparison; they were measured on the same examples.
        records: Their records.
        groups: Each with its replicates.
        goals: What is better, and the smallest effects that matter.
    """
    names = names_of(found)
    if all(len(group.runs) == 1 for group in groups):
        return msgspec.structs.replace(found, verdict=_single(groups, goals))
    compared = compare_groups(groups, goals)
    verdict, repeated = _judged(compared, goals, names)
    declared = [
        msgspec.structs.replace(record, goals=goals.goals, primary=goals.primary)
        for record in records
    ]
    shown = {row.name for row in found.metrics}
    shown |= {name for name, one in repeated.items() if one.difference != 0}
    metrics = tuple(
        msgspec.structs.replace(row, repeated=repeated.get(row.name))
        for row in compare_metrics(declared, everything=True)
        if row.name in shown
    )
    notes = (*found.notes, *_notes(groups, names))
    return msgspec.structs.replace(found, verdict=verdict, metrics=metrics, notes=notes)


def names_of(found: Comparison) -> tuple[str, str]:
    """Return what sentences call two experiments, told apart by their commits if they must be."""
    one, other = found.experiments
    if one.experiment != other.experiment:
        return one.experiment, other.experiment
    return f"{one.experiment} {one.commit[:7]}", f"{other.experiment} {other.commit[:7]}"


def compare_groups(groups: Groups, goals: Goals) -> dict[str, Replicates]:
    """Return every number that both experiments have, compared over their replicates."""
    one, other = (group.runs[0].metrics for group in groups)
    return {
        name: compare_metric(groups, name, goals)
        for name in one
        if as_number(one[name]) is not None and as_number(other.get(name)) is not None
    }


def compare_metric(groups: Groups, name: str, goals: Goals) -> Replicates:
    """Return one metric of both, compared over their replicates; runs without it are left out."""
    from gitml.comparison.statistics.replicates import compare_replicates

    goal: Goal
    match goals.goals.get(name):
        case "max":
            goal = "max"
        case "min":
            goal = "min"
        case _:
            goal = ""
    sides = [
        [
            (value, run.seed)
            for run in group.runs
            if (value := _float(run.metrics.get(name))) is not None
        ]
        for group in groups
    ]
    (a, seeds_a), (b, seeds_b) = (
        ([value for value, _ in side], [seed for _, seed in side]) for side in sides
    )
    return compare_replicates(a, b, seeds_a=seeds_a, seeds_b=seeds_b, goal=goal, bootstrap=False)


def _judged(
    compared: dict[str, Replicates], goals: Goals, names: tuple[str, str]
) -> tuple[Verdict | None, dict[str, Repeated]]:
    from gitml.comparison.statistics.verdict import judge_all

    effect = goals.min_effects.get(goals.primary, 0.0)
    judged = judge_all(compared, primary=goals.primary, min_effect=effect, names=names)
    repeated = {
        one.metric: _repeated(one.comparison, one.adjusted_p, one.better)
        for one in judged.secondary
    }
    if judged.primary is None:
        return None, repeated
    primary = judged.primary
    better = {"better": True, "worse": False}.get(primary.kind)
    own = _repeated(primary.comparison, None, better)
    chance = primary.comparison.improvement if primary.goal else None
    verdict = Verdict(
        kind=primary.kind,
        sentence=primary.sentence,
        metric=primary.metric,
        goal=primary.goal,
        min_effect=primary.min_effect,
        means=own.means,
        deviations=own.deviations,
        runs=own.runs,
        difference=own.difference,
        interval=own.interval,
        confidence=own.confidence,
        pairs=own.pairs,
        more_seeds=primary.more_seeds,
        improvement=chance.probability if chance else None,
        improvement_interval=(chance.interval.low, chance.interval.high) if chance else None,
    )
    return verdict, {**repeated, primary.metric: own}


def _repeated(found: Replicates, adjusted_p: float | None, better: bool | None) -> Repeated:
    interval = found.interval
    return Repeated(
        means=(found.a.mean, found.b.mean),
        deviations=(found.a.deviation, found.b.deviation),
        runs=(found.a.n, found.b.n),
        not_finite=(found.a.not_finite, found.b.not_finite),
        difference=found.difference,
        interval=(interval.low, interval.high) if interval else None,
        confidence=interval.confidence if interval else None,
        pairs=found.pairs,
        adjusted_p=adjusted_p,
        better=better,
    )


def _single(groups: Groups, goals: Goals) -> Verdict | None:
    """Return that single runs say nothing about noise; None without a primary metric in both."""
    one, other = (_float(group.runs[0].metrics.get(goals.primary)) for group in groups)
    if one is None or other is None:
        return None
    step = other - one
    return Verdict(
        kind="single run",
        sentence=SINGLE,
        metric=goals.primary,
        goal=goals.goals.get(goals.primary, ""),
        min_effect=goals.min_effects.get(goals.primary, 0.0),
        means=(_finite(one), _finite(other)),
        deviations=(None, None),
        runs=(1, 1),
        difference=_finite(step),
        interval=None,
        confidence=None,
    )


def _notes(groups: Groups, names: tuple[str, str]) -> list[str]:
    notes = []
    for group, name in zip(groups, names, strict=True):
        if group.failed:
            runs = "1 run" if group.failed == 1 else f"{group.failed:,} runs"
            notes.append(f"{runs} like {name} failed, so the verdict doesn't count them.")
        if group.cut:
            notes.append(f"{name} has too many replicates: the newest ones are counted.")
    return notes


def _float(value: Scalar) -> float | None:
    number = as_number(value)
    if number is None:
        return None
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
