"""The verdict on a comparison of replicates, as a word and as a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from gitml.comparison.statistics.intervals import Interval
from gitml.comparison.statistics.replicates import (
    MOST_SEEDS,
    Goal,
    Replicates,
    seeds_needed,
)
from gitml.comparison.statistics.wording import count, spell, spell_interval
from gitml.errors import UsageError

Kind = Literal["better", "worse", "practically the same", "can't tell", "single run"]


class Verdict(msgspec.Struct, frozen=True):
    """What can be said about B, compared with A, on one metric.

    Attributes:
        kind: `better` or `worse` when the interval of the difference excludes 0,
            `practically the same` when it lies within ±`min_effect` (which comes first),
            `can't tell`, or `single run` (one replicate on a side: no interval, no p-value).
        sentence: The verdict in words, with the numbers behind it.
        metric: Name.
        goal: `max`, `min`, or empty: without a goal nothing is better or worse.
        min_effect: The smallest difference that matters, in the metric's unit; 0 for any.
        comparison: The numbers.
        more_seeds: For `can't tell`: about how many more seeds each arm needs for an even chance
            of a verdict, or `more than 100`; None when that isn't known.
    """

    kind: Kind
    sentence: str
    metric: str
    goal: Goal
    min_effect: float
    comparison: Replicates
    more_seeds: int | str | None = None


class Secondary(msgspec.Struct, frozen=True):
    """A metric that isn't the primary one: an interval, and a p-value corrected for their number.

    Attributes:
        metric: Name.
        comparison: The numbers; their interval and p-value are not corrected.
        adjusted_p: Holm's adjusted p-value over all secondary metrics; None without an interval.
        better: Whether B is better with the correction; None where that can't be told.
    """

    metric: str
    comparison: Replicates
    adjusted_p: float | None
    better: bool | None


class Verdicts(msgspec.Struct, frozen=True):
    """All metrics of a comparison of replicates.

    Attributes:
        primary: The verdict on the primary metric; None when there is no such metric.
        secondary: The others, by name.
    """

    primary: Verdict | None
    secondary: tuple[Secondary, ...]


def judge(
    metric: str,
    found: Replicates,
    *,
    min_effect: float = 0.0,
    names: tuple[str, str] = ("A", "B"),
) -> Verdict:
    """Return the verdict on B, compared with A.

    Args:
        metric: Name, for the sentence.
        found: Their comparison; its goal says which direction is better.
        min_effect: The smallest difference that matters, in the metric's unit.
        names: What the sentence calls A and B.

    Raises:
        UsageError: if `min_effect` is negative or not finite.
    """
    if not 0 <= min_effect < math.inf:
        raise UsageError(
            f"The smallest effect of {metric} is {min_effect}, which makes no sense.",
            hint="Use 0 or a positive number in the metric's unit.",
        )
    kind, more = _kind(found, min_effect)
    sentence = _sentence(kind, metric, found, min_effect, names, more) + _chance(found, names)
    return Verdict(kind, sentence, metric, found.goal, min_effect, found, more)


def judge_all(
    found: Mapping[str, Replicates],
    *,
    primary: str,
    min_effect: float = 0.0,
    names: tuple[str, str] = ("A", "B"),
) -> Verdicts:
    """Return the verdict on the primary metric, and Holm-corrected p-values of all others.

    Args:
        found: Metric → comparison of its replicates.
        primary: Name of the metric that was chosen before looking; empty for none.
        min_effect: Of the primary metric, in its unit.
        names: What the sentence calls A and B.
    """
    verdict = None
    if primary in found:
        verdict = judge(primary, found[primary], min_effect=min_effect, names=names)
    others = sorted(name for name in found if name != primary)
    tested = [(name, p) for name in others if (p := found[name].p_value) is not None]
    adjusted = dict(zip((name for name, _ in tested), holm([p for _, p in tested]), strict=True))
    rows = []
    for name in others:
        adjusted_p = adjusted.get(name)
        rows.append(Secondary(name, found[name], adjusted_p, _better(found[name], adjusted_p)))
    return Verdicts(verdict, tuple(rows))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p-values, in the order given (Holm 1979).

    The smallest is multiplied by their number, the next by one less, and so on; none is smaller
    than the one before it. The chance of any false alarm stays below the level, whatever the
    dependence between the metrics.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def worse_by_more_than(interval: Interval | None, margin: float, *, goal: Goal) -> bool | None:
    """Return whether B is worse than A by more than a margin: the question of a gate in CI.

    Args:
        interval: Of the difference, B minus A.
        margin: In the metric's unit, 0 or more.
        goal: `max` or `min`.

    Returns:
        True when the whole interval is worse by more than `margin`, False when none of it is,
        None when it can't be told.
    """
    if interval is None or not goal:
        return None
    loss = (-interval.high, -interval.low) if goal == "max" else (interval.low, interval.high)
    if loss[0] > margin:
        return True
    return False if loss[1] <= margin else None


def _kind(found: Replicates, min_effect: float) -> tuple[Kind, int | str | None]:
    interval = found.interval
    if found.reason == "single run":
        return "single run", None
    if interval is None:
        return "can't tell", None
    if -min_effect < interval.low and interval.high < min_effect:
        return "practically the same", None
    if interval.low <= 0 <= interval.high:
        more = seeds_needed(found, min_effect=min_effect)
        return "can't tell", f"more than {MOST_SEEDS}" if more is None else more
    if not found.goal:
        return "can't tell", None
    return ("better" if (interval.low > 0) == (found.goal == "max") else "worse"), None


def _better(found: Replicates, adjusted_p: float | None) -> bool | None:
    if adjusted_p is None or found.interval is None or not found.goal or not found.difference:
        return None
    if adjusted_p > 1 - found.interval.confidence:
        return None
    return (found.difference > 0) == (found.goal == "max")


def _sentence(
    kind: Kind,
    metric: str,
    found: Replicates,
    min_effect: float,
    names: tuple[str, str],
    more: int | str | None,
) -> str:
    if found.interval is None:
        return _without_interval(metric, found, names)
    how = f"{spell_interval(found.interval)}; {_runs(found)}"
    if kind == "practically the same":
        return f"Practically the same: {metric} differs by less than {min_effect:g} ({how})."
    step = _step(metric, found, names[1])
    if kind in ("better", "worse"):
        small = abs(found.difference or 0) < min_effect or _reaches(found.interval, min_effect)
        doubt = f" The difference may be smaller than the {min_effect:g} that matters."
        return f"{names[1]} is {kind}: {step} ({how}).{doubt if small else ''}"
    if not found.goal and more is None:
        return (
            f"Can't tell which is better: {step} ({how}), but nothing says whether higher is "
            f"better. Declare a goal for {metric} under metrics in gitml.yaml."
        )
    if not found.difference and not isinstance(more, int):
        advice = f"min_effect of {metric} in gitml.yaml says which differences matter."
        if min_effect:
            advice = f"It would take {more} more seeds each to rule out {min_effect:g}."
        return f"Can't tell: {step}, and either may be ahead ({how}). {advice}"
    if isinstance(more, int):
        seeds = count(more, "more seed")
        advice = f"About {seeds} each would settle a difference of this size half of the time."
    else:
        advice = f"A difference of this size would need {more} more seeds each."
    return f"Can't tell: {step}, which may be noise ({how}). {advice}"


def _chance(found: Replicates, names: tuple[str, str]) -> str:
    """Return how likely the next run of B beats the next one of A; empty where that isn't known."""
    improvement = found.improvement
    if improvement is None or not found.goal:
        return ""
    low, share, high = (
        f"{100 * value:.0f} %"
        for value in (improvement.interval.low, improvement.probability, improvement.interval.high)
    )
    return (
        f" A run of {names[1]} beats one of {names[0]} in {share} of all pairs "
        f"({improvement.interval.confidence * 100:g} % interval {low} to {high})."
    )


