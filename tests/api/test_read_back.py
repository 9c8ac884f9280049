"""What scripts log is read back as they gave it: by the readers that `gitml exp diff` uses."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gitml
from gitml.api.place import RUN_VARIABLE
from gitml.comparison.statistics.attributions import Attributions, compare_attributions
from gitml.errors import ArtifactWarning
from gitml.outputs.explanations_file import read_explanations
from gitml.outputs.importance_file import read_importances
from gitml.outputs.predictions_file import read_predictions
from tests.api.made_files import run

__all__ = ["run"]

NAMES = st.text("abcé .,:/%-\"'", min_size=1, max_size=6).map(str.strip).filter(bool)


@pytest.fixture
def logging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For what hypothesis calls many times: the folder of one run, whose files are replaced."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(RUN_VARIABLE, str(tmp_path_factory.mktemp("run")))
        yield


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, st.floats(allow_nan=False), min_size=1, max_size=6))
def test_importances_are_read_as_they_were_given(logging: None, known: dict[str, float]) -> None:
    known["one"] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArtifactWarning)
        found = read_importances(gitml.log_importance(known)).values
    assert list(found) == list(known)
    for name, value in known.items():
        assert found[name] == value or abs(value) > 1e150  # those are no numbers in comparisons


def _words(alphabet: str) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=1, max_size=5).map(str.strip).filter(bool)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(_words("abé ,;\t|\"'"), min_size=1, max_size=5, unique=True),
    classes=st.lists(_words("abé ,;\t|\"'"), min_size=2, max_size=3, unique=True),
    data=st.data(),
)
def test_predictions_are_read_as_they_were_given(
    logging: None, ids: list[str], classes: list[str], data: st.DataObject
) -> None:
    def column(values: st.SearchStrategy[str]) -> list[str]:
        return data.draw(st.lists(values, min_size=len(ids), max_size=len(ids)))

    truth, guess = (column(st.sampled_from(classes)) for _ in range(2))
    places = column(_words('abé ,;\t|\r\n"'))
    scores = np.full((len(ids), len(classes)), 1 / len(classes))
    found = read_predictions(
        gitml.log_predictions(
            ids, truth, guess, scores, classes=classes, slices={"s;x": places}, groups=places
        )
    )
    assert [list(one) for one in (found.ids, found.truth, found.predictions)] == [ids, truth, guess]
    assert list(found.classes) == classes
    assert list(found.slices["s;x"]) == list(found.groups or ()) == places


@pytest.mark.parametrize("examples", [3, 3_000])
@pytest.mark.parametrize("shape", [(20,), (3, 2, 4)])
def test_explanations_are_read_as_they_were_given(run: Path, examples: int, shape: Any) -> None:
    values = np.random.default_rng(0).normal(size=(examples, *shape)).astype("float32")
    ids = [f"bild-é-{number}" for number in range(examples)]
    names = [f"f{number}" for number in range(20)] if shape == (20,) else None
    path = gitml.log_explanations(ids, values, names, base_values=0.5)
    assert path.suffix == (".csv" if examples == 3 else ".npz")
    found = read_explanations(path)
    assert list(found.ids) == ids and not found.notes
    if names:
        assert list(found.features) == names
    side = Attributions(found.ids, found.values, found.features)
    own = Attributions(ids, values.reshape(examples, -1), found.features)
    compared = compare_attributions(own, side)
    assert compared.examples == examples and (compared.p90_change or 0) < 1e-8
