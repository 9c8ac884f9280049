"""Metrics over joined predictions: both values, their difference, and its interval.

Runs of an arm are averaged for each example first, and examples (or their groups) are what is
resampled: five runs on 1,000 examples are 1,000 examples, not 5,000. The interval therefore tells
how far the test set decides, for the models as they were trained; how far training decides is what
replicates tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import gt, lt

import msgspec

from gitml.comparison.statistics.bootstrap import (
    FEWEST,
    RESAMPLES,
    SEED,
    Totals,
    percentile_interval,
)
from gitml.comparison.statistics.intervals import CONFIDENCE, Interval, bonett_price
from gitml.comparison.statistics.joined import Joined, Side

# With fewer disagreements a resampled interval is narrower than it may be.
FEWEST_DISAGREEMENTS = 10


class Sampling(msgspec.Struct, frozen=True):
    """How intervals are resampled.

    Attributes:
        confidence: Of every interval.
        resamples: How often.
        seed: Of the random numbers; the same seed gives the same intervals.
    """

    confidence: float = CONFIDENCE
    resamples: int = RESAMPLES
    seed: int = SEED


class Estimate(msgspec.Struct, frozen=True):
    """A metric of both arms on the examples that they share.

    Attributes:
        name: `accuracy`, `mae`, `rmse` or `brier`.
        a: Value of A: a share for accuracy, the target's unit for errors; the mean over its runs.
        b: Value of B.
        difference: B minus A.
        interval: Of the difference; None where there is too little to resample.
        goal: `max` or `min`.
        examples: How many it is over.
        groups: How many groups were resampled instead of examples; 0 without groups.
    """

    name: str
    a: float
    b: float
    difference: float
    interval: Interval | None
    goal: str
    examples: int
    groups: int


def estimates(joined: Joined, sampling: Sampling) -> tuple[Estimate, ...]:
    """Return the metrics that the predictions allow; none without shared examples."""
    if not joined.ids:
        return ()
    if joined.task == "regression":
        places = range(len(joined.ids))
        return tuple(_errors(joined, places, sampling, square) for square in (False, True))
    found = [accuracy(joined, sampling)]
    brier = _brier(joined, sampling)
    return (*found, brier) if brier else tuple(found)


def accuracy(joined: Joined, sampling: Sampling, places: Sequence[int] | None = None) -> Estimate:
    """Return the accuracies on all examples, or on those at `places` (at least one).

    Where fewer than ten examples (or groups) are judged differently, resampling them would
    promise too much: the interval is Bonett and Price's for one run each without groups, and
    None otherwise.
    """
    places = range(len(joined.ids)) if places is None else places
    units = units_of(joined, places, _taken(joined.right_a, places), _taken(joined.right_b, places))
    _, sums_a, sums_b = units
    wins, losses = sum(map(lt, sums_a, sums_b)), sum(map(gt, sums_a, sums_b))
    few = wins + losses < FEWEST_DISAGREEMENTS
    clustered = joined.groups is not None
    estimate = _estimate("accuracy", units, _mean, None if few else sampling, "max", clustered)
    single = len(joined.a) == len(joined.b) == 1 and not clustered
    if not few or not single or len(sums_a) < FEWEST:
        return estimate
    interval = bonett_price(wins, losses, len(sums_a), sampling.confidence)
    return msgspec.structs.replace(estimate, interval=interval)


def mean_absolute_error(joined: Joined, sampling: Sampling, places: Sequence[int]) -> Estimate:
    """Return the mean absolute errors on the examples at `places` (at least one)."""
    return _errors(joined, places, sampling, False)


def absolute_errors(joined: Joined, arm: Sequence[Side]) -> list[float]:
    """Return for each example the mean absolute error of the arm's runs, in the target's unit."""
    return _mean_over_runs(
        [[abs(p - t) for p, t in zip(side.predictions, joined.truth, strict=True)] for side in arm]
    )


def units_of(
    joined: Joined, places: Sequence[int], a: Sequence[float], b: Sequence[float]
) -> list[list[float]]:
    """Return counts, sums of `a` and sums of `b`, for each example or each group.

    An example without a group is a group of its own.
    """
    if joined.groups is None:
        return [[1.0] * len(a), list(a), list(b)]
    number: dict[str, int] = {}
    columns: list[list[float]] = [[], [], []]
    counts, sums_a, sums_b = columns
    for place, one, other in zip(places, a, b, strict=True):
        group = joined.groups[place]
        unit = number.setdefault(group, len(counts)) if group else len(counts)
        if unit == len(counts):
            for column in columns:
                column.append(0.0)
        counts[unit] += 1
        sums_a[unit] += one
        sums_b[unit] += other
    return columns


def _errors(joined: Joined, places: Sequence[int], sampling: Sampling, square: bool) -> Estimate:
    arms = []
    for arm in (joined.a, joined.b):
        runs = []
        for side in arm:
            steps = ((side.predictions[i] - joined.truth[i]) for i in places)
            runs.append([step * step if square else abs(step) for step in steps])
        arms.append(_mean_over_runs(runs))
    units = units_of(joined, places, *arms)
    clustered = joined.groups is not None
    if square:
        return _estimate("rmse", units, _root, sampling, "min", clustered)
    return _estimate("mae", units, _mean, sampling, "min", clustered)


def _brier(joined: Joined, sampling: Sampling) -> Estimate | None:
    arms = []
    for arm in (joined.a, joined.b):
        runs = [side.brier for side in arm]
        if any(run is None for run in runs):
            return None
        arms.append(_mean_over_runs([run for run in runs if run is not None]))
    places = [i for i, pair in enumerate(zip(*arms, strict=True)) if not math.isnan(sum(pair))]
    if not places:
        return None
    units = units_of(joined, places, _taken(arms[0], places), _taken(arms[1], places))
    return _estimate("brier", units, _mean, sampling, "min", joined.groups is not None)


def _estimate(
    name: str,
    units: Sequence[Sequence[float]],
    value: Callable[[float, float], float],
    sampling: Sampling | None,
    goal: str,
    clustered: bool,
) -> Estimate:
    def difference(totals: Totals) -> float:
        return value(totals[2], totals[0]) - value(totals[1], totals[0])

    interval = None
    if sampling is not None:
        interval = percentile_interval(
            units,
            difference,
            confidence=sampling.confidence,
            resamples=sampling.resamples,
            seed=sampling.seed,
        )
    count, sum_a, sum_b = map(math.fsum, units)
    a, b = value(sum_a, count), value(sum_b, count)
    groups = len(units[0]) if clustered else 0
    return Estimate(name, a, b, b - a, interval, goal, round(count), groups)


def _mean(total: float, count: float) -> float:
    return total / count


def _root(total: float, count: float) -> float:
    return math.sqrt(total / count)


def _mean_over_runs(runs: Sequence[Sequence[float]]) -> list[float]:
    if len(runs) == 1:
        return list(runs[0])
    return [math.fsum(values) / len(runs) for values in zip(*runs, strict=True)]


def _taken(values: Sequence[float], places: Sequence[int]) -> list[float]:
    if len(places) == len(values):
        return list(values)
    return list(map(values.__getitem__, places))
