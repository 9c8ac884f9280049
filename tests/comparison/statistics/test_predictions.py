"""Comparing predictions: what changed, how sure that is, and where."""

from __future__ import annotations

import math
import random
import sys
import time
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss, confusion_matrix, mean_absolute_error

from gitml.comparison.statistics.joined import Predictions
from gitml.comparison.statistics.predictions import PredictionComparison, compare_predictions


def model(many: int, rate: float, seed: int, *, classes: int = 3, **options: Any) -> Predictions:
    """Return predictions that are right with a probability, of the same truth for all seeds."""
    generator = random.Random(0)
    truth = [generator.randrange(classes) for _ in range(many)]
    generator = random.Random(seed)
    guess = [
        true
        if generator.random() < rate
        else (true + 1 + generator.randrange(classes - 1)) % classes
        for true in truth
    ]
    return Predictions(list(range(many)), truth, guess, **options)


def shuffled(run: Predictions, seed: int) -> Predictions:
    """Return the same predictions with their rows in another order."""
    order = list(range(len(run.ids)))
    random.Random(seed).shuffle(order)
    columns = {
        name: [getattr(run, name)[i] for i in order]
        for name in ("ids", "y_true", "y_pred", "scores", "groups")
        if getattr(run, name) is not None
    }
    slices = {name: [column[i] for i in order] for name, column in run.slices.items()}
    return msgspec.structs.replace(run, **columns, slices=slices)


def regression(many: int, noise: float, seed: int, **options: Any) -> Predictions:
    truth = [math.sin(i) for i in range(many)]
    generator = random.Random(seed)
    guess = [value + generator.gauss(0, noise) for value in truth]
    return Predictions(list(range(many)), truth, guess, **options)


def estimate(found: PredictionComparison, name: str) -> Any:
    return next(row for row in found.estimates if row.name == name)


def test_wins_losses_and_churn_are_counted() -> None:
    truth = ["a"] * 10
    one = ["a"] * 5 + ["b"] * 5
    other = ["a"] * 3 + ["b"] * 2 + ["a"] + ["b"] * 2 + ["c"] * 2
    found = compare_predictions(
        Predictions(range(10), truth, one), Predictions(range(10), truth, other)
    )
    assert found.agreement is not None
    assert (found.agreement.both_right, found.agreement.wins, found.agreement.losses) == (3, 1, 2)
    assert found.agreement.churn == 0.5
    assert found.agreement.churn_a is found.agreement.churn_b is None
    assert found.agreement.mcnemar is not None
    assert found.agreement.mcnemar.p_value == pytest.approx(stats.binomtest(1, 3).pvalue)
    assert (found.flips.won, found.flips.lost, found.flips.changed) == (1, 2, 2)


def test_the_accuracy_is_a_share_and_its_interval_is_reproducible() -> None:
    a, b = model(800, 0.8, 1), model(800, 0.9, 2)
    found = compare_predictions(a, b)
    row = estimate(found, "accuracy")
    assert row.a == pytest.approx(
        sum(t == p for t, p in zip(a.y_true, a.y_pred, strict=True)) / 800
    )
    assert row.difference == pytest.approx(row.b - row.a)
    assert row.interval.low < row.difference < row.interval.high
    assert found == compare_predictions(shuffled(a, 5), shuffled(b, 6))
    assert estimate(compare_predictions(a, b, seed=9), "accuracy").interval != row.interval


def test_swapping_the_sides_turns_the_interval_round() -> None:
    a, b = model(300, 0.8, 1), model(300, 0.9, 2)
    there, back = (estimate(compare_predictions(*pair), "accuracy") for pair in ((a, b), (b, a)))
    assert there.interval.low == pytest.approx(-back.interval.high, abs=1e-12)


def test_the_paired_interval_agrees_with_scipy(without_numpy: bool) -> None:
    a, b = model(400, 0.8, 1), model(400, 0.85, 2)
    gains = np.array(b.y_pred) == np.array(b.y_true)
    gains = gains.astype(float) - (np.array(a.y_pred) == np.array(a.y_true))
    expected = stats.bootstrap(
        (gains,), np.mean, method="percentile", n_resamples=9_999, rng=0
    ).confidence_interval
    interval = estimate(compare_predictions(a, b), "accuracy").interval
    assert interval.low == pytest.approx(expected.low, abs=0.006)
    assert interval.high == pytest.approx(expected.high, abs=0.006)