def _without_interval(metric: str, found: Replicates, names: tuple[str, str]) -> str:
    step = _step(metric, found, names[1])
    if found.reason == "single run":
        few = [
            f"{name} has {count(arm.n, 'run')}"
            for name, arm in zip(names, (found.a, found.b), strict=True)
        ]
        return (
            f"Single run: {step}, and nothing says how much of that is noise "
            f"({' and '.join(few)}). Run both with other seeds."
        )
    if found.reason == "no variation":
        return (
            f"Can't tell: {step}, but {metric} is the same in all runs of each, so that their "
            "seeds say nothing about noise."
        )
    if found.reason == "no values":
        return f"Can't tell: {metric} wasn't recorded on both sides."
    lost = [
        f"{count(arm.not_finite, 'run')} of {name}"
        for name, arm in zip(names, (found.a, found.b), strict=True)
        if arm.not_finite
    ]
    return (
        f"Can't tell: {metric} is not a finite number in {' and '.join(lost)}, and leaving "
        "those out would flatter the rest."
    )


def _step(metric: str, found: Replicates, name: str) -> str:
    step = found.difference or 0.0
    if step == 0:
        return f"{metric} is the same in {name} on average"
    width = found.interval.half_width if found.interval else 0.0
    return f"{metric} is {spell(abs(step), width)} {'higher' if step > 0 else 'lower'} in {name}"


def _runs(found: Replicates) -> str:
    if found.pairs:
        return f"{count(found.pairs, 'pair')} of runs with the same seed, paired t"
    return f"{found.a.n:,} against {found.b.n:,} runs, Welch t"


def _reaches(interval: Interval, min_effect: float) -> bool:
    return min(abs(interval.low), abs(interval.high)) < min_effect
