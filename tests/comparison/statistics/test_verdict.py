"""Verdicts: the word, the sentence, and what they must never say."""

from __future__ import annotations

import math
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.comparison.statistics.intervals import Interval
from gitml.comparison.statistics.replicates import Goal, compare_replicates
from gitml.comparison.statistics.verdict import (
    Verdict,
    holm,
    judge,
    judge_all,
    worse_by_more_than,
)
from gitml.errors import UsageError

LOW = [0.970, 0.971, 0.969]
HIGH = [0.980, 0.983, 0.979]


def verdict(a: list[float], b: list[float], goal: Goal = "max", min_effect: float = 0.0) -> Verdict:
    found = compare_replicates(a, b, goal=goal)
    return judge("accuracy", found, min_effect=min_effect, names=("calm-owl", "brave-otter"))


def test_the_direction_comes_from_the_goal() -> None:
    assert verdict(LOW, HIGH, "max").kind == "better"
    assert verdict(LOW, HIGH, "min").kind == "worse"
    assert verdict(HIGH, LOW, "max").kind == "worse"
    assert verdict(HIGH, LOW, "min").kind == "better"


def test_a_sentence_has_the_difference_the_interval_and_where_they_come_from() -> None:
    assert verdict(LOW, HIGH).sentence == (
        "brave-otter is better: accuracy is 0.0107 higher in brave-otter "
        "(95 % interval 0.0063 to 0.0150; 3 against 3 runs, Welch t)."
    )


def test_paired_runs_are_said_to_be_paired() -> None:
    found = compare_replicates(
        LOW, [0.98, 0.98, 0.99], seeds_a=[1, 2, 3], seeds_b=[1, 2, 3], goal="max"
    )
    assert "3 pairs of runs with the same seed, paired t" in judge("accuracy", found).sentence


def test_without_a_goal_nothing_is_better() -> None:
    found = verdict(LOW, HIGH, "")
    assert (found.kind, found.more_seeds) == ("can't tell", None)
    assert "Declare a goal" in found.sentence


def test_a_difference_within_the_margin_is_practically_none() -> None:
    assert verdict(LOW, HIGH, min_effect=0.02).kind == "practically the same"
    assert verdict(LOW, HIGH, "", min_effect=0.02).kind == "practically the same"


def test_better_by_perhaps_less_than_the_margin_says_so() -> None:
    found = verdict(LOW, HIGH, min_effect=0.01)
    assert found.kind == "better"
    assert "may be smaller than the 0.01 that matters" in found.sentence
    assert "may be smaller" not in verdict(LOW, HIGH, min_effect=0.005).sentence


def test_noise_is_told_with_the_seeds_that_would_settle_it() -> None:
    found = verdict([0.97, 0.971, 0.969], [0.975, 0.963, 0.982])
    assert found.kind == "can't tell"
    assert isinstance(found.more_seeds, int)
    said = f"About {found.more_seeds} more seeds each would settle a difference of this size half"
    assert said in found.sentence


def test_five_runs_each_tell_how_often_one_beats_the_other() -> None:
    a, b = [0.1, 0.2, 0.3, 0.4, 0.5], [0.35, 0.45, 0.55, 0.65, 0.75]
    for goal, share in (("max", "88 %"), ("min", "12 %")):
        found = verdict(a, b, goal)  # type: ignore[arg-type]
        chance = found.comparison.improvement
        assert chance is not None
        low, high = (f"{100 * end:.0f} %" for end in (chance.interval.low, chance.interval.high))
        assert found.sentence.endswith(
            f" A run of brave-otter beats one of calm-owl in {share} of all pairs "
            f"(95 % interval {low} to {high})."
        )
    assert "beats" not in verdict(a, b, "").sentence, "nothing says which is better"
    assert "beats" not in verdict(a[:4], b).sentence, "too few runs"


def test_a_hopeless_difference_needs_more_than_a_hundred_seeds() -> None:
    found = verdict([1.0, 2.0, 3.0], [1.1, 1.9, 3.01])
    assert found.more_seeds == "more than 100"
    assert "would need more than 100 more seeds each" in found.sentence


def test_means_that_are_equal_ask_what_matters() -> None:
    found = verdict([1.0, 2.0, 3.0], [1.0, 2.5, 2.5])
    assert found.sentence.startswith(
        "Can't tell: accuracy is the same in brave-otter on average, and either may be ahead ("
    )
    assert "min_effect of accuracy in gitml.yaml says which" in found.sentence
    hopeless = verdict([1.0, 2.0, 3.0], [1.0, 2.5, 2.5], min_effect=0.01)
    assert "more than 100 more seeds each to rule out 0.01" in hopeless.sentence


