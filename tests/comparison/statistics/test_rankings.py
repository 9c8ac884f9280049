"""Feature importances: rank correlations, overlaps, and what moved."""

from __future__ import annotations

import math
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gitml.comparison.statistics.rankings import compare_rankings, kendall, ranks, shares, spearman

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=25)


@given(PAIRS)
def test_rank_correlations_agree_with_scipy_with_ties(pairs: list[tuple[int, int]]) -> None:
    x, y = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert spearman(x, y) is kendall(x, y) is None
    else:
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
        assert kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)
    assert ranks(x) == stats.rankdata(x).tolist()


def test_kendall_of_many_features_takes_no_square_of_them() -> None:
    generator = random.Random(0)
    x = [generator.random() for _ in range(50_000)]
    start = time.process_time()
    assert kendall(x, x) == 1
    assert time.process_time() - start < 20


def test_importances_are_shares_whatever_their_unit_and_sign() -> None:
    assert shares({"a": 2, "b": -6}) == {"a": 0.25, "b": 0.75}
    assert shares({"a": 0.0}) == {"a": 0.0}
    found = compare_rankings({"a": 1.0, "b": 3.0}, {"a": 100.0, "b": 300.0})
    assert found.moved == ()
    assert found.spearman == pytest.approx(1)


def test_features_that_moved_are_listed_by_how_far() -> None:
    found = compare_rankings(
        {"a": 5.0, "b": 3.0, "c": 2.0, "same": 0.0, "gone": 0.0},
        {"a": 1.0, "b": 3.0, "c": 5.0, "same": 0.0, "new": 1.0},
    )
    assert found.shared == 4
    assert (found.only_a, found.only_b) == (("gone",), ("new",))
    assert [row.feature for row in found.moved][:3] == ["a", "c", "new"]
    first = found.moved[0]
    assert (first.rank_a, first.rank_b) == (1, 3.5)
    assert first.share_change == pytest.approx(-0.4)
    assert found.moved[2].rank_a is None
    assert len(compare_rankings({"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 1.0}, limit=1).moved) == 1


def test_the_first_features_overlap() -> None:
    a = {f"f{i:02d}": float(30 - i) for i in range(30)}
    b = {**a, "f00": 0.0, "f29": 99.0}
    assert [(row.k, row.shared) for row in compare_rankings(a, b).overlaps] == [
        (5, 0.8),
        (10, 0.9),
        (20, 0.95),
    ]
    assert compare_rankings({"a": 1.0}, {"a": 2.0}).overlaps == ()


def test_several_runs_are_averaged_and_their_own_noise_is_shown() -> None:
    a = [{"x": 1.0, "y": 3.0, "z": 2.0}, {"x": 3.0, "y": 1.0, "z": 2.0}]
    found = compare_rankings(a, {"x": 1.0, "y": 1.0, "z": 1.0})
    assert found.within_a == pytest.approx(-1)
    assert found.within_b is None
    assert found.moved == ()
    assert found.spearman is None


def test_importances_that_are_no_numbers_count_as_none() -> None:
    found = compare_rankings({"a": math.nan, "b": 1.0}, {"a": 1.0, "b": math.inf})
    assert found.not_finite == 2
    assert found.kendall == pytest.approx(-1)


def test_nothing_to_rank_is_no_error() -> None:
    found = compare_rankings({}, {"a": 1.0})
    assert (found.shared, found.spearman, found.kendall) == (0, None, None)
