"""The starter projects train in seconds, are good enough, and give the same bytes every time."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import yaml
from safetensors import safe_open

TEMPLATES = Path(__file__).parents[2] / "gitml" / "templates"
NAMES = sorted(path.parent.name for path in TEMPLATES.glob("*/gitml.yaml"))
TEST_ACCURACY = {"cnn": 0.97, "mlp": 0.95}


def run(folder: Path, script: str) -> str:
    done = subprocess.run(
        [sys.executable, script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def outputs(folder: Path) -> dict[str, str]:
    declared = yaml.safe_load((folder / "gitml.yaml").read_text())["outputs"]
    found = {}
    for name in chain.from_iterable(declared.values()):
        paths = sorted((folder / name).iterdir()) if (folder / name).is_dir() else [folder / name]
        assert paths, f"{name} is declared and empty"
        for path in paths:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[path.relative_to(folder).as_posix()] = digest
    return found


@pytest.fixture(scope="module", params=NAMES)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("starter") / str(request.param)
    shutil.copytree(TEMPLATES / str(request.param), folder)
    run(folder, "prepare_data.py")
    run(folder, "train.py")
    return folder


def test_both_starters_are_there() -> None:
    assert NAMES == ["cnn", "mlp"]


def test_a_starter_reaches_a_sensible_accuracy_on_its_test_part(trained: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["accuracy"] > TEST_ACCURACY[trained.name]
    assert metrics["valid_accuracy"] > TEST_ACCURACY[trained.name]


def test_the_metrics_of_a_starter_are_those_of_its_predictions(trained: Path) -> None:
    with (trained / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    right = sum(row["y_true"] == row["y_pred"] for row in rows)
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["accuracy"] == pytest.approx(right / len(rows), abs=1e-9)
    parts = json.loads((trained / "splits.json").read_text())
    assert [int(row["id"]) for row in rows] == parts["test"]


def test_no_example_of_a_starter_is_in_two_parts(trained: Path) -> None:
    parts = json.loads((trained / "splits.json").read_text())
    assert list(parts) == ["train", "valid", "test"]
    ids = list(chain.from_iterable(parts.values()))
    assert len(ids) == len(set(ids)) == {"cnn": 1797, "mlp": 569}[trained.name]


def test_a_starter_writes_its_history_epoch_by_epoch(trained: Path) -> None:
    with (trained / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = yaml.safe_load((trained / "params.yaml").read_text())["train"]["epochs"]
    assert [int(row["step"]) for row in rows] == list(range(1, epochs + 1))
    assert list(rows[0]) == ["step", "train_loss", "valid_loss", "valid_accuracy"]


def test_the_weights_of_a_starter_are_safetensors(trained: Path) -> None:
    with safe_open(trained / "model.safetensors", framework="pt") as weights:
        assert len(list(weights.keys())) > 4


def test_a_starter_writes_all_that_it_declares_and_git_ignores_it(trained: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=trained, check=True)
    for path in outputs(trained):
        subprocess.run(["git", "check-ignore", "-q", path], cwd=trained, check=True)


def test_the_same_settings_give_the_same_bytes(trained: Path) -> None:
    before = outputs(trained)
    data = {path: path.read_bytes() for path in (trained / "data").iterdir()}
    parts = (trained / "splits.json").read_bytes()
    run(trained, "prepare_data.py")
    assert {path: path.read_bytes() for path in (trained / "data").iterdir()} == data
    assert (trained / "splits.json").read_bytes() == parts
    run(trained, "train.py")
    assert outputs(trained) == before


@pytest.mark.parametrize("name", NAMES)
def test_the_training_script_of_a_starter_knows_nothing_of_gitml(name: str) -> None:
    source = (TEMPLATES / name / "train.py").read_text()
    assert "import gitml" not in source
    assert "from gitml" not in source
