"""Intervals cover what they claim, and verdicts are wrong no more often than stated.

A short version of `python -m benchmarks.simulation`, whose tables are in
`docs/explanation/statistics.md`. Bounds are four standard errors of the simulation away from the
claim; seeds are fixed, so that a test fails always or never. Two things are known to cover less
than 95 %, and the documentation says so: skewed metrics that vary three times as much on one side
(not tested here), and the BCa interval (held to 93 %). Resampled groups are held to 94 %.
"""

from __future__ import annotations

import math

import pytest

from benchmarks.simulation import (
    WORLDS,
    World,
    bca_coverage,
    coverage,
    improvement_coverage,
    naive_coverage,
    power,
    prediction_coverage,
    settled,
    wrong_verdicts,
    wrongly_the_same,
)
from gitml.comparison.statistics.distributions import normal_cdf

NORMAL, UNEQUAL, SKEWED, _, ROUNDED, PAIRED = WORLDS
REPETITIONS = 1_500


@pytest.mark.parametrize("many", [2, 3, 5, 10])
@pytest.mark.parametrize("world", [NORMAL, UNEQUAL, SKEWED, ROUNDED, PAIRED], ids=lambda w: w.name)
def test_intervals_cover_what_they_claim(world: World, many: int) -> None:
    share = coverage(world, many, many, REPETITIONS)
    assert share.value >= 0.95 - 4 * share.error


@pytest.mark.parametrize("many", [3, 5, 10])
def test_intervals_are_no_wider_than_they_must_be(many: int) -> None:
    for world in (NORMAL, PAIRED):
        share = coverage(world, many, many, REPETITIONS)
        assert share.value <= 0.97 + 4 * share.error


@pytest.mark.parametrize("many", [2, 3, 5, 10])
@pytest.mark.parametrize("world", [NORMAL, UNEQUAL, SKEWED, ROUNDED, PAIRED], ids=lambda w: w.name)
def test_without_a_difference_at_most_the_stated_share_of_verdicts_is_wrong(
    world: World, many: int
) -> None:
    share = wrong_verdicts(world, many, many, REPETITIONS)
    assert share.value <= 0.05 + 4 * share.error


def test_a_true_difference_is_found_as_often_as_theory_says() -> None:
    right, wrong = power(10, 1.0, REPETITIONS)
    # Two-sided t test, 10 + 10 runs, effect of one deviation: power 0.562 (noncentral t).
    assert right.value == pytest.approx(0.562, abs=4 * right.error)
    assert wrong.value < 0.005


def test_a_difference_as_large_as_the_margin_is_seldom_called_the_same() -> None:
    share = wrongly_the_same(10, 1.5, REPETITIONS)
    assert share.value <= 0.025 + 4 * share.error


@pytest.mark.parametrize(("many", "effect"), [(2, 1.5), (3, 1.0), (5, 0.8)])
def test_about_as_many_more_seeds_as_asked_for_settle_it_half_of_the_time(
    many: int, effect: float
) -> None:
    share = settled(many, effect, 600)
    assert share.value == pytest.approx(0.5, abs=4 * share.error + 0.05)


@pytest.mark.parametrize("many", [5, 10])
@pytest.mark.parametrize("effect", [0.0, 1.5])
def test_the_probability_of_improvement_is_covered(many: int, effect: float) -> None:
    truth = normal_cdf(effect / math.sqrt(2))
    share = improvement_coverage(NORMAL, many, effect, truth, REPETITIONS)
    assert share.value >= 0.95 - 4 * share.error


def test_the_bca_interval_covers_with_twenty_runs() -> None:
    share = bca_coverage(NORMAL, 20, 200)
    assert share.value >= 0.93 - 4 * share.error


def test_simpler_intervals_would_not_do() -> None:
    assert naive_coverage(3, 500, resampled=False).value < 0.93
    assert naive_coverage(3, 200, resampled=True).value < 0.9


def test_intervals_of_predictions_cover_what_they_claim() -> None:
    for examples in (50, 200):
        share = prediction_coverage(examples, 150)
        assert share.value >= 0.95 - 4 * share.error


def test_groups_have_to_be_told() -> None:
    told = prediction_coverage(600, 100, group=10)
    untold = prediction_coverage(600, 100, group=10, clustered=False)
    assert told.value >= 0.94 - 4 * told.error
    assert untold.value < 0.8
