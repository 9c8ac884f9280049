"""Two arms of replicates (runs that differ in their seed only): the difference of their means.

The interval is Welch's, with the degrees of freedom of Welch and Satterthwaite (Welch 1947), or
the paired one where both arms have the same seeds. Percentile and z intervals are not used: with
few seeds they cover less than they promise (see docs/explanation/statistics.md).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Literal

import msgspec

from gitml.comparison.statistics.bootstrap import bca_interval
from gitml.comparison.statistics.distributions import student_t_quantile, student_t_tail
from gitml.comparison.statistics.improvement import Improvement, probability_of_improvement
from gitml.comparison.statistics.intervals import CONFIDENCE, Interval, checked_confidence
from gitml.errors import UsageError

Goal = Literal["max", "min", ""]
Reason = Literal["", "single run", "no values", "not finite", "no variation"]

MOST_SEEDS = 100
# Values beyond it can't be squared in a float, so they are taken for infinite.
_LARGEST = 1e150
# Deviations below this share of the values are rounding, not variation.
_ROUNDING = 1e-12
_MOST_RESAMPLED = 1_000


class Sample(msgspec.Struct, frozen=True):
    """One arm: the values that a metric took over the replicates.

    Attributes:
        n: Replicates with a finite value; runs that repeat a seed are averaged into one.
        mean: In the metric's unit; None without any.
        deviation: Sample standard deviation (n - 1); None with fewer than two.
        smallest: None without any.
        largest: None without any.
        not_finite: Runs whose value is NaN, infinite, or beyond 1e150.
        repeated: Runs that repeat a seed of this arm.
    """

    n: int
    mean: float | None
    deviation: float | None
    smallest: float | None
    largest: float | None
    not_finite: int = 0
    repeated: int = 0


class Replicates(msgspec.Struct, frozen=True):
    """Two arms compared on one metric.

    Attributes:
        a: The first arm.
        b: The second arm.
        difference: Mean of B minus mean of A; None unless both have a finite value.
        interval: Of the difference; None when `reason` says why.
        reason: Why there is no interval: `single run` (one replicate on a side), `no values`,
            `not finite` (a run diverged: leaving it out would flatter its arm), or `no variation`
            (all runs of each arm gave the same value, so that they say no more than one).
        standard_error: Of the difference.
        degrees: Degrees of freedom of the t distribution.
        p_value: Two-sided, for no difference; None without an interval.
        pairs: Pairs of runs with the same seed, when the interval is the paired one; else 0.
        pair_deviation: Standard deviation of the differences of pairs.
        improvement: From five runs on each side.
        bootstrap: BCa interval of the difference, from 20 runs on each side.
        goal: `max`, `min`, or empty when it isn't known which is better.
    """

    a: Sample
    b: Sample
    difference: float | None
    interval: Interval | None
    reason: Reason
    goal: Goal = ""
    standard_error: float | None = None
    degrees: float | None = None
    p_value: float | None = None
    pairs: int = 0
    pair_deviation: float | None = None
    improvement: Improvement | None = None
    bootstrap: Interval | None = None


class _Arm(msgspec.Struct, frozen=True):
    values: list[float]
    seeds: list[Hashable]
    sample: Sample


def compare_replicates(
    a: Sequence[float],
    b: Sequence[float],
    *,
    seeds_a: Sequence[Hashable] | None = None,
    seeds_b: Sequence[Hashable] | None = None,
    goal: Goal = "",
    confidence: float = CONFIDENCE,
    paired: bool = True,
    bootstrap: bool = True,
) -> Replicates:
    """Return the difference of B and A with an interval.

    Where both arms have exactly the same seeds the runs are paired by them, unless `paired` is
    false or the differences of the pairs don't vary. Runs of an arm that repeat a seed count as
    one, with their mean. Which interval is made depends on the seeds alone, never on which is
    shorter.

    Args:
        a: The metric's value in each run of A, in its unit.
        b: The same for B.
        seeds_a: One seed a run (any hashable; None for a run without a recorded seed), in order.
        seeds_b: The same for B.
        goal: Which values are better.
        confidence: Of every interval.
        paired: False where equal seeds share nothing, such as for different programs.
        bootstrap: False where nobody looks at the bootstrap interval, which takes long to make.

    Raises:
        UsageError: if there are not as many seeds as runs, or `confidence` makes no sense.
    """
    checked_confidence(confidence)
    arm_a, arm_b = _arm(a, seeds_a, "A"), _arm(b, seeds_b, "B")
    one, other = arm_a.sample, arm_b.sample
    difference = None
    if one.mean is not None and other.mean is not None:
        difference = other.mean - one.mean
    bare = Replicates(one, other, difference, None, _reason(one, other), goal)
    if bare.reason or difference is None:
        return bare
    found = _paired(bare, arm_a, arm_b, confidence) if paired else None
    found = found or _welch(bare, confidence)
    resampled = None
    if bootstrap and not found.pairs and max(one.n, other.n) <= _MOST_RESAMPLED:
        resampled = bca_interval(arm_a.values, arm_b.values, confidence=confidence)
    improvement = probability_of_improvement(
        arm_a.values, arm_b.values, larger_is_better=goal != "min", confidence=confidence
    )
    return msgspec.structs.replace(found, improvement=improvement, bootstrap=resampled)


def seeds_needed(
    found: Replicates, *, min_effect: float = 0.0, most: int = MOST_SEEDS
) -> int | None:
    """Return about how many more seeds each arm needs until the present difference is decided.

    Decided means that the interval, around the same difference and with the same deviations,
    would exclude 0 or lie within ±`min_effect`, whichever comes first. The next seeds will give
    another difference, so with that many the chance of a verdict is about even. It is a plan for
    one more look: looking after every seed until a verdict turns up errs more often than stated.

    Args:
        found: A comparison of replicates.
        min_effect: The smallest difference that matters, in the metric's unit; 0 for any.
        most: Where to stop looking.

    Returns:
        0 when it is decided; None when more than `most` are needed, or nothing is known about the
        variation.
    """
    if found.interval is None or found.difference is None:
        return None
    size = abs(found.difference)
    target = max(size, min_effect - size)
    if not _decided(found, most, target):
        return None
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if _decided(found, middle, target):
            high = middle
        else:
            low = middle + 1
    return low


def _decided(found: Replicates, more: int, target: float) -> bool:
    """Return whether half the interval would be narrower than `target` with `more` runs each."""
    assert found.interval is not None
    if found.pair_deviation is not None:
        n = found.pairs + more
        error, degrees = found.pair_deviation / math.sqrt(n), float(n - 1)
    else:
        error, degrees = _welch_error(found.a, found.b, more)
    # The same as quantile * error < target, without the search for the quantile.
    return student_t_tail(target / error, degrees) < (1 - found.interval.confidence) / 2


def _arm(values: Sequence[float], seeds: Sequence[Hashable] | None, name: str) -> _Arm:
    known = list(seeds) if seeds is not None else [None] * len(values)
    if len(known) != len(values):
        raise UsageError(
            f"{name} has {len(values)} runs and {len(known)} seeds.", hint="Give one seed a run."
        )
    groups: dict[tuple[bool, Hashable], list[float]] = {}
    for place, (seed, value) in enumerate(zip(known, values, strict=True)):
        key = (False, place) if seed is None else (True, seed)
        groups.setdefault(key, []).append(float(value))
    finite = {key: group for key, group in groups.items() if all(map(_usable, group))}
    means = [_mean(group) for group in finite.values()]
    lost = sum(not _usable(value) for group in groups.values() for value in group)
    seeds_left = [key[1] for key in finite if key[0]]
    sample = Sample(
        n=len(means),
        mean=_mean(means) if means else None,
        deviation=_deviation(means),
        smallest=min(means, default=None),
        largest=max(means, default=None),
        not_finite=lost,
        repeated=len(values) - len(groups),
    )
    return _Arm(means, seeds_left, sample)


def _usable(value: float) -> bool:
    return abs(value) <= _LARGEST  # false for NaN


def _mean(values: Sequence[float]) -> float:
    first = values[0]
    return first if all(value == first for value in values) else math.fsum(values) / len(values)


def _deviation(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    mean = _mean(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return deviation if deviation > _ROUNDING * max(map(abs, values)) else 0.0


def _reason(a: Sample, b: Sample) -> Reason:
    if a.not_finite or b.not_finite:
        return "not finite"
    if not a.n or not b.n:
        return "no values"
    if a.deviation is None or b.deviation is None:
        return "single run"
    return "no variation" if a.deviation == b.deviation == 0 else ""


def _paired(bare: Replicates, a: _Arm, b: _Arm, confidence: float) -> Replicates | None:
    """Return the paired comparison, or None unless the seeds match and the pairs vary."""
    n = bare.a.n
    if len(a.seeds) != n or len(b.seeds) != bare.b.n or set(a.seeds) != set(b.seeds):
        return None
    place = {seed: index for index, seed in enumerate(b.seeds)}
    partners = [b.values[place[seed]] for seed in a.seeds]
    steps = [other - one for one, other in zip(a.values, partners, strict=True)]
    deviation = _deviation(steps)
    size = max(map(abs, (*a.values, *b.values)))
    if not deviation or deviation <= _ROUNDING * size:
        return None
    found = _student(bare, _mean(steps), deviation / math.sqrt(n), n - 1, "paired", confidence)
    return msgspec.structs.replace(found, pairs=n, pair_deviation=deviation)


def _welch(bare: Replicates, confidence: float) -> Replicates:
    assert bare.difference is not None
    error, degrees = _welch_error(bare.a, bare.b, 0)
    return _student(bare, bare.difference, error, degrees, "welch", confidence)


def _welch_error(a: Sample, b: Sample, more: int) -> tuple[float, float]:
    """Return the standard error and degrees of freedom with `more` runs like those there are."""
    assert a.deviation is not None and b.deviation is not None
    n_a, n_b = a.n + more, b.n + more
    share_a, share_b = a.deviation / math.sqrt(n_a), b.deviation / math.sqrt(n_b)
    error = math.hypot(share_a, share_b)
    part_a, part_b = (share_a / error) ** 2, (share_b / error) ** 2
    return error, 1 / (part_a**2 / (n_a - 1) + part_b**2 / (n_b - 1))


def _student(
    bare: Replicates,
    difference: float,
    error: float,
    degrees: float,
    method: Literal["welch", "paired"],
    confidence: float,
) -> Replicates:
    reach = student_t_quantile((1 + confidence) / 2, degrees) * error
    return msgspec.structs.replace(
        bare,
        difference=difference,
        interval=Interval(difference - reach, difference + reach, confidence, method),
        standard_error=error,
        degrees=degrees,
        p_value=min(1.0, 2 * student_t_tail(abs(difference) / error, degrees)),
    )
