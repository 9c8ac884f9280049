"""Which examples flipped, and what they look like: from real runs to the lines of the diff."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from gitml.comparison.contents import ComparedPredictions
from gitml.config import Examples, load
from gitml.operations.artifact_files import ArtifactFiles
from gitml.operations.compare_importances import compare_explanations, compare_importances
from gitml.operations.compare_predictions import compare_predictions
from gitml.views import importances, predictions, sheet
from tests.conftest import Project
from tests.promises.comparing import arms_of

# Which examples a kind of model gets wrong is a pure function of kind and seed.
TRAIN = """\
import csv, json, pathlib, random, sys
import numpy as np

args = dict(word.removeprefix("--").split("=") for word in sys.argv[1:])
kind, seed = args["kind"], int(args.get("seed", 1))
data = np.load("data/digits.npz")
wrong = {"a": {3, 5, 8, 40 + seed}, "b": {3, 10, 11, 50 + seed, 60 + seed}}.get(kind, set())
rows = []
for item, label in zip(data["ids"].tolist(), data["labels"].tolist()):
    guess = (label + 1) % 10 if item in wrong else label
    rows.append([item, label, guess, 0.75, "left" if item < 60 else "right"])
if kind == "half":
    rows = rows[:50]
random.Random(seed).shuffle(rows)
header = ["id", "y_true", "y_pred", "score", "site"]
if kind == "rowless":
    header, rows = header[1:], [row[1:] for row in rows]
with open("predictions.csv", "w", newline="") as file:
    csv.writer(file, lineterminator="\\n").writerows([header, *rows])
right = sum(row[-4] == row[-3] for row in rows) / len(rows)
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": right}))
shares = {"age": 3, "height": 2, "weight": 1 if kind == "a" else 6}
pathlib.Path("importance.json").write_text(json.dumps(shares))
with open("explanations.csv", "w", newline="") as file:
    moved = {"a": 0.0, "b": 2.0}.get(kind, 0.0)
    lines = [[i, 1.0, moved if i == 7 else 0.0] for i in range(20)]
    csv.writer(file, lineterminator="\\n").writerows([["id", "age", "height"], *lines])
"""
CONFIG = """\
data: [data]
examples: {path: data/digits.npz, ids: ids, images: images}
metrics:
  accuracy: {goal: max, primary: true}
outputs:
  metrics: [metrics.json]
  predictions: [predictions.csv]
  importance: [importance.json]
  explanations: [explanations.csv]
