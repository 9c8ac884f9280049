"""What a script logs is what a comparison reads."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitml.api.explanations import log_explanations
from gitml.api.importances import log_importance
from gitml.api.predictions import log_predictions
from gitml.comparison.statistics.labels import labels
from gitml.outputs.explanations_file import read_explanations
from gitml.outputs.importance_file import read_importances
from gitml.outputs.predictions_file import read_predictions

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=8)
LABELS = st.sampled_from(["cat", "dog", "a,b", 'q"', " padded ", "7", "é"])


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("logged"))
        yield


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(TEXTS, LABELS, LABELS, st.floats(0, 1)), min_size=1, unique_by=lambda r: r[0]
    )
)
def test_labels_come_back(rows: list[Any]) -> None:
    ids, truth, guess, scores = map(list, zip(*rows, strict=True))
    found = read_predictions(
        log_predictions(ids, truth, guess, scores, groups=truth, slices={"a slice": guess})
    )
    assert (list(found.ids), labels(found.truth), labels(found.predictions)) == (ids, truth, guess)
    assert list(found.scores) == scores
    assert (list(found.groups or ()), list(found.slices["a slice"])) == (truth, guess)
    assert found.notes == ()


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(), st.floats(), st.floats()), min_size=1, unique_by=lambda r: r[0]))  # fmt: skip
def test_numbers_come_back(rows: list[Any]) -> None:
    ids, truth, guess = map(list, zip(*rows, strict=True))
    with warnings.catch_warnings(action="ignore"):
        found = read_predictions(log_predictions(ids, truth, guess))
    assert list(found.ids) == list(map(str, ids))
    for given_values, values in ((truth, found.truth), (guess, found.predictions)):
        for one, other in zip(given_values, values, strict=True):
            assert one == other or labels([one]) == labels([other])


def test_probabilities_come_back() -> None:
    table = np.random.default_rng(0).dirichlet(np.ones(4), 50).astype(np.float32)
    truth = np.arange(50) % 4
    found = read_predictions(
        log_predictions(np.arange(50), truth, table.argmax(1), table, classes=["a", "b", "c", "d"])
    )
    assert found.classes == ("a", "b", "c", "d")
    assert np.asarray(found.scores).astype(np.float32).tolist() == table.tolist()
    assert list(found.predictions) == ["abcd"[place] for place in table.argmax(1)]


def test_importances_and_explanations_come_back(tmp_path: Path) -> None:
    importance = {"age": 0.5, "id": -2.0, "a,b": 1e-300}
    assert read_importances(log_importance(importance)).values == importance
    for many in (10, 9_000):  # a table, and arrays
        values = np.random.default_rng(1).normal(size=(many, 6))
        path = log_explanations(np.arange(many), values, list("uvwxyz"))
        found = read_explanations(path)
        assert path.suffix == (".csv" if many == 10 else ".npz")
        assert found.features == tuple("uvwxyz")
        assert np.asarray(found.values).tolist() == values.tolist()
        assert list(found.ids) == list(map(str, range(many)))
