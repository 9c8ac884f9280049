"""`gitml.log_importance` takes what libraries call importances, and writes one number a feature."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import gitml
from gitml.comparison.statistics.rankings import compare_rankings
from gitml.errors import ArtifactError, ArtifactWarning
from tests.api.made_files import examples_of, run

__all__ = ["run"]


def test_the_examples_of_the_documentation_work(run: Path) -> None:
    class Model:
        feature_importances_ = np.array([0.5, 0.25, 0.25])

    first, second = examples_of(gitml.log_importance)
    path = run / "made/importance/importance.json"
    exec(first)
    assert list(json.loads(path.read_bytes()).items()) == [
        ("age", 0.61), ("income", 0.27), ("city", 0.12)
    ]  # fmt: skip
    exec(second, {"gitml": gitml, "model": Model()})
    assert json.loads(path.read_bytes()) == {"age": 0.5, "income": 0.25, "city": 0.25}


def test_all_forms_of_an_importance_are_one(run: Path) -> None:
    values = [0.5, 0.25]
    forms: list[Any] = [
        {"b": 0.5, "a": 0.25},
        {"b": np.float64(0.5), "a": torch.tensor(0.25)},
        (["b", "a"], values),
        (("b", "a"), tuple(values)),
        [["b", "a"], np.array(values)],
        (np.array(["b", "a"]), torch.tensor(values, requires_grad=True)),
        (pd.Index(["b", "a"]), pd.Series(values)),
        [("b", 0.5), ("a", 0.25)],
        pd.Series(values, ["b", "a"]),
    ]
    texts = {gitml.log_importance(form).read_text() for form in forms}
    assert texts == {'{\n "b": 0.5,\n "a": 0.25\n}\n'}
    assert gitml.log_importance(np.array([values]), features=["b", "a"]).read_text() in texts


def test_models_of_scikit_learn_say_what_they_rely_on(run: Path) -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.inspection import permutation_importance
    from sklearn.linear_model import LinearRegression, LogisticRegression

    x = pd.DataFrame(np.random.default_rng(0).random((60, 3)), columns=["p", "q", "r"])
    y = (x["q"] > 0.5).astype(int) + (x["r"] > 0.8)

    def logged(*arguments: Any, **options: Any) -> dict[str, float]:
        known: dict[str, float] = json.loads(
            gitml.log_importance(*arguments, **options).read_text()
        )
        assert list(known) == ["p", "q", "r"]
        return known

    forest = RandomForestClassifier(5, random_state=0).fit(x, y)
    assert list(logged(forest).values()) == forest.feature_importances_.tolist()
    line = LinearRegression().fit(x, y)
    assert list(logged(line).values()) == line.coef_.tolist()
    several = LogisticRegression().fit(x, y)
    means = np.abs(several.coef_).mean(0)
    assert np.allclose(list(logged(several).values()), means)
    bare = LogisticRegression().fit(x.to_numpy(), y > 0)
    assert np.allclose(list(logged(bare, features=["p", "q", "r"]).values()), bare.coef_[0])
    shuffled = permutation_importance(forest, x, y, n_repeats=2, random_state=0)
    with pytest.raises(ArtifactError, match="The RandomForestClassifier has no feature_imp"):
        gitml.log_importance(RandomForestClassifier())  # it was never fitted
    found = logged(shuffled, features=list(x.columns))
    assert np.allclose(list(found.values()), shuffled.importances_mean)


def test_the_index_of_a_frame_with_one_column_names_the_features(run: Path) -> None:
    frame = pd.DataFrame({"importance": [0.75, 0.25]}, index=["a", "b"])
    assert json.loads(gitml.log_importance(frame).read_text()) == {"a": 0.75, "b": 0.25}


def test_numbers_that_are_not_finite_are_spelled_and_said(run: Path) -> None:
    with pytest.warns(ArtifactWarning, match="3 features of importance.json"):
        path = gitml.log_importance({"a": math.nan, "b": -math.inf, "c": None, "d": 1})
    known = json.loads(path.read_text())
    assert known == {"a": "NaN", "b": "-Infinity", "c": "NaN", "d": 1}
    assert compare_rankings(known, known).shared == 4


@pytest.mark.parametrize(
    ("importance", "features", "said"),
    [
        ((["a", "b", "a"], [1, 2, 3]), None, "'a' twice"),
        ({1: 0.5, "1": 0.5}, None, "'1' twice"),
        ((["a", "b"], [1, 2, 3]), None, "2 features and 3 numbers"),
        (pd.Series([1, 2], ["a", "a"]), None, "'a' twice"),
        ({}, None, "There are no features"),
        ({"a": "much"}, None, "'a' is 'much', and no number"),
        ({"a": [1, 2]}, None, "no number"),
        ({"a": True}, None, "no number"),
        (np.array([1, 2]), None, "its features have no names"),
        (np.array([1, 2]), ["a"], "1 feature and 2 numbers"),
        ("age", None, "'age'"),
        (None, ["a"], "None"),
        ({"": 1}, None, "can't name anything"),
    ],
)
def test_what_is_no_importance_is_said(
    run: Path, importance: Any, features: Any, said: str
) -> None:
    with pytest.raises(ArtifactError, match=said):
        gitml.log_importance(importance, features=features)
    assert not list(run.rglob("*.json"))