"""


def ran(project: Project, kind: str, seed: int) -> str:
    found = project.run("--", "python", "train.py", f"--kind={kind}", f"--seed={seed}")
    name: str = found["experiment"]
    return name


def begun(root: Path, config: str = CONFIG, *, track: bool = True) -> Project:
    root.mkdir()
    project = Project(root)
    project.git("init", "-q")
    project.write("train.py", TRAIN)
    project.write("gitml.yaml", config)
    (root / "data").mkdir()
    ids = np.arange(100)
    images = (ids[:, None, None] * np.ones((100, 8, 8))).astype(np.uint8)
    np.savez(root / "data" / "digits.npz", ids=ids, labels=ids % 10, images=images)
    project.gitml("init")
    if track:
        dvc = [sys.executable, "-m", "dvc", "add", "-q", "data"]
        subprocess.run(dvc, cwd=root, check=True, capture_output=True)
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    return project


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, list[str]]]:
    project = begun(tmp_path_factory.mktemp("predictions") / "project")
    names = {kind: [ran(project, kind, seed) for seed in (1, 2)] for kind in ("a", "b")}
    names["rowless"] = [ran(project, "rowless", 1)]
    names["half"] = [ran(project, "half", 1)]
    return project, names


def compared(
    project: Project, *names: str, replicates: bool = False, pictures: bool = False
) -> tuple[ComparedPredictions, list[str]]:
    repository, folder, arms = arms_of(project.root, *names, replicates=replicates)
    with ArtifactFiles(repository, folder) as files:
        config = load(project.root)
        found = compare_predictions(files, arms, config=config, pictures=pictures)
        assert len(found) == 1
        return found[0], list(files.missing)


def text_of(found: ComparedPredictions, names: Sequence[str]) -> str:
    return sheet.text(predictions.sections([found], names), width=80)


Runs = tuple[Project, dict[str, list[str]]]


def test_predictions_are_joined_by_id_though_rows_are_shuffled(runs: Runs) -> None:
    project, names = runs
    pair = names["a"][0], names["b"][0]
    found, missing = compared(project, *pair)
    comparison = found.comparison
    assert comparison is not None
    assert not missing and not found.notes
    accuracy = comparison.estimates[0]
    assert (accuracy.a, accuracy.b, accuracy.examples) == (0.96, 0.95, 100)
    agreement = comparison.agreement
    assert agreement is not None and agreement.mcnemar is not None
    assert (agreement.wins, agreement.losses) == (3, 4)
    assert agreement.mcnemar.p_value == pytest.approx(stats.binomtest(3, 7).pvalue)
    assert {flip.id for flip in comparison.flips.examples if flip.direction == "won"} == {
        "5", "8", "41",
    }  # fmt: skip
    assert {row.value: row.examples for row in comparison.slices} == {"left": 60, "right": 40}

    text = text_of(found, pair)
    assert f"Only {pair[1]} is right on 3, only {pair[0]} on 4." in text
    assert "no difference beyond chance" in text
    assert "7 predictions flipped: 3 now right, 4 now wrong." in text
    assert max(map(len, text.splitlines())) <= 80


def test_another_test_set_is_said_above_the_metrics(runs: Runs) -> None:
    project, names = runs
    whole, half = names["a"][0], names["half"][0]
    notes = json.loads(project.gitml("exp", "diff", whole, half, "--json").stdout)["notes"]
    (said,) = (note for note in notes if "weren't tested on the same examples" in note)
    assert "in predictions.csv, 50 examples are on one side alone" in said
    text = project.gitml("exp", "diff", whole, half).stdout
    assert text.index(said[:40]) < text.index("Metrics")
    same = json.loads(project.gitml("exp", "diff", whole, names["b"][0], "--json").stdout)
    assert not any("same examples" in note for note in same["notes"])


def test_replicates_are_averaged_example_by_example(runs: Runs) -> None:
    project, names = runs
    pair = names["a"][0], names["b"][0]
    found, _ = compared(project, *pair, replicates=True)
    assert found.comparison is not None and found.comparison.agreement is not None
    assert found.comparison.runs == (2, 2)
    assert found.comparison.agreement.mcnemar is None
    assert found.comparison.agreement.churn_a == pytest.approx(0.02)
    assert found.comparison.estimates[0].b == pytest.approx(0.95)
    text = text_of(found, pair)
    assert "means over 2 and 2 runs" in text
    assert f"Other seeds alone change 2 % ({pair[0]}) and 4 % ({pair[1]})." in text


def test_flipped_examples_have_their_pictures(runs: Runs) -> None:
    project, names = runs
    found, _ = compared(project, names["a"][0], names["b"][0], pictures=True)
    assert found.notes == ()
    levels = {}
    for one in found.pictures:
        assert one.media == "image/png"
        with Image.open(io.BytesIO(one.content)) as image:
            assert image.size == (128, 128)
            levels[one.id] = image.getpixel((0, 0))
    assert set(levels) == {"5", "8", "10", "11", "41", "51", "61"}
    assert sorted(levels, key=int) == sorted(levels, key=lambda name: levels[name])


def test_pictures_come_from_the_recorded_data_and_from_nothing_else(runs: Runs) -> None:
    project, names = runs
    pair = names["a"][0], names["b"][0]
    data, cache = project.root / "data" / "digits.npz", project.root / ".dvc" / "cache"
    before, aside = data.read_bytes(), project.root.parent / "cache"
    cache.rename(aside)
    try:
        found, _ = compared(project, *pair, pictures=True)
        assert len(found.pictures) == 7, "what is in the work tree is what was recorded"
        data.chmod(0o644)
        np.savez(data, ids=np.arange(100), images=np.zeros((100, 8, 8)))
        found, _ = compared(project, *pair, pictures=True)
        assert found.pictures == ()
        assert "data/digits.npz" in found.notes[0] and "isn't here" in found.notes[0]
        data.unlink()
        data.symlink_to(aside.parent / "elsewhere.npz")
        (aside.parent / "elsewhere.npz").write_bytes(before)
        found, _ = compared(project, *pair, pictures=True)
        assert found.pictures == (), "a link may lead anywhere"
    finally:
        data.unlink(missing_ok=True)
        data.write_bytes(before)
        shutil.move(aside, cache)


def test_what_has_no_ids_is_not_compared(runs: Runs) -> None:
    project, names = runs
    pair = names["a"][0], names["rowless"][0]
    found, _ = compared(project, *pair)
    assert found.comparison is None
    assert f"predictions.csv of {pair[1]} has no column of ids." in found.notes[0]
    assert "joined by id, never by row: add an id column" in text_of(found, pair)


def test_importances_and_explanations_are_compared(runs: Runs) -> None:
    project, names = runs
    repository, folder, arms = arms_of(project.root, names["a"][0], names["b"][0])
    with ArtifactFiles(repository, folder) as files:
        important, explained = compare_importances(files, arms), compare_explanations(files, arms)
    assert important[0].comparison is not None and explained[0].comparison is not None
    assert important[0].comparison.moved[0].feature == "weight"
    assert important[0].comparison.within_a == pytest.approx(1)
    shift = explained[0].comparison.shifted[0]
    assert (shift.id, shift.feature, shift.change) == ("7", "height", 1.0)
    titles = names["a"][0], names["b"][0]
    text = sheet.text(importances.sections(important, explained, titles), width=80)
    assert "weight" in text and "3 → 1" in text
    assert "20 examples, 2 features" in text
    assert max(map(len, text.splitlines())) <= 80


def test_an_artifact_that_is_not_here_is_said(tmp_path: Path) -> None:
    project = begun(tmp_path / "project", CONFIG + "large: 100 B\n")
    pair = ran(project, "a", 1), ran(project, "b", 1)
    found, _ = compared(project, *pair)
    assert found.comparison is not None, "objects of DVC storage have no suffix"
    shutil.rmtree(project.root / ".dvc" / "cache")
    found, missing = compared(project, *pair)
    assert found.comparison is None
    assert f"predictions.csv of {pair[0]} isn't on this machine" in found.notes[0]
    assert missing == [f"{name}: predictions.csv" for name in pair]


PATTERN = """\
import csv, pathlib, sys