def test_a_single_run_is_called_that_and_gets_no_number_of_seeds() -> None:
    found = verdict([0.97], HIGH)
    assert (found.kind, found.more_seeds) == ("single run", None)
    assert found.comparison.p_value is None
    assert "calm-owl has 1 run and brave-otter has 3 runs" in found.sentence


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ([0.97, math.nan], HIGH, "not a finite number in 1 run of calm-owl"),
        (LOW, [0.98, math.inf, math.nan], "not a finite number in 2 runs of brave-otter"),
        ([0.97] * 3, [0.98] * 3, "the same in all runs of each"),
        ([], HIGH, "wasn't recorded on both sides"),
    ],
)
def test_what_leaves_no_interval_leaves_no_verdict(
    a: list[float], b: list[float], words: str
) -> None:
    found = verdict(a, b)
    assert found.kind == "can't tell"
    assert words in found.sentence


def test_a_margin_that_makes_no_sense_is_told() -> None:
    for margin in (-1, math.nan, math.inf):
        with pytest.raises(UsageError, match="smallest effect"):
            verdict(LOW, HIGH, min_effect=margin)


@given(
    st.lists(st.floats(-1e3, 1e3), max_size=6),
    st.lists(st.floats(allow_nan=True), max_size=6),
    st.sampled_from(["max", "min", ""]),
    st.floats(0, 10),
)
def test_every_verdict_is_one_sentence_that_fits_its_interval(
    a: list[float], b: list[float], goal: Goal, min_effect: float
) -> None:
    found = judge("loss", compare_replicates(a, b, goal=goal), min_effect=min_effect)
    assert found.sentence.endswith(".")
    assert "nan" not in found.sentence.lower()
    interval = found.comparison.interval
    if found.kind in ("better", "worse"):
        assert interval is not None
        assert interval.low > 0 or interval.high < 0
    if found.kind == "practically the same":
        assert interval is not None
        assert max(-interval.low, interval.high) < min_effect


P_VALUES = st.lists(st.floats(0, 1), max_size=5)


@given(P_VALUES)
def test_holm_is_the_closed_test_with_bonferroni(p_values: list[float]) -> None:
    """Adjusted p of a metric = largest Bonferroni p of any set of metrics that holds it."""
    places = range(len(p_values))
    sets = list(chain.from_iterable(combinations(places, n) for n in range(1, len(p_values) + 1)))
    expected = [
        max(
            min(1.0, len(chosen) * min(p_values[i] for i in chosen))
            for chosen in sets
            if k in chosen
        )
        for k in places
    ]
    assert holm(p_values) == pytest.approx(expected)


def test_holm_agrees_with_statsmodels() -> None:
    # statsmodels 0.15.0: multipletests([.01, .04, .03, .005], method="holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_one_primary_metric_gets_the_verdict_and_the_others_are_corrected() -> None:
    found = {
        "accuracy": compare_replicates(LOW, HIGH, goal="max"),
        "loss": compare_replicates([0.30, 0.32, 0.31], [0.27, 0.28, 0.275], goal="min"),
        "seconds": compare_replicates([5.0, 6.0, 7.0], [5.5, 6.5, 7.5]),
        "once": compare_replicates([1.0], [2.0], goal="max"),
    }
    verdicts = judge_all(found, primary="accuracy")
    assert verdicts.primary is not None
    assert verdicts.primary.kind == "better"
    rows = {row.metric: row for row in verdicts.secondary}
    assert list(rows) == ["loss", "once", "seconds"]
    assert rows["loss"].adjusted_p == pytest.approx(2 * (found["loss"].p_value or 0))
    assert rows["loss"].better is True
    assert rows["once"].adjusted_p is rows["once"].better is None
    assert rows["seconds"].better is None
    assert judge_all(found, primary="").primary is None


def test_a_gate_fails_only_on_what_is_shown_to_be_worse() -> None:
    def interval(low: float, high: float) -> Interval:
        return Interval(low, high, 0.95, "welch")

    assert worse_by_more_than(interval(-0.05, -0.02), 0.01, goal="max") is True
    assert worse_by_more_than(interval(-0.05, -0.02), 0.03, goal="max") is None
    assert worse_by_more_than(interval(-0.05, 0.02), 0.06, goal="max") is False
    assert worse_by_more_than(interval(0.02, 0.05), 0.01, goal="min") is True
    assert worse_by_more_than(interval(0.02, 0.05), 0.0, goal="max") is False
    assert worse_by_more_than(interval(0.02, 0.05), 0.0, goal="") is None
    assert worse_by_more_than(None, 0.0, goal="max") is None
