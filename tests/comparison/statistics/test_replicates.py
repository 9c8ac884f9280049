"""Replicates: Welch and paired intervals, what counts as a run, how many more seeds."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gitml.comparison.statistics.replicates import (
    Replicates,
    compare_replicates,
    seeds_needed,
)
from gitml.errors import UsageError

A = [0.970, 0.971, 0.969, 0.974]
B = [0.980, 0.983, 0.979]


def test_the_welch_interval_agrees_with_scipy() -> None:
    found = compare_replicates(A, B, goal="max")
    expected = stats.ttest_ind(B, A, equal_var=False)
    ends = expected.confidence_interval(0.95)
    assert found.interval is not None
    assert found.interval.method == "welch"
    assert (found.interval.low, found.interval.high) == pytest.approx((ends.low, ends.high))
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.degrees == pytest.approx(expected.df)
    assert found.difference == pytest.approx(sum(B) / 3 - sum(A) / 4)


def test_runs_with_the_same_seeds_are_paired_in_any_order() -> None:
    b = [0.98, 0.99, 0.979, 0.978]
    order = [2, 0, 3, 1]
    found = compare_replicates(
        A, [b[i] for i in order], seeds_a=[7, 8, 9, 10], seeds_b=[[7, 8, 9, 10][i] for i in order]
    )
    expected = stats.ttest_rel(b, A)
    ends = expected.confidence_interval(0.95)
    assert found.interval is not None
    assert found.interval.method == "paired"
    assert found.pairs == 4
    assert (found.interval.low, found.interval.high) == pytest.approx((ends.low, ends.high))
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize(
    ("seeds_a", "seeds_b"),
    [([1, 2, 3, 4], [1, 2, 3]), ([1, 2, 3, 4], [5, 6, 7]), (None, [1, 2, 3]), (None, None)],
)
def test_other_seeds_are_not_paired(seeds_a: list[int] | None, seeds_b: list[int] | None) -> None:
    found = compare_replicates(A, B, seeds_a=seeds_a, seeds_b=seeds_b)
    assert found.interval is not None
    assert (found.interval.method, found.pairs) == ("welch", 0)


def test_pairing_can_be_declined() -> None:
    found = compare_replicates(A[:3], B, seeds_a=[1, 2, 3], seeds_b=[1, 2, 3], paired=False)
    assert found.interval is not None
    assert found.interval.method == "welch"


def test_pairs_that_all_differ_by_the_same_rounded_number_prove_nothing() -> None:
    found = compare_replicates(
        [0.90, 0.91, 0.92], [0.91, 0.92, 0.93], seeds_a=[1, 2, 3], seeds_b=[1, 2, 3]
    )
    assert found.interval is not None
    assert found.interval.method == "welch"
    assert found.interval.low < 0 < found.interval.high


def test_a_single_run_never_gets_an_interval_or_a_p_value() -> None:
    for a, b in (([0.9], [0.95]), ([0.9], B), (A, [0.95])):
        found = compare_replicates(a, b, goal="max")
        assert found.reason == "single run"
        assert found.interval is found.p_value is found.improvement is found.bootstrap is None
        assert found.difference is not None


def test_runs_that_repeat_a_seed_count_once() -> None:
    found = compare_replicates(
        [1.0, 3.0, 5.0], [4.0, 4.0, 4.0, 7.0], seeds_a=[1, 1, 2], seeds_b=[1, 1, 1, None]
    )
    assert (found.a.n, found.a.repeated, found.a.mean) == (2, 1, 3.5)
    assert (found.b.n, found.b.repeated, found.b.mean) == (2, 2, 5.5)
    assert not found.pairs


def test_repeating_one_seed_is_no_replicate() -> None:
    found = compare_replicates([0.9, 0.9], [0.95, 0.96], seeds_a=[1, 1], seeds_b=[1, 2])
    assert found.reason == "single run"


def test_runs_without_a_seed_count_each() -> None:
    assert compare_replicates(A, B, seeds_a=[None] * 4, seeds_b=[None] * 3).a.n == 4


def test_a_diverged_run_leaves_no_interval() -> None:
    for bad in (math.nan, math.inf, -math.inf, 1e200):
        found = compare_replicates([*A, bad], B)
        assert found.reason == "not finite"
        assert found.a.not_finite == 1
        assert found.interval is None
        assert found.a.mean == pytest.approx(sum(A) / 4)
    nothing = compare_replicates([math.nan], [math.nan])
    assert nothing.difference is None


def test_no_values_are_no_error() -> None:
    found = compare_replicates([], B)
    assert (found.reason, found.difference, found.a.mean) == ("no values", None, None)


def test_a_seed_that_changes_nothing_says_nothing() -> None:
    found = compare_replicates([0.1 + 0.2] * 3, [0.4] * 3)
    assert found.reason == "no variation"
    assert found.interval is None
    one_sided = compare_replicates([0.3] * 3, [0.4, 0.41, 0.39])
    assert one_sided.interval is not None
    assert one_sided.degrees == pytest.approx(2)


def test_improvement_comes_with_five_runs_and_the_bootstrap_with_twenty() -> None:
    generator = random.Random(0)
    values = [generator.random() for _ in range(40)]
    for many, improvement, bootstrap in ((4, False, False), (5, True, False), (20, True, True)):
        found = compare_replicates(values[:many], values[-many:])
        assert (found.improvement is not None) is improvement
        assert (found.bootstrap is not None) is bootstrap


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(UsageError, match="4 runs and 2 seeds"):
        compare_replicates(A, B, seeds_a=[1, 2])
    for confidence in (0, 1, 95, math.nan):
        with pytest.raises(UsageError, match="confidence"):
            compare_replicates(A, B, confidence=confidence)


def decided(found: Replicates, more: int, min_effect: float) -> bool:
    one, other = ((arm.deviation or 0) ** 2 / (arm.n + more) for arm in (found.a, found.b))
    degrees = (one + other) ** 2 / (
        one**2 / (found.a.n + more - 1) + other**2 / (found.b.n + more - 1)
    )
    width = stats.t.ppf(0.975, degrees) * math.sqrt(one + other)
    size = abs(found.difference or 0.0)
    return width < size or size + width < min_effect


@given(
    st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=6),
    st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=6),
    st.sampled_from([0.0, 5.0, 200.0]),
)
def test_seeds_needed_is_the_smallest_number_that_decides(
    a: list[float], b: list[float], min_effect: float
) -> None:
    found = compare_replicates(a, b)
    needed = seeds_needed(found, min_effect=min_effect)
    if found.interval is None:
        assert needed is None
    elif needed is None:
        assert not decided(found, 100, min_effect)
    else:
        assert decided(found, needed, min_effect)
        assert needed == 0 or not decided(found, needed - 1, min_effect)


def test_no_difference_and_no_margin_would_never_be_decided() -> None:
    found = compare_replicates([1.0, 2.0, 3.0], [3.0, 1.0, 2.0])
    assert seeds_needed(found) is None
    assert seeds_needed(found, min_effect=1.0) is not None


def test_paired_runs_need_the_seeds_that_their_pairs_ask_for() -> None:
    b = [1.2, 2.1, 3.4, 4.05]
    found = compare_replicates([1.0, 2.0, 3.0, 4.0], b, seeds_a=range(4), seeds_b=range(4))
    plain = compare_replicates([1.0, 2.0, 3.0, 4.0], b)
    assert (seeds_needed(found) or 0) < 10
    assert seeds_needed(plain) is None
