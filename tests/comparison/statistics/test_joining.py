"""Joining predictions: by id, never by row, and nothing left out unsaid."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.comparison.statistics.joined import Joined, Predictions
from gitml.comparison.statistics.joining import join
from gitml.comparison.statistics.labels import label, labels, number, order_of
from gitml.errors import UsageError


def predictions(rows: dict[Any, tuple[Any, Any]] | list[tuple[Any, Any, Any]]) -> Predictions:
    """Return predictions from id → (truth, prediction), or from such rows."""
    if isinstance(rows, dict):
        rows = [(name, *pair) for name, pair in rows.items()]
    return Predictions(*(list(column) for column in zip(*rows, strict=True)))


def joined(a: Any, b: Any, **options: Any) -> Joined:
    return join([predictions(a)], [predictions(b)], **options)


def test_rows_are_joined_by_id_in_whatever_order() -> None:
    found = joined({"x": (1, 1), "y": (2, 3), "z": (3, 3)}, {"z": (3, 1), "x": (1, 2), "y": (2, 2)})
    assert list(found.ids) == ["x", "y", "z"]
    assert list(found.truth) == ["1", "2", "3"]
    assert list(found.a[0].predictions) == ["1", "3", "3"]
    assert list(found.b[0].predictions) == ["2", "2", "1"]
    assert (found.right_a, found.right_b) == ([1.0, 0.0, 1.0], [0.0, 1.0, 0.0])


@given(st.permutations(range(8)), st.permutations(range(8)))
def test_the_order_of_rows_never_matters(one: list[int], other: list[int]) -> None:
    rows = [(f"id{i}", i % 3, (i * i) % 3) for i in range(8)]
    straight = joined(rows, rows)
    assert joined([rows[i] for i in one], [rows[i] for i in other]) == straight


def test_ids_and_labels_of_json_csv_and_arrays_are_the_same() -> None:
    a = Predictions([7, 8], [1, 0], [1.0, 0.0])
    b = Predictions(np.array(["7", "8"]), np.array([1, 0]), np.array([True, False]))
    found = join([a], [b])
    assert list(found.ids) == ["7", "8"]
    assert found.right_a == found.right_b == [1.0, 1.0]


def test_only_ids_that_both_have_are_compared_and_the_others_counted() -> None:
    found = joined({"a": (1, 1), "b": (1, 1), "c": (1, 1)}, {"b": (1, 1), "c": (1, 1), "d": (1, 1)})
    assert list(found.ids) == ["b", "c"]
    assert (found.left.shared, found.left.only_a, found.left.only_b) == (2, 1, 1)


def test_ids_must_be_in_every_run_of_both_arms() -> None:
    full = {"a": (1, 1), "b": (1, 1), "c": (1, 1)}
    found = join(
        [predictions(full), predictions({"a": (1, 1), "b": (1, 1)})],
        [predictions({"b": (1, 1), "c": (1, 1)})],
    )
    assert list(found.ids) == ["b"]
    assert (found.left.partial, found.left.only_a, found.left.only_b) == (1, 1, 0)


def test_repeated_rows_count_once() -> None:
    found = joined([("a", 1, 1), ("b", 1, 2), ("a", 1, 1)], [("a", 1, 1), ("b", 1, 1)])
    assert list(found.ids) == ["a", "b"]
    assert (found.left.repeats, found.left.contradictions) == (1, 0)


def test_an_id_that_contradicts_itself_is_left_out() -> None:
    found = joined([("a", 1, 1), ("b", 1, 2), ("a", 1, 2)], [("a", 1, 1), ("b", 1, 1)])
    assert list(found.ids) == ["b"]
    assert (found.left.repeats, found.left.contradictions) == (1, 1)
    assert (found.left.only_a, found.left.only_b) == (0, 0)


def test_repeated_numbers_may_differ_by_rounding() -> None:
    found = joined([("a", 1.5, 2.5), ("a", 1.5, 2.5 + 1e-9)], [("a", 1.5, 2.0)])
    assert found.left.contradictions == 0


def test_a_relabelled_example_is_left_out() -> None:
    found = joined({"a": (1, 1), "b": (1, 1)}, {"a": (2, 1), "b": (1, 1)})
    assert list(found.ids) == ["b"]
    assert found.left.relabelled == 1


@pytest.mark.parametrize("nothing", [None, math.nan, ""])
def test_an_example_without_truth_or_prediction_is_left_out(nothing: object) -> None:
    found = joined(
        {"a": (nothing, "x"), "b": ("x", nothing), "c": ("x", "x")},
        {"a": (nothing, "x"), "b": ("x", "x"), "c": ("x", "y")},
    )
    assert list(found.ids) == ["c"]
    assert (found.left.without_truth, found.left.without_prediction) == (1, 1)


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf, 1e300, "x"])
def test_a_number_that_is_none_is_left_out(nothing: object) -> None:
    found = joined(
        {"a": (1.5, nothing), "b": (2.5, 2.4)},
        {"a": (1.5, 1.4), "b": (2.5, 2.6)},
        task="regression",
    )
    assert list(found.ids) == ["b"]
    assert found.left.without_prediction == 1


@pytest.mark.parametrize(
    ("truth", "guess", "task"),
    [
        ([1, 2], [2, 1], "classification"),
        ([1.0, 2.0], [2.0, math.nan], "classification"),
        (["cat", "dog"], ["dog", "dog"], "classification"),
        ([34, 18], [33.2, 17.0], "regression"),
        ([0.5, 1.0], [1.0, 1.0], "regression"),
    ],
)
def test_the_task_is_found_out(truth: list[Any], guess: list[Any], task: str) -> None:
    run = Predictions(["a", "b"], truth, guess)
    assert join([run], [run]).task == task


def test_columns_of_different_lengths_are_told() -> None:
    good = Predictions(["a", "b"], [1, 2], [1, 2])
    for bad, name in (
        (Predictions(["a"], [1, 2], [1]), "y_true"),
        (Predictions(["a"], [1], [1], scores=[0.1, 0.2]), "scores"),
        (Predictions(["a"], [1], [1], groups=[]), "groups"),
        (Predictions(["a"], [1], [1], slices={"sex": ["f", "m"]}), "slice sex"),
    ):
        with pytest.raises(UsageError, match=name):
            join([good], [bad])
    with pytest.raises(UsageError, match="no predictions"):
        join([], [good])


def test_groups_and_slices_come_from_the_first_run_that_has_them() -> None:
    a = Predictions(["a", "b"], [1, 2], [1, 2])
    b = Predictions(["b", "a"], [2, 1], [2, 1], groups=["p2", None], slices={"s": [2.0, 1.0]})
    found = join([a], [b])
    assert found.groups == ["", "p2"]
    assert found.slices == {"s": ["1", "2"]}


# Scores


def scored(scores: Any, **options: Any) -> Joined:
    run = Predictions(["a", "b", "c"], [1, 0, 1], [1, 1, 0], scores=scores, **options)
    return join([run], [run])


def test_confidences_are_signed_by_whether_the_prediction_is_right() -> None:
    side = scored([0.9, 0.8, 0.7]).a[0]
    assert list(side.truth_scores or ()) == [0.9, -0.8, -0.7]
    assert list(side.confidences or ()) == [0.9, 0.8, 0.7]
    assert side.brier is None


def test_probabilities_of_the_positive_label_tell_that_of_the_truth() -> None:
    side = scored([0.9, 0.8, 0.3], positive=1).a[0]
    assert list(side.truth_scores or ()) == pytest.approx([0.9, 0.2, 0.3])
    assert list(side.confidences or ()) == pytest.approx([0.9, 0.8, 0.7])
    assert list(side.brier or ()) == pytest.approx([0.01, 0.64, 0.49])


@pytest.mark.parametrize("kind", [list, np.array])
def test_rows_of_probabilities_tell_all(kind: Any) -> None:
    rows = kind([[0.1, 0.9], [0.2, 0.8], [0.7, 0.3]])
    side = scored(rows).a[0]
    assert list(side.truth_scores or ()) == pytest.approx([0.9, 0.2, 0.3])
    assert list(side.confidences or ()) == pytest.approx([0.9, 0.8, 0.7])
    assert list(side.brier or ()) == pytest.approx([0.02, 1.28, 0.98])
    named = scored(rows, classes=["1", "0"]).a[0]
    assert list(named.truth_scores or ()) == pytest.approx([0.1, 0.8, 0.7])


def test_nan_scores_are_counted_and_keep_the_example() -> None:
    for scores in ([0.9, math.nan, None], [[0.1, 0.9], [math.nan, 0.5], [math.inf, 0]]):
        found = scored(scores)
        assert found.left.shared == 3
        assert found.left.scores_not_finite == 4  # two of each arm
        assert math.isnan((found.a[0].truth_scores or ())[1])


def test_logits_are_no_probabilities() -> None:
    for scores in ([3.2, -1.0, 0.5], [[3.0, -1.0], [0.5, 0.2], [2.0, 2.0]]):
        side = scored(scores).a[0]
        assert side.confidences is side.brier is None
        assert side.truth_scores is not None


def test_ragged_rows_and_odd_classes_don_t_pass() -> None:
    assert scored([[0.1, 0.9], [0.5], "x"]).left.scores_not_finite == 4
    with pytest.raises(UsageError, match="2 scores an example and 3 classes"):
        scored([[0.1, 0.9]] * 3, classes=["a", "b", "c"])


def test_a_truth_that_is_no_class_has_no_probability() -> None:
    side = scored([[0.1, 0.9]] * 3, classes=["0", "7"]).a[0]
    assert list(side.truth_scores or ()) == pytest.approx([0.0, 0.1, 0.0])
    assert math.isnan((side.confidences or ())[0])


# Labels


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("007", "007"),
        (7, "7"),
        (7.0, "7"),
        (7.5, "7.5"),
        (True, "1"),
        (None, ""),
        (math.nan, ""),
        (math.inf, "inf"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_labels_have_one_spelling(value: object, text: str) -> None:
    assert label(value) == text
    assert labels([value, value]) == [text, text]


def test_very_many_labels_are_spelled_the_same() -> None:
    values = [float(i) for i in range(11_000)]
    assert labels(values) == [str(i) for i in range(11_000)]


def test_numbers_sort_before_text() -> None:
    texts = ["b", "10", "9", "a", "-1", "nan"]
    random.Random(1).shuffle(texts)
    assert sorted(texts, key=order_of) == ["-1", "9", "10", "a", "b", "nan"]
    assert math.isnan(number("nan"))
    assert math.isnan(number(object()))
    assert math.isnan(number(10**400))