kind = sys.argv[1]
ids = [line for line in pathlib.Path("ids.txt").read_text().split("\\n") if line]
for path in sorted(pathlib.Path("data").rglob("*.png")):
    path.read_bytes()
with open("predictions.csv", "w", newline="") as file:
    lines = [[name, 1, 1 if kind == "a" else 0] for name in ids]
    csv.writer(file).writerows([["id", "y_true", "y_pred"], *lines])
"""


@pytest.mark.parametrize("known_to", ["dvc", "git", "nobody"])
def test_an_id_leads_to_its_own_file_and_nowhere_else(tmp_path: Path, known_to: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    project = Project(root)
    project.git("init", "-q")
    project.write("train.py", PATTERN)
    project.write(
        "gitml.yaml",
        "examples: data/{id}.png\noutputs:\n  predictions: [predictions.csv]\n",
    )
    sound = ["one", "cats/two"]
    hostile = ["../secret", "../../etc/passwd", "/etc/passwd", "link", "folder/inner", "", "a\\b", "..", "three"]  # fmt: skip
    project.write("ids.txt", "\n".join([*sound, *filter(None, hostile)]))
    image = io.BytesIO()
    Image.new("L", (4, 4), 200).save(image, "PNG")
    for name in ("data/one.png", "data/cats/two.png", "secret.png", "elsewhere/inner.png"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(image.getvalue())
    project.gitml("init")
    if known_to == "dvc":
        dvc = [sys.executable, "-m", "dvc", "add", "-q", "data"]
        subprocess.run(dvc, cwd=root, check=True, capture_output=True)
    elif known_to == "nobody":
        with (root / ".gitignore").open("a") as file:
            file.write("/data\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    names = [project.run("--", "python", "train.py", kind)["experiment"] for kind in "ab"]
    os.symlink(root / "secret.png", root / "data" / "link.png")
    os.symlink(root / "elsewhere", root / "data" / "folder")

    found, _ = compared(project, *names, pictures=True)
    assert found.comparison is not None
    assert found.comparison.flips.lost == len(sound) + len(hostile) - 1
    assert {one.id: one.content for one in found.pictures} == dict.fromkeys(sound, image.getvalue())
    assert found.notes == (
        "8 flipped examples aren't shown: not found by their ids in data/{id}.png.",
    )


def test_rows_of_a_table_show_examples_that_are_text(tmp_path: Path) -> None:
    project = begun(tmp_path / "project")
    text = "".join(f"{item},word {item},x\n" for item in range(100))
    project.write("data/test.csv", f"id,text,other\n{text}")
    config = load(project.root)
    assert config.examples == Examples("data/digits.npz")
    project.write("gitml.yaml", CONFIG.replace("{path: data/digits.npz, ids: ids, images: images}", "{path: data/test.csv, id: id, show: [text]}"))  # fmt: skip
    subprocess.run([sys.executable, "-m", "dvc", "add", "-q", "data"], cwd=project.root, check=True, capture_output=True)  # fmt: skip
    project.git("commit", "-qam", "texts")
    names = ran(project, "a", 1), ran(project, "b", 1)
    found, _ = compared(project, *names, pictures=True)
    shown = {one.id: (one.media, one.content) for one in found.pictures}
    assert shown["5"] == ("text/plain", b"word 5")
    assert len(shown) == 7

    project.write("gitml.yaml", CONFIG.replace("images: images", "images: nope"))
    found, _ = compared(project, *names, pictures=True)
    assert found.pictures == ()
    assert "data/digits.npz has no array 'nope'." in found.notes[0]


def test_one_score_is_a_chance_where_a_threshold_made_the_predictions(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.root.mkdir()
    project.git("init", "-q")
    project.write(
        "train.py",
        """\
import csv, sys
shift = float(sys.argv[1])
with open("predictions.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["id", "y_true", "y_pred", "score"])
    for item in range(200):
        chance = min(max(item / 200 + shift, 0), 1)
        writer.writerow([item, int(item >= 100), int(chance > 0.5), chance])
""",
    )
    project.write("gitml.yaml", "outputs:\n  predictions: [predictions.csv]\n")
    project.gitml("init")
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    names = [project.run("--", "python", "train.py", shift)["experiment"] for shift in ("0", "0.1")]
    found, _ = compared(project, *names)
    assert found.notes == ("Scores are taken for the probability of 1.",)
    assert found.comparison is not None
    brier = next(row for row in found.comparison.estimates if row.name == "brier")
    chances = np.arange(200) / 200
    assert brier.a == pytest.approx(np.mean((chances - (np.arange(200) >= 100)) ** 2))
