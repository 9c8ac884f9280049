"""Bootstrap intervals: resampling examples or groups (percentile), and replicates (BCa).

A statistic that is a function of column totals (an accuracy, a root mean squared error, a
difference of two) is resampled through the totals alone, so that one function serves all of them
and memory stays bounded. Where there are more units than `LIMIT` (with numpy) or `LIMIT_PLAIN`
(without), they are first dealt at random into that many blocks of equal size, and the blocks are
resampled: the estimate of the variance stays unbiased, and its own error of 1/√(2·blocks), at
most 3 %, is no larger than what 2,000 resamples leave anyway.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

from gitml.comparison.statistics.distributions import normal_cdf, normal_quantile
from gitml.comparison.statistics.intervals import Interval, percentiles

RESAMPLES = 2_000
SEED = 0
FEWEST = 30
LIMIT = 10_000
LIMIT_PLAIN = 500
_DRAWS_AT_ONCE = 2_000_000

Totals = Sequence[float]
Columns = Sequence[Sequence[float]]


def numpy_or_none() -> Any:
    """Return numpy where it is installed (it comes with torch), else None."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def percentile_interval(
    columns: Columns,
    statistic: Callable[[Totals], float],
    *,
    confidence: float,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval | None:
    """Return the percentile bootstrap interval of a function of column totals.

    The same columns and seed give the same interval, wherever numpy is there; without numpy other
    units are drawn.

    Args:
        columns: One sequence a column, one entry a unit (an example, or the sum over a group).
        statistic: Column totals → value. NaN for totals that it isn't defined for.
        confidence: Such as 0.95.
        resamples: How often to resample.
        seed: Of the random numbers.

    Returns:
        None with fewer than 30 units, where percentile intervals promise more than they keep, and
        for no resamples.
    """
    units = len(columns[0])
    if units < FEWEST or not resamples:
        return None
    numpy = numpy_or_none()
    if numpy is None:
        totals = _resampled_plain(columns, resamples, seed)
    else:
        totals = _resampled(numpy, columns, resamples, seed)
    values = sorted(value for value in map(statistic, totals) if not math.isnan(value))
    if len(values) < resamples / 2:
        return None
    outside = (1 - confidence) / 2
    low, high = percentiles(values, (outside, 1 - outside))
    limit = LIMIT_PLAIN if numpy is None else LIMIT
    return Interval(low, high, confidence, "bootstrap", min(units, limit))


def _resampled(numpy: Any, columns: Columns, resamples: int, seed: int) -> list[list[float]]:
    generator = numpy.random.default_rng(seed)
    table = [numpy.asarray(column, dtype=float) for column in columns]
    units = len(table[0])
    if units > LIMIT:
        block = generator.permutation(units) % LIMIT
        table = [numpy.bincount(block, weights=column, minlength=LIMIT) for column in table]
        units = LIMIT
    step = max(1, _DRAWS_AT_ONCE // units)
    totals = numpy.empty((resamples, len(table)))
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        drawn = generator.integers(0, units, size=(stop - start, units), dtype=numpy.int32)
        for place, column in enumerate(table):
            if (column == column[0]).all():
                totals[start:stop, place] = column[0] * units
            else:
                totals[start:stop, place] = column[drawn].sum(axis=1)
    listed: list[list[float]] = totals.tolist()
    return listed


def _resampled_plain(columns: Columns, resamples: int, seed: int) -> list[list[float]]:
    generator = random.Random(seed)
    table = [list(map(float, column)) for column in columns]
    units = len(table[0])
    if units > LIMIT_PLAIN:
        order = list(range(units))
        generator.shuffle(order)
        dealt = [order[start::LIMIT_PLAIN] for start in range(LIMIT_PLAIN)]
        table = [[math.fsum(map(col.__getitem__, block)) for block in dealt] for col in table]
        units = LIMIT_PLAIN
    places = range(units)
    totals = []
    for _ in range(resamples):
        drawn = generator.choices(places, k=units)
        totals.append([sum(map(column.__getitem__, drawn)) for column in table])
    return totals


def bca_interval(
    a: Sequence[float],
    b: Sequence[float],
    *,
    confidence: float,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval | None:
    """Return the bias-corrected and accelerated interval of mean(b) - mean(a), two samples.

    Efron and Tibshirani, "An introduction to the bootstrap" (1993), with the acceleration of
    several samples by Davison and Hinkley, "Bootstrap methods and their application" (1997).
    With 20 values on each side it covers 93 % of normal differences and 90 % of skewed ones where
    it claims 95 % (as scipy's does): it is shown beside Welch's interval and decides nothing.

    Returns:
        None with fewer than 20 values on a side, or when the values don't vary.
    """
    if min(len(a), len(b)) < 20:
        return None
    centre = math.fsum(b) / len(b) - math.fsum(a) / len(a)
    generator = random.Random(seed)
    drawn = sorted(
        math.fsum(generator.choices(b, k=len(b))) / len(b)
        - math.fsum(generator.choices(a, k=len(a))) / len(a)
        for _ in range(resamples)
    )
    if drawn[0] == drawn[-1]:
        return None
    below = sum(value < centre for value in drawn) + 0.5 * sum(value == centre for value in drawn)
    share = min(max(below / resamples, 0.5 / resamples), 1 - 0.5 / resamples)
    bias, acceleration = normal_quantile(share), _acceleration(a, b)
    reach = normal_quantile((1 + confidence) / 2)
    ends = []
    for z in (bias - reach, bias + reach):
        ends.append(normal_cdf(bias + z / (1 - acceleration * z)))
    low, high = percentiles(drawn, ends)
    return Interval(low, high, confidence, "bca", len(a) + len(b))


def _acceleration(a: Sequence[float], b: Sequence[float]) -> float:
    top = bottom = 0.0
    for sign, values in ((-1, a), (1, b)):
        n = len(values)
        mean = math.fsum(values) / n
        influences = [sign * (value - mean) for value in values]
        top += math.fsum(u**3 for u in influences) / n**3
        bottom += math.fsum(u**2 for u in influences) / n**2
    return float(top / (6 * bottom**1.5)) if bottom > 0 else 0.0
