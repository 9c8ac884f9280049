"""The distributions, against scipy, tables and enumeration."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from gitml.comparison.statistics.distributions import (
    binomial_test,
    incomplete_beta,
    normal_cdf,
    normal_quantile,
    student_t_cdf,
    student_t_quantile,
    student_t_tail,
)

DEGREES = [0.5, 1, 1.3, 2, 3.7, 5, 10, 29.5, 100, 1e4, 1e6]


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("value", [0.0, 1e-3, 0.5, 0.999, 1.0, 2.0, 5.0, 20.0, 1e3])
def test_the_t_distribution_agrees_with_scipy(value: float, degrees: float) -> None:
    for signed in (value, -value):
        expected = stats.t.sf(signed, degrees)
        if expected > 1e-280:
            assert student_t_tail(signed, degrees) == pytest.approx(expected, rel=1e-10)
        assert student_t_cdf(signed, degrees) == pytest.approx(
            stats.t.cdf(signed, degrees), rel=1e-10, abs=1e-280
        )


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize(
    "probability", [1e-12, 1e-5, 0.001, 0.025, 0.3, 0.4999, 0.500001, 0.9, 0.975, 0.9995]
)
def test_t_quantiles_agree_with_scipy(probability: float, degrees: float) -> None:
    expected = stats.t.ppf(probability, degrees)
    assert student_t_quantile(probability, degrees) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(
    ("degrees", "tabulated"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (8, 2.306), (18, 2.101), (30, 2.042)],
)
def test_t_quantiles_agree_with_the_printed_tables(degrees: int, tabulated: float) -> None:
    assert round(student_t_quantile(0.975, degrees), 3) == tabulated


@given(st.floats(0.001, 0.999), st.floats(0.6, 1e4))
def test_a_t_quantile_is_the_inverse_of_the_distribution(
    probability: float, degrees: float
) -> None:
    quantile = student_t_quantile(probability, degrees)
    assert student_t_cdf(quantile, degrees) == pytest.approx(probability, rel=1e-9)
    assert student_t_quantile(0.5, degrees) == 0


def test_odd_arguments_of_the_t_distribution_have_an_answer() -> None:
    assert student_t_tail(math.inf, 3) == 0
    assert student_t_tail(-math.inf, 3) == 1
    assert math.isnan(student_t_tail(math.nan, 3))
    for probability, degrees in [(0.0, 3), (1.0, 3), (0.5, 0), (math.nan, 3)]:
        with pytest.raises(ValueError, match="t quantile"):
            student_t_quantile(probability, degrees)


@pytest.mark.parametrize("a", [0.5, 1, 3, 50, 1e4])
@pytest.mark.parametrize("b", [0.5, 2, 77, 1e5])
def test_the_incomplete_beta_function_agrees_with_scipy(a: float, b: float) -> None:
    for x in (0.0, 0.01, 0.2, 0.5, 0.77, 0.99, 1.0):
        expected = special.betainc(a, b, x)
        if expected == 0 or expected > 1e-250:
            assert incomplete_beta(x, a, b) == pytest.approx(expected, rel=1e-10)


def test_the_normal_distribution_agrees_with_scipy() -> None:
    for value in (-8.0, -1.96, 0.0, 0.3, 5.0):
        assert normal_cdf(value) == pytest.approx(stats.norm.cdf(value), rel=1e-12)
    for probability in (1e-9, 0.025, 0.5, 0.8, 0.975):
        assert normal_quantile(probability) == pytest.approx(stats.norm.ppf(probability), rel=1e-12)


def test_the_binomial_test_is_what_counting_all_outcomes_gives() -> None:
    for trials in range(1, 25):
        weights = [Fraction(math.comb(trials, k), 2**trials) for k in range(trials + 1)]
        for seen in range(trials + 1):
            extreme = [w for w in weights if w <= weights[seen]]
            p_value, mid_p = binomial_test(seen, trials)
            assert p_value == pytest.approx(float(sum(extreme)), rel=1e-10)
            half = float(sum(extreme) - weights[seen]) if 2 * seen != trials else 1.0
            assert mid_p == pytest.approx(half, rel=1e-10)


@pytest.mark.parametrize("trials", [999, 10_000, 1_000_000])
def test_the_binomial_test_agrees_with_scipy_for_many_trials(trials: int) -> None:
    for seen in (trials // 2, trials // 2 - 3, int(trials / 2 - math.sqrt(trials))):
        expected = stats.binomtest(seen, trials).pvalue
        assert binomial_test(seen, trials)[0] == pytest.approx(expected, rel=1e-9)
        assert binomial_test(trials - seen, trials) == binomial_test(seen, trials)


def test_the_binomial_test_agrees_with_mcnemar_of_statsmodels() -> None:
    # statsmodels 0.15.0: mcnemar([[50, wins], [losses, 30]], exact=True).pvalue
    for wins, losses, expected in (
        (10, 3, 0.09228515625),
        (8, 1, 0.0390625),
        (120, 95, 0.10145232764870649),
        (432, 385, 0.10748578610927602),
    ):
        assert binomial_test(wins, wins + losses)[0] == pytest.approx(expected, rel=1e-10)


def test_without_trials_nothing_is_unlikely() -> None:
    assert binomial_test(0, 0) == (1.0, 1.0)
