"""Bootstrap intervals, with and without numpy."""

from __future__ import annotations

import math
import random
import sys

import numpy as np
import pytest
from scipy import stats

from gitml.comparison.statistics import bootstrap
from gitml.comparison.statistics.bootstrap import bca_interval, percentile_interval
from gitml.comparison.statistics.intervals import Interval, bonett_price, percentiles


@pytest.fixture(params=["numpy", "plain"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run with numpy, and as if it weren't installed."""
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "numpy", None)
    return str(request.param)


def mean_interval(values: list[float], seed: int = 0, resamples: int = 2000) -> Interval:
    found = percentile_interval(
        [[1.0] * len(values), values],
        lambda totals: totals[1] / totals[0],
        confidence=0.95,
        resamples=resamples,
        seed=seed,
    )
    assert found is not None
    return found


def exponentials(many: int) -> list[float]:
    generator = random.Random(5)
    return [generator.expovariate(1) for _ in range(many)]


def test_it_agrees_with_scipys_percentile_interval(either: str) -> None:
    values = exponentials(60)
    expected = stats.bootstrap(
        (np.array(values),), np.mean, method="percentile", n_resamples=20_000, rng=1
    ).confidence_interval
    found = mean_interval(values)
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.06 * width)
    assert found.high == pytest.approx(expected.high, abs=0.06 * width)
    assert (found.method, found.units) == ("bootstrap", 60)


def test_the_same_seed_gives_the_same_interval(either: str) -> None:
    values = exponentials(100)
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_many_units_are_dealt_into_blocks_of_the_same_width(either: str) -> None:
    limit = bootstrap.LIMIT if either == "numpy" else bootstrap.LIMIT_PLAIN
    values = exponentials(limit * 4 + 3)
    found = mean_interval(values, resamples=1000)
    error = math.sqrt(sum((v - 1) ** 2 for v in values)) / len(values)
    assert found.units == limit
    assert found.half_width == pytest.approx(1.96 * error, rel=0.15)
    assert (found.low + found.high) / 2 == pytest.approx(sum(values) / len(values), abs=error / 4)


def test_equal_values_have_no_width(either: str) -> None:
    found = mean_interval([2.5] * 40)
    assert (found.low, found.high) == (2.5, 2.5)


def test_fewer_than_thirty_units_get_no_interval(either: str) -> None:
    assert percentile_interval([[1.0] * 29], lambda totals: totals[0], confidence=0.95) is None


def test_totals_that_a_statistic_is_not_defined_for_are_left_out(either: str) -> None:
    def never(totals: object) -> float:
        return math.nan

    assert percentile_interval([[1.0] * 40], never, confidence=0.95, resamples=50) is None


def test_the_bca_interval_agrees_with_scipy() -> None:
    generator = random.Random(3)
    a = [generator.expovariate(1) for _ in range(20)]
    b = [generator.expovariate(0.5) for _ in range(25)]
    expected = stats.bootstrap(
        (np.array(b), np.array(a)),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        n_resamples=20_000,
        rng=1,
    ).confidence_interval
    found = bca_interval(a, b, confidence=0.95, resamples=10_000)
    assert found is not None
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.04 * width)
    assert found.high == pytest.approx(expected.high, abs=0.04 * width)


def test_the_bca_interval_needs_twenty_values_that_vary() -> None:
    assert bca_interval([1.0] * 19, [2.0] * 30, confidence=0.95) is None
    assert bca_interval([1.0] * 20, [2.0] * 20, confidence=0.95) is None


def test_bonett_and_price_agrees_with_its_authors_and_stays_inside() -> None:
    # The output that the manual of R's statpsych shows for ci.prop.ps(.05, 12, 4, 26, 6).
    found = bonett_price(26, 4, 48, 0.95)
    assert (found.low, found.high) == pytest.approx((0.2548067, 0.6251933), abs=1e-6)
    extreme = bonett_price(2, 0, 2, 0.95)
    assert -1 <= extreme.low < extreme.high <= 1
    nothing = bonett_price(0, 0, 100, 0.95)
    assert nothing.low == pytest.approx(-nothing.high)
    assert 0 < nothing.high < 0.03


def test_percentiles_agree_with_numpy() -> None:
    values = sorted(exponentials(37))
    asked = [0.0, 0.025, 0.5, 0.9, 1.0]
    assert percentiles(values, asked) == pytest.approx(np.quantile(values, asked).tolist())
    assert percentiles([4.0], [0.3]) == [4.0]
