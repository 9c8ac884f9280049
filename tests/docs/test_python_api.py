"""The page on the Python API has all of it, and what its examples say can be done."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gitml

np = pytest.importorskip("numpy")

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "python-api.md").read_text(
    encoding="utf-8"
)
_SECTION = re.compile(r"^### gitml\.(\w+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS: dict[str, str] = dict(_SECTION.findall(PAGE))
# Those that need a recorded project run with it, beside the tests of the API.
_OF_A_PROJECT = ("params", "experiments")


def _names() -> dict[str, Any]:
    """Return what the examples take for granted, as small as it can be."""
    torch = pytest.importorskip("torch")
    captum = pytest.importorskip("captum.attr")
    figure = pytest.importorskip("matplotlib.figure").Figure()
    figure.subplots().plot([1, 2])
    ids = [f"example-{number}" for number in range(4)]
    x = torch.randn(4, 3)

    class Model(torch.nn.Linear):  # type: ignore[name-defined, misc]
        feature_importances_ = np.array([0.5, 0.3, 0.2])

        def predict(self, given: Any) -> Any:
            return self(given).sum(1).detach()

    # shap isn't installed with the tests; this is what its explanations have.
    names = ["age", "income", "city"]
    values = SimpleNamespace(values=x.numpy(), base_values=np.zeros(4), feature_names=names)
    return {
        "gitml": gitml,
        "figure": figure,
        "epoch": 3,
        "loss": torch.tensor(0.5),
        "model": Model(3, 2),
        "IntegratedGradients": captum.IntegratedGradients,
        "shap": SimpleNamespace(Explainer=lambda model: lambda given: values),
        "x": x,
        "names": names,
        "ids": ids,
        "y_true": [0, 1, 1, 0],
        "y_pred": [0, 1, 0, 0],
        "probabilities": np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]),
        "prices": [1.0, 2.0, 3.0, 4.0],
        "cities": ["Rome", "Oslo", "Rome", "Oslo"],
        "train_ids": ids[:2],
        "valid_ids": ids[2:3],
        "test_ids": ids[3:],
    }


def test_every_public_name_has_a_section() -> None:
    assert set(SECTIONS) == set(gitml.__all__) - {"__version__"}


@pytest.mark.parametrize("name", sorted(set(SECTIONS) - set(_OF_A_PROJECT)))
def test_an_example_does_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITML_RUN_DIR", str(tmp_path / "run"))
    examples = _EXAMPLE.findall(SECTIONS[name])
    assert examples
    names = _names()
    if name == "hash_split":
        names["ids"] = list(range(100))
    if name == "load_weights":
        gitml.save_weights(names["model"], "model")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Captum asks torch for what torch calls old.
        warnings.filterwarnings("ignore", module="captum")
        for example in examples:
            exec(compile(example, name, "exec"), names)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written, f"gitml.{name} wrote nothing"