@pytest.fixture(params=[False, True], ids=["numpy", "plain"])
def without_numpy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run with numpy, and as if it weren't installed."""
    if request.param:
        monkeypatch.setitem(sys.modules, "numpy", None)
    return bool(request.param)


def test_few_disagreements_get_an_interval_that_holds() -> None:
    a = Predictions(range(500), ["x"] * 500, ["y"] * 4 + ["x"] * 496)
    b = Predictions(range(500), ["x"] * 500, ["x"] * 500)
    row = estimate(compare_predictions(a, b), "accuracy")
    assert row.interval.method == "bonett-price"
    assert row.interval.low < 0 < row.interval.high  # four wins of four: p = 0.125
    clustered = msgspec.structs.replace(a, groups=list(range(500)))
    found = compare_predictions(clustered, b)
    assert estimate(found, "accuracy").interval is None
    assert any("Too few groups" in note for note in found.notes)


def test_whole_groups_are_resampled() -> None:
    generator = random.Random(4)
    right = [generator.random() < 0.5 for _ in range(60)]
    groups = [place // 10 for place in range(600)]
    truth = [1] * 600
    a = Predictions(range(600), truth, [int(right[g]) for g in groups])
    b = Predictions(range(600), truth, [int(generator.random() < 0.6) for _ in groups])
    alone = compare_predictions(a, b)
    grouped = compare_predictions(msgspec.structs.replace(a, groups=groups), b)
    wide, narrow = (estimate(found, "accuracy").interval for found in (grouped, alone))
    assert wide.half_width > 1.5 * narrow.half_width
    assert wide.units == 60
    assert grouped.groups == estimate(grouped, "accuracy").groups == 60
    assert grouped.agreement is not None
    assert grouped.agreement.mcnemar is None


def test_an_example_without_a_group_stands_alone() -> None:
    run = model(100, 0.8, 1, groups=[None] * 60 + ["p"] * 40)
    found = compare_predictions(run, model(100, 0.5, 2))
    assert found.groups == estimate(found, "accuracy").groups == 61


def test_seeds_are_averaged_before_examples_are_resampled() -> None:
    a, b = [model(300, 0.8, s) for s in range(3)], [model(300, 0.9, s) for s in range(10, 14)]
    found = compare_predictions(a, b)
    row = estimate(found, "accuracy")
    assert found.runs == (3, 4)
    assert row.examples == row.interval.units == 300
    per_run = [sum(t == p for t, p in zip(run.y_true, run.y_pred, strict=True)) / 300 for run in a]
    assert row.a == pytest.approx(sum(per_run) / 3)
    assert found.agreement is not None
    assert found.agreement.mcnemar is None
    assert found.agreement.churn_a is not None
    assert 0.2 < found.agreement.churn_a < 0.5
    assert found.confusion is not None
    assert sum(map(sum, found.confusion.a)) == pytest.approx(300)


def test_the_same_run_three_times_is_as_sure_as_once() -> None:
    a, b = model(300, 0.8, 1), model(300, 0.9, 2)
    once, thrice = compare_predictions(a, b), compare_predictions([a] * 3, [b] * 3)
    one, three = (estimate(found, "accuracy").interval for found in (once, thrice))
    assert (three.low, three.high) == pytest.approx((one.low, one.high))


def test_errors_of_numbers_are_compared() -> None:
    a, b = regression(500, 0.5, 1), regression(500, 0.4, 2)
    found = compare_predictions(a, b)
    assert found.task == "regression"
    assert found.agreement is found.confusion is None
    mae, rmse = estimate(found, "mae"), estimate(found, "rmse")
    assert mae.a == pytest.approx(mean_absolute_error(a.y_true, a.y_pred))
    errors = np.array(b.y_pred) - np.array(b.y_true)
    assert rmse.b == pytest.approx(math.sqrt(np.mean(errors**2)))
    for row in (mae, rmse):
        assert row.goal == "min"
        assert row.interval.low < row.difference < row.interval.high < 0
    steps = [abs(flip.change) for flip in found.flips.examples if flip.change is not None]
    assert found.flips.score == "absolute error"
    assert found.flips.lost + found.flips.won == 500
    lost = [flip for flip in found.flips.examples if flip.direction == "lost"]
    assert [f.change for f in lost] == sorted((f.change for f in lost), reverse=True)
    assert len(steps) == 200


def test_slices_are_listed_and_small_ones_have_no_interval() -> None:
    column = ["big"] * 170 + ["small"] * 29 + [None]
    a = model(200, 0.6, 1, slices={"size": column, "id": [f"n{i}" for i in range(200)]})
    found = compare_predictions(a, model(200, 0.9, 2))
    assert [(row.value, row.examples) for row in found.slices] == [
        ("big", 170),
        ("small", 29),
        ("", 1),
    ]
    assert [row.interval is not None for row in found.slices] == [True, False, False]
    assert found.not_slices == ("id",)
    total = sum(row.difference * row.examples for row in found.slices) / 200
    assert total == pytest.approx(estimate(found, "accuracy").difference)


def test_slices_of_numbers_have_their_mean_error() -> None:
    a = regression(100, 0.5, 1, slices={"half": [i % 2 for i in range(100)]})
    found = compare_predictions(a, regression(100, 0.4, 2))
    assert {row.metric for row in found.slices} == {"mae"}
    assert all(row.interval is not None for row in found.slices)


def test_only_the_largest_of_very_many_slices_get_intervals() -> None:
    columns = {f"c{i}": [row % 2 + i for row in range(80)] for i in range(40)}
    found = compare_predictions(model(80, 0.5, 1, slices=columns), model(80, 0.8, 2), resamples=20)
    assert len(found.slices) == 80
    assert sum(row.interval is not None for row in found.slices) <= 80
    mixed = {f"c{i}": ["x"] * (41 + i) + ["y"] * (39 - i) for i in range(39)}
    found = compare_predictions(model(80, 0.5, 1, slices=mixed), model(80, 0.8, 2), resamples=20)
    assert 0 < sum(row.interval is not None for row in found.slices) <= 50


def test_calibration_and_the_brier_score_agree_with_their_definitions() -> None:
    generator = random.Random(1)
    scores = [generator.random() for _ in range(300)]
    truth = [int(generator.random() < s) for s in scores]
    a = Predictions(range(300), truth, [int(s > 0.5) for s in scores], scores=scores, positive=1)
    bold = [min(1.0, max(0.0, 2 * s - 0.5)) for s in scores]
    b = Predictions(range(300), truth, [int(s > 0.5) for s in bold], scores=bold, positive=1)
    found = compare_predictions(a, b)
    (honest,), (overconfident,) = found.calibration_a, found.calibration_b
    assert honest.brier == pytest.approx(brier_score_loss(truth, scores))
    assert estimate(found, "brier").b == pytest.approx(brier_score_loss(truth, bold))
    assert honest.ece < overconfident.ece
    for one in (honest, overconfident):
        assert sum(row.examples for row in one.bins) == one.examples == 300
        gaps = [row.examples * abs(row.accuracy - row.confidence) for row in one.bins]
        assert one.ece == pytest.approx(sum(gaps) / 300)
    assert len(honest.bins) == 15
    assert {row.examples for row in honest.bins} == {20}


def test_equal_confidences_stay_in_one_bin() -> None:
    run = model(200, 0.7, 1, scores=[0.9] * 150 + [0.6] * 50)
    found = compare_predictions(run, shuffled(run, 3))
    assert [(row.low, row.examples) for row in found.calibration_a[0].bins] == [
        (0.6, 50),
        (0.9, 150),
    ]
    assert found.calibration_a == found.calibration_b


def test_the_confusion_matrix_agrees_with_sklearn() -> None:
    a, b = model(300, 0.7, 1), model(300, 0.9, 2)
    found = compare_predictions(a, b).confusion
    assert found is not None
    assert found.labels == ("0", "1", "2")
    assert np.array_equal(found.a, confusion_matrix(a.y_true, a.y_pred))
    assert np.array_equal(found.b, confusion_matrix(b.y_true, b.y_pred))
    steps = [abs(cell.b - cell.a) for cell in found.changes]
    assert steps == sorted(steps, reverse=True)


def test_very_many_labels_give_no_matrix_and_the_cells_that_changed_most() -> None:
    found = compare_predictions(model(900, 0.5, 1, classes=150), model(900, 0.9, 2, classes=150))
    assert found.confusion is not None
    assert found.confusion.a == found.confusion.b == ()
    assert len(found.confusion.changes) == 50


def test_flips_are_sorted_by_their_size_and_bounded() -> None:
    generator = random.Random(2)
    scores = [[generator.random() for _ in range(500)] for _ in range(2)]
    a, b = model(500, 0.6, 1, scores=scores[0]), model(500, 0.7, 2, scores=scores[1])
    found = compare_predictions(a, b, limit=10).flips
    assert found.score == "signed confidence"
    directions = [flip.direction for flip in found.examples]
    assert directions == ["lost"] * 10 + ["won"] * 10 + ["changed"] * 10
    assert found.lost > 10
    for start in (0, 10, 20):
        sizes = [abs(flip.change or 0) for flip in found.examples[start : start + 10]]
        assert sizes == sorted(sizes, reverse=True)
    everything = compare_predictions(a, b, limit=10**6).flips
    assert len(everything.examples) == everything.lost + everything.won + everything.changed
    for flip in everything.examples:
        place = int(flip.id)
        assert (flip.truth, flip.a, flip.b) == tuple(
            str(column[place]) for column in (a.y_true, a.y_pred, b.y_pred)
        )
        assert flip.a != flip.b


def test_flips_without_scores_are_sorted_by_id() -> None:
    found = compare_predictions(model(90, 0.5, 1), model(90, 0.5, 2)).flips
    assert found.score == ""
    lost = [flip.id for flip in found.examples if flip.direction == "lost"]
    assert lost == sorted(lost)


def test_what_several_runs_say_most_often_is_what_flips() -> None:
    def run(*guesses: str) -> Predictions:
        return Predictions(["p", "q"], ["x", "x"], guesses)

    a = [run("x", "y"), run("x", "z"), run("y", "z")]
    b = [run("y", "z"), run("y", "y"), run("x", "z")]
    found = compare_predictions(a, b).flips
    assert [(flip.id, flip.a, flip.b, flip.direction) for flip in found.examples] == [
        ("p", "x", "y", "lost")
    ]


def test_nan_scores_leave_the_example_and_are_counted() -> None:
    scores = [0.9] * 95 + [math.nan] * 5
    found = compare_predictions(model(100, 0.8, 1, scores=scores), model(100, 0.8, 2))
    assert estimate(found, "accuracy").examples == 100
    assert found.calibration_a[0].examples == 95
    assert found.calibration_b == ()
    assert any("5 scores are no finite number" in note for note in found.notes)


def test_what_was_left_out_is_said() -> None:
    a = Predictions(["a", "b", "b", "c", "d"], [1, 1, 1, 1, None], [1, 1, 2, 1, 1])
    b = Predictions(["a", "c", "d", "e"], [1, 2, None, 1], [1, 1, 1, 1])
    notes = " ".join(compare_predictions(a, b, names=("calm-owl", "brave-otter")).notes)
    for part in (
        "1 id of brave-otter",
        "1 id is there more than once with different content",
        "1 id is labelled differently",
        "1 id is without a truth",
        "1 example is too few for an interval",
    ):
        assert part in notes


def test_nothing_in_common_is_no_error() -> None:
    found = compare_predictions(Predictions(["a"], [1], [1]), Predictions(["b"], [1], [1]))
    assert found.estimates == ()
    assert found.agreement is found.confusion is None
    assert "No example can be compared" in found.notes[0]
    empty = Predictions([], [], [])
    assert compare_predictions(empty, empty).left.shared == 0


def test_a_comparison_can_be_written_as_json() -> None:
    a, b = model(60, 0.6, 1, scores=[math.nan] * 60), model(60, 0.8, 2, scores=[0.5] * 60)
    text = msgspec.json.encode(compare_predictions(a, b))
    assert b"NaN" not in text


def test_a_million_rows_are_compared_in_bounded_time_and_space() -> None:
    many = 1_000_000
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 10, many)

    def run(rate: float) -> Predictions:
        wrong = generator.random(many) > rate
        return Predictions(range(many), truth, np.where(wrong, (truth + 1) % 10, truth))

    a, b = run(0.95), run(0.952)
    start = time.process_time()
    found = compare_predictions(a, b)
    assert time.process_time() - start < 60  # about 4 s; a quadratic step would take hours
    row = estimate(found, "accuracy")
    assert row.examples == many
    assert row.interval.half_width == pytest.approx(1.96 * math.sqrt(0.0956 / many), rel=0.1)
    assert len(found.flips.examples) <= 300


def test_a_hundred_thousand_rows_are_compared_without_numpy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    row = estimate(compare_predictions(model(100_000, 0.9, 1), model(100_000, 0.9, 2)), "accuracy")
    assert row.interval.units == 500
    assert row.interval.half_width == pytest.approx(1.96 * math.sqrt(0.18 / 100_000), rel=0.15)
