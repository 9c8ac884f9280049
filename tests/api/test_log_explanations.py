"""`gitml.log_explanations` takes attributions of captum, shap and others, joined by id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import gitml
from gitml.comparison.statistics.attributions import Attributions, compare_attributions
from gitml.errors import ArtifactError, ArtifactWarning
from tests.api.made_files import examples_of, left_over, rows_of, run

__all__ = ["run"]


class Explanation:
    """What shap's is: https://shap.readthedocs.io/en/latest/generated/shap.Explanation.html."""

    def __init__(self, values: Any, base_values: Any, names: Any, outputs: Any = None) -> None:
        self.values, self.base_values, self.feature_names = values, base_values, names
        self.output_names = outputs


def test_the_examples_of_the_documentation_work(run: Path) -> None:
    from captum.attr import IntegratedGradients

    class Shap:
        def Explainer(self, model: Any) -> Any:
            return lambda x: Explanation(np.ones((2, 3)), np.zeros(2), list("abc"))

    first, second = examples_of(gitml.log_explanations)
    torch.manual_seed(0)
    model, x = torch.nn.Linear(3, 2), torch.rand(2, 3, requires_grad=True)
    names = {"gitml": gitml, "IntegratedGradients": IntegratedGradients, "model": model, "x": x}
    names |= {"ids": ["i1", "i2"], "names": ["a", "b", "c"], "shap": Shap()}
    exec(first, names)
    path = run / "made/explanations/explanations.csv"
    rows = rows_of(path)
    assert rows[0] == ["id", "a", "b", "c"] and rows[1][0] == "i1"
    expected = IntegratedGradients(model).attribute(x, target=1).detach().numpy()
    assert np.allclose(np.array([row[1:] for row in rows[1:]], float), expected)
    exec(second, names)
    assert rows_of(path)[1] == ["i1", "1.0", "1.0", "1.0"]
    table = run / "made/tables/explanations.base_values.csv"
    assert rows_of(table) == [["id", "base_value"], ["i1", "0.0"], ["i2", "0.0"]]


def test_all_forms_of_attributions_are_one(run: Path) -> None:
    rows = [[1.0, 0.5], [0.25, -2.0]]
    forms: list[Any] = [
        rows, np.array(rows), torch.tensor(rows, requires_grad=True), (torch.tensor(rows),),
        [torch.tensor(row) for row in rows], (np.array(row) for row in rows),
        pd.DataFrame(rows, columns=["f", "g"]), torch.tensor(rows).bfloat16(),
        np.asfortranarray(np.array(rows, "float16")), tuple(map(tuple, rows)),
        Explanation(np.array(rows), None, ["f", "g"]),
    ]  # fmt: skip
    for form in forms:
        features = None if hasattr(form, "columns") or isinstance(form, Explanation) else ["f", "g"]
        found = rows_of(gitml.log_explanations([7, "8"], form, features))
        assert found[0] == ["id", "f", "g"]
        assert [[row[0], *map(float, row[1:])] for row in found[1:]] == [
            ["7", 1, 0.5], ["8", 0.25, -2]
        ]  # fmt: skip


def test_many_numbers_become_arrays_without_pickles_and_with_the_same_bytes(run: Path) -> None:
    values = np.random.default_rng(0).random((600, 2, 50)).astype("float32")
    ids = [f"é{n}" for n in range(600)]
    path = gitml.log_explanations(ids, torch.tensor(values), base_values=np.arange(600))
    assert path.name == "explanations.npz" and not list(run.rglob("*.csv"))
    with np.load(path, allow_pickle=False) as known:
        assert known["ids"].tolist() == ids and known["shape"].tolist() == [2, 50]
        assert np.array_equal(known["values"], values.reshape(600, 100))
        assert known["values"].dtype == np.float32 and "features" not in known
        assert known["base_values"].tolist() == [[n] for n in range(600)]
        again = compare_attributions(
            Attributions(known["ids"], known["values"]), Attributions(ids, values)
        )
        assert again.examples == 600 and again.p90_change == 0
    before = path.read_bytes()
    path.unlink()
    assert gitml.log_explanations(ids, values, base_values=range(600)).read_bytes() == before
    lists = gitml.log_explanations(ids, values.reshape(600, -1).tolist(), range(100), name="l.npz")
    with np.load(lists, allow_pickle=False) as known:
        assert known["features"].tolist() == [str(n) for n in range(100)]
        assert np.array_equal(known["values"], values.reshape(600, 100).astype(float))


def test_the_shape_of_images_is_in_the_names_of_the_columns(run: Path) -> None:
    rows = rows_of(gitml.log_explanations(["x"], np.arange(12).reshape(1, 2, 2, 3)))
    assert rows[0][1:4] == ["0.0.0", "0.0.1", "0.0.2"] and rows[0][-1] == "1.1.2"
    assert rows[1][1:] == [f"{n}.0" for n in range(12)]


