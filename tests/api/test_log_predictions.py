"""`gitml.log_predictions` writes what comparisons read, and refuses what nobody could compare."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

import gitml
from gitml.comparison.statistics.joined import Predictions
from gitml.comparison.statistics.predictions import compare_predictions
from gitml.errors import ArtifactError, ArtifactWarning
from tests.api.made_files import examples_of, left_over, rows_of, run

__all__ = ["run"]

IDS = ["a", "b", "c"]


def written(*arguments: Any, **options: Any) -> list[list[str]]:
    return rows_of(gitml.log_predictions(*arguments, **options))


def test_the_examples_of_the_documentation_work(run: Path) -> None:
    class Model:
        def predict(self, x: Any) -> Any:
            return np.array(x) * 1.5

    first, second = examples_of(gitml.log_predictions)
    probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    names = {"gitml": gitml, "ids": ["i1", "i2"], "y_true": ["cat", "dog"], "y_pred": [0, 1]}
    names |= {"probabilities": probabilities, "prices": [1.0, 2.5], "x": [1.0, 2.0]}
    names |= {"model": Model(), "cities": ["Bonn", "Rome"]}
    exec(first, {**names, "y_pred": ["cat", "dog"]})
    path = run / "made/predictions/predictions.csv"
    assert rows_of(path) == [
        ["id", "y_true", "y_pred", "p:cat", "p:dog"],
        ["i1", "cat", "cat", "0.899999976", "0.100000001"],
        ["i2", "dog", "dog", "0.200000003", "0.800000012"],
    ]
    exec(second, names)
    assert rows_of(path) == [
        ["id", "y_true", "y_pred", "slice:city"],
        ["i1", "1.0", "1.5", "Bonn"],
        ["i2", "2.5", "3.0", "Rome"],
    ]


def test_labels_of_every_library_are_the_same_text(run: Path) -> None:
    expected = [["id", "y_true", "y_pred"], ["1", "0", "1"], ["2", "1", "1"], ["3", "2", "0"]]
    truth, guess = [0, 1, 2], [1, 1, 0]
    forms: list[Any] = [
        list, tuple, np.array, torch.tensor, pd.Series,
        lambda values: np.array(values, "float32"),
        lambda values: np.array(values).reshape(-1, 1),
        lambda values: torch.tensor(values).float().requires_grad_(),
        lambda values: [torch.tensor(one) for one in values],
        lambda values: (np.int8(one) for one in values),
        lambda values: pd.Series(values, dtype="Int64"),
        pd.Categorical,
        lambda values: [str(one) for one in values],
    ]  # fmt: skip
    for form in forms:
        assert written([1, "2", np.int64(3)], form(truth), form(guess)) == expected
    assert written(IDS, [True, False, True], np.array([1, 0, 0]))[1:] == [
        ["a", "1", "1"], ["b", "0", "0"], ["c", "1", "0"]
    ]  # fmt: skip


def test_what_was_written_compares_like_the_arrays_themselves(run: Path) -> None:
    generator = np.random.default_rng(0)
    ids, truth = [f"i{n}" for n in range(300)], generator.integers(0, 3, 300)
    arms, files = [], []
    for _ in range(2):
        scores = generator.dirichlet([1, 1, 1], 300)
        guess = scores.argmax(1)
        arms.append(Predictions(ids, truth, guess, scores, classes=(0, 1, 2)))
        rows = written(ids, truth, guess, scores, slices={"third": truth % 2}, groups=truth)
        table = list(zip(*rows[1:], strict=True))
        back = [[float(row[k]) for k in (3, 4, 5)] for row in rows[1:]]
        files.append(Predictions(*table[:3], back, classes=("0", "1", "2")))
        assert rows[0] == [
            "id", "y_true", "y_pred", "p:0", "p:1", "p:2", "group", "slice:third"
        ]  # fmt: skip
    one, other = (compare_predictions(*sides, resamples=50) for sides in (arms, files))
    assert one == other


def test_numbers_of_a_regression_are_written_in_full(run: Path) -> None:
    truth = np.array([0.1 + 0.2, 1e-300, 2.0])
    rows = written(IDS, truth, torch.tensor([1.5, 2.0, float("inf")]).reshape(-1, 1))
    assert [float(row[1]) for row in rows[1:]] == truth.tolist()
    assert [row[2] for row in rows[1:]] == ["1.5", "2", "Infinity"]
    exact = np.float32([0.1, 1 / 3, 1e-30])
    back = [row[1] for row in written(IDS, exact, exact)[1:]]
    assert np.array_equal(np.array(back, "float32"), exact)


def test_a_single_score_of_two_classes_is_the_probability_of_the_second(run: Path) -> None:
    rows = written(IDS, [0, 1, 1], [0, 1, 0], scores=[0.25, 0.75, 0.5], classes=["no", "yes"])
    assert rows == [
        ["id", "y_true", "y_pred", "p:no", "p:yes"],
        ["a", "no", "no", "0.75", "0.25"],
        ["b", "yes", "yes", "0.25", "0.75"],
        ["c", "yes", "no", "0.5", "0.5"],
    ]
    rows = written(IDS, [0, 1, 1], [0, 1, 0], scores=torch.tensor([[0.5], [0.75], [0.5]]))
    assert rows[0][3:] == ["score"] and [row[3] for row in rows[1:]] == ["0.5", "0.75", "0.5"]


def test_a_probability_of_one_that_is_taken_for_a_confidence_is_said(run: Path) -> None:
    with pytest.warns(ArtifactWarning, match="classes=.0, 1. says"):
        gitml.log_predictions(IDS, [0, 1, 1], [0, 1, 0], scores=[0.2, 0.9, 0.4])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gitml.log_predictions(IDS, [0, 1, 1], [0, 1, 0], scores=[0.8, 0.9, 0.6])
        gitml.log_predictions(IDS, ["x", "y", "z"], ["x", "y", "y"], scores=[0.4, 0.4, 0.4])


def test_scores_that_are_not_finite_stay_and_are_counted_at_the_line_that_logged(
    run: Path,
) -> None:
    scores = [[0.5, 0.5], [float("nan"), 1.0], None]
    with pytest.warns(ArtifactWarning, match="2 examples of predictions.csv") as caught:
        rows = written(IDS, [0, 1, 1], [0, 1, 0], scores=scores)
    assert caught[0].filename == __file__
    assert [row[3:] for row in rows[1:]] == [["0.5", "0.5"], ["NaN", "1.0"], ["NaN", "NaN"]]
    with pytest.warns(ArtifactWarning, match="1 example "):
        gitml.log_predictions(IDS, [0, 1, 1], [0, 1, 0], scores=torch.tensor([1, float("inf"), 1]))


def test_missing_truths_and_predictions_are_empty_and_said(run: Path) -> None:
    with pytest.warns(ArtifactWarning, match="2 values of y_true are missing"):
        rows = written(IDS, ["x", None, ""], ["x", "y", "x"])
    assert [row[1] for row in rows[1:]] == ["x", "", ""]
    with pytest.warns(ArtifactWarning, match="1 value of y_pred is missing"):
        rows = written(IDS, [0.5, 1, 2], [0.5, float("nan"), 1])
    assert [row[2] for row in rows[1:]] == ["0.5", "NaN", "1.0"]


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([None, "b", "c"], r"1 of 3 ids is missing .None, NaN or empty., first in row 0"),
        (["a", float("nan"), float("nan")], "2 of 3 ids are missing"),
        (pd.Series(["a", None, ""]), "2 of 3 ids are missing"),
        (pd.Series([1, None, 3]), "1 of 3 ids is missing"),
        (["a", "", "c"], "first in row 1"),
        (np.array([1.0, 2.0, 3.0]), "which is no id"),
        (["a\nb", "c", "d"], "line break"),
        ([True, False, True], "which is no id"),
        ([], "ids is empty"),
        ("abc", "ids is 'abc'"),
        (None, "ids is None"),
        (["a", "b"], "There are 2 ids and 3 of y_true"),
        (np.zeros((3, 2), int), "2 values an example"),
    ],
    ids=repr,
)
def test_ids_that_name_no_example_are_refused(run: Path, ids: Any, said: str) -> None:
    with pytest.raises(ArtifactError, match=said) as caught:
        gitml.log_predictions(ids, [1, 2, 3], [1, 2, 3])
    assert isinstance(caught.value, ValueError) and not left_over(run)


def test_a_repeated_example_counts_once_and_a_contradiction_is_named(run: Path) -> None:
    ids, truth = ["a", "b", "a", "c", "b"], [1, 2, 1, 3, 2]
    scores = [[0.1], [0.2], [0.10000001], [0.3], [0.2]]
    rows = written(ids, truth, truth, scores, slices={"s": list("pqprq")}, groups=range(5))
    assert [row[0] for row in rows[1:]] == ["a", "b", "c"]
    assert rows[3][1:] == ["3", "3", "0.3", "3", "r"]
    again = written([1, "1"], [0.5, 0.5], [0.25, 0.25 + 1e-12])
    assert again[1:] == [["1", "0.5", "0.25"]]
    with pytest.raises(ArtifactError, match=r"The id 'b' has two different.* rows 1 and 4") as e:
        gitml.log_predictions(ids, truth, [1, 2, 1, 3, 9])
    assert "So have" not in e.value.message
    with pytest.raises(ArtifactError, match="So have 1 other id"):
        gitml.log_predictions(ids, [1, 2, 9, 3, 9], truth)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scores": [[0.5, 0.5]] * 2}, "3 ids and 2 of scores"),
        ({"scores": [[0.5, 0.5]] * 3, "classes": ["x"]}, "2 scores an example and 1 classes"),
        ({"scores": [[0.5, 0.5], [1], [0, 1]]}, "Row 1 of scores has 1 numbers"),
        ({"scores": np.zeros((3, 2, 2))}, "shape .3, 2, 2."),
        ({"scores": ["x", "y", "z"]}, "'x', which is no number"),
        ({"scores": [1, 2, 3], "classes": ["x", "y"]}, "the probability of 'y'"),
        ({"scores": [1, 0, 1], "classes": ["x", "y", "z"]}, "one score an example"),
        ({"scores": np.zeros((3, 2)), "classes": ["x", "x"]}, "'x' twice"),
        ({"groups": [1, 2]}, "3 ids and 2 of group"),
        ({"slices": {"s": [1]}}, "3 ids and 1 of slice:s"),
        ({"slices": {"": [1, 2, 3]}}, "can't name anything"),
        ({"slices": [1, 2, 3]}, "slices is a list"),
        ({"slices": {"s": "abc"}}, "the slice 's' is 'abc'"),
    ],
)
def test_columns_that_do_not_fit_are_said(run: Path, options: Any, said: str) -> None:
    with pytest.raises(ArtifactError, match=said):
        gitml.log_predictions(IDS, [0, 1, 1], [0, 1, 0], **options)
    assert not list(run.rglob("*.csv")) and not left_over(run)


def test_probabilities_in_place_of_labels_get_a_hint(run: Path) -> None:
    with pytest.raises(ArtifactError, match="y_pred has 4 values an example") as caught:
        gitml.log_predictions(IDS, [0, 1, 2], np.zeros((3, 4)))
    assert "argmax" in caught.value.hint


def test_positions_beyond_the_classes_stay_and_are_said(run: Path) -> None:
    with pytest.warns(ArtifactWarning) as caught:
        rows = written(IDS, [0, 1, -100], [0, 7, 1], classes=["cat", "dog"])
    assert [row[1:] for row in rows[1:]] == [["cat", "cat"], ["dog", "7"], ["-100", "dog"]]
    assert [str(one.message) for one in caught] == [
        "y_true has '-100', which is not among the classes.",
        "y_pred has '7', which is not among the classes.",
    ]


def test_a_slice_of_truths_says_true_and_false(run: Path) -> None:
    rows = written(IDS, [0, 1, 1], [0, 1, 0], slices={"dark": torch.tensor([True, False, True])})
    assert [row[3] for row in rows[1:]] == ["True", "False", "True"]


@pytest.mark.parametrize(
    "form",
    [
        lambda rows: torch.tensor(rows).to_sparse(),
        scipy.sparse.csr_matrix,
        lambda rows: (np.array(row) for row in rows),
    ],
)
def test_scores_may_be_sparse_or_come_one_by_one(run: Path, form: Any) -> None:
    rows = written(IDS, [0, 1, 1], [0, 1, 0], scores=form([[1.0, 0.0], [0.25, 0.75], [1.0, 0.0]]))
    assert [row[3:] for row in rows[1:]][1] == ["0.25", "0.75"]


def test_a_data_frame_gives_slices_and_classes(run: Path) -> None:
    frame = pd.DataFrame({"site": ["p", "q", None], "age": [1.0, 2.5, float("nan")]})
    scores = pd.DataFrame({"x": [0.5, 1, 0], "y": [0.5, 0, 1]})
    rows = written(IDS, ["x", "x", "y"], ["x", "y", "y"], scores=scores, slices=frame)
    assert rows[0][3:] == ["p:x", "p:y", "slice:site", "slice:age"]
    assert rows[3] == ["c", "y", "y", "0.0", "1.0", "", ""]


def test_odd_texts_read_back(run: Path) -> None:
    ids = ['a,"b"', "é\u2028x", " =1+1", "\udcff"]
    rows = written(ids, ['"', ",", "x\ny", "z\r"], ["p", "q", "r", "s"])
    assert [row[0] for row in rows[1:]] == [*ids[:3], "\\udcff"]
    assert [row[1] for row in rows[3:]] == ["x\ny", "z\r"]


def test_a_million_rows_are_written(run: Path) -> None:
    many = 1_000_000
    labels = np.arange(many) % 10
    path = gitml.log_predictions(range(many), labels, labels[::-1], scores=np.full(many, 0.75))
    with path.open() as file:
        assert sum(1 for _ in file) == many + 1
    path.unlink()
