"""The probability of improvement, and its interval."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gitml.comparison.statistics.improvement import Improvement, probability_of_improvement

VALUES = st.lists(st.integers(-5, 5).map(float), min_size=5, max_size=12)


def improvement(a: list[float], b: list[float], *, larger: bool = True) -> Improvement:
    found = probability_of_improvement(a, b, larger_is_better=larger, confidence=0.95)
    assert found is not None
    return found


@given(VALUES, VALUES)
def test_it_is_the_mann_whitney_statistic(a: list[float], b: list[float]) -> None:
    found = improvement(a, b)
    expected = stats.mannwhitneyu(b, a).statistic / len(a) / len(b)
    assert found.probability == pytest.approx(expected)
    assert 0 <= found.interval.low <= found.probability <= found.interval.high <= 1


@given(VALUES, VALUES)
def test_it_turns_round_with_the_goal_and_with_the_sides(a: list[float], b: list[float]) -> None:
    higher, lower, swapped = improvement(a, b), improvement(a, b, larger=False), improvement(b, a)
    for other in (lower, swapped):
        assert other.probability == pytest.approx(1 - higher.probability)
        assert other.interval.low == pytest.approx(1 - higher.interval.high, abs=1e-9)


def test_the_ends_are_where_the_distance_is_z_standard_errors() -> None:
    found = improvement([1.0, 3, 5, 7, 9, 11], [4.0, 6, 8, 10, 12])
    for end in (found.interval.low, found.interval.high):
        average = (6 + 5) / 2 - 1
        extra = average * ((1 - end) / (2 - end) + end / (1 + end))
        error = math.sqrt(end * (1 - end) * (1 + extra) / 30)
        assert abs(end - found.probability) == pytest.approx(1.959964 * error, rel=1e-5)


def test_five_wins_out_of_five_are_not_certainty() -> None:
    found = improvement([1.0, 2, 3, 4, 5], [6.0, 7, 8, 9, 10])
    assert found.probability == 1
    assert found.interval.high == 1
    assert 0.5 < found.interval.low < 0.9


def test_fewer_than_five_runs_get_none() -> None:
    for a, b in (([1.0] * 4, [2.0] * 9), ([1.0] * 9, [2.0] * 4)):
        assert probability_of_improvement(a, b, larger_is_better=True, confidence=0.95) is None