def test_attributions_of_several_outputs_have_a_column_each(run: Path) -> None:
    values = np.arange(8.0).reshape(2, 2, 2)
    plain = rows_of(gitml.log_explanations([1, 2], values, ["f", "g"]))
    assert plain[0] == ["id", "f.0", "f.1", "g.0", "g.1"]
    known = Explanation(values, np.ones((2, 2)), ["f", "g"], ["no", "yes"])
    assert rows_of(gitml.log_explanations([1, 2], known))[0] == [
        "id", "f.no", "f.yes", "g.no", "g.yes"
    ]  # fmt: skip
    table = rows_of(run / "made/tables/explanations.base_values.csv")
    assert table[0] == ["id", "base_value.0", "base_value.1"]


def test_the_errors_that_captum_returns_beside_attributions_are_no_input(run: Path) -> None:
    both = (torch.ones(2, 2), torch.zeros(2))  # with return_convergence_delta
    assert rows_of(gitml.log_explanations([1, 2], both))[1:] == [["1", "1", "1"], ["2", "1", "1"]]


def test_one_base_value_for_each_output_is_that_of_every_example(run: Path) -> None:
    gitml.log_explanations([1, 2, 3], np.ones((3, 4, 2)), base_values=torch.tensor([0.25, 0.75]))
    table = rows_of(run / "made/tables/explanations.base_values.csv")
    assert table[1:] == [[one, "0.25", "0.75"] for one in "123"]


def test_the_suffix_of_the_name_is_that_of_the_format(run: Path) -> None:
    for name in ("deep", "deep.csv", "deep.npz"):
        assert gitml.log_explanations([1], [[1.0]], name=name).name == "deep.csv"
        assert gitml.log_explanations([1], np.ones((1, 60_000)), name=name).name == "deep.npz"


def test_a_second_call_replaces_the_first_whatever_its_size(run: Path) -> None:
    def logged() -> list[str]:
        paths = [path for path in (run / "made").rglob("*.*") if path.is_file()]
        return sorted(path.name for path in paths if not path.name.startswith("."))

    few, many = [[1.0]], np.ones((1, 60_000))
    gitml.log_explanations([1], few, base_values=0.5)
    assert logged() == ["explanations.base_values.csv", "explanations.csv"]
    gitml.log_explanations([1], many, base_values=0.5)
    assert logged() == ["explanations.npz"]
    gitml.log_explanations([1], few)
    assert logged() == ["explanations.csv"]


def test_repeats_are_left_out_and_contradictions_are_named(run: Path) -> None:
    values = [[1.0, 2.0], [3.0, 4.0], [1.0, 2.0 + 1e-9]]
    assert len(rows_of(gitml.log_explanations(["a", "b", "a"], values))) == 3
    with pytest.raises(ArtifactError, match="The id 'a' has two different explanations"):
        gitml.log_explanations(["a", "a"], values[:2])
    wide = np.ones((3, 20_000))
    path = gitml.log_explanations(["a", "b", "a"], wide)
    with np.load(path) as known:
        assert known["values"].shape == (2, 20_000) and known["ids"].tolist() == ["a", "b"]


def test_attributions_that_are_not_finite_are_said(run: Path) -> None:
    with pytest.warns(ArtifactWarning, match="1 example of explanations.csv") as caught:
        path = gitml.log_explanations([1, 2], [[float("nan"), None], [0, 1]])
    assert rows_of(path)[1] == ["1", "NaN", "NaN"] and caught[0].filename == __file__


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        ([[1, 2]], {}, "There are 2 ids and 1 of values"),
        ([1, 2], {}, "shape .2,."),
        (np.ones(2), {}, "shape .2,."),
        (np.ones((2, 0)), {}, "shape .2, 0."),
        ([[1, 2], [3]], {}, "Row 1 of values has the shape .1,., and the first has .2,."),
        ([[[1, 2], [3]]] * 2, {}, "parts of different shapes"),
        ([["x"], ["y"]], {}, "'x', which is no number"),
        (np.array([["x"], ["y"]]), {}, "no numbers"),
        (np.ones((2, 2), complex), {}, "they are complex"),
        ("ab", {}, "no rows of numbers"),
        (np.ones((2, 3)), {"features": ["f"]}, "1 feature and values of the shape .2, 3."),
        (np.ones((2, 2)), {"features": ["f", "f"]}, "'f' twice"),
        (np.ones((2, 2)), {"features": ["f", "id"]}, "named id"),
        (np.ones((2, 2)), {"base_values": [1, 2, 3]}, "2 ids and 3 base_values"),
        ((torch.ones(2, 1), torch.ones(2, 3)), {}, "2 inputs of a model"),
    ],
)
def test_what_does_not_fit_is_said_and_leaves_nothing(
    run: Path, values: Any, options: Any, said: str
) -> None:
    with pytest.raises(ArtifactError, match=said):
        gitml.log_explanations([1, 2], values, **options)
    assert not list(run.rglob("*.csv")) and not left_over(run)
