"""An explanation is about the nearest experiments, and says what it can't say."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project

TRAIN = """\
import json
import model

rate = 0.0
for line in open("params.yaml"):
    name, _, value = line.partition(":")
    rate += float(value) if name == "lr" else 0
json.dump({"score": model.score(rate)}, open("metrics.json", "w"))
"""
MODEL = """\
def score(rate):
    return rate * 10


class Net:
    def forward(self, x):
        return x
"""


@pytest.fixture
def small(tmp_path: Path) -> Project:
    """A project without DVC whose run is quick, with nothing recorded yet."""
    project = Project(tmp_path / "project")
    project.root.mkdir()
    project.git("init", "-q", "-b", "main")
    project.write("train.py", TRAIN)
    project.write("model.py", MODEL)
    project.write("params.yaml", "lr: 0.1\nwidth: 8\nseed: 1\n")
    project.write("gitml.yaml", "command: python train.py\n")
    project.write(".gitignore", "/metrics.json\n__pycache__/\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    return project


def explained(project: Project, *words: str, status: int = 0) -> Any:
    return project.json("check", "--explain", *words, status=status)["explanation"]


def details(neighbour: Any) -> list[str]:
    return [
        " ".join([one["input"], one["name"], *(piece["name"] for piece in one["pieces"])])
        for one in neighbour["differences"]
    ]


def test_the_nearest_few_come_in_order(small: Project) -> None:
    for name, words in {"a": ["lr=0.1"], "b": ["lr=0.2"], "c": ["lr=0.3", "width=9"]}.items():
        small.run("--name", name, *(part for word in words for part in ("-S", word)))
    small.write("model.py", MODEL.replace("return x", "return -x"))
    small.run("--name", "d", "-S", "lr=0.2")
    found = explained(small, "-S", "lr=0.2", "-S", "seed=7")
    assert [(one["experiment"], one["level"]) for one in found["nearest"]] == [
        ("d", "replicate"),
        ("b", "near"),
        ("a", "near"),
    ]
    assert details(found["nearest"][1]) == ["settings seed", "code model.py Net.forward"]
    assert found["closing"] == "It would be a repeat of d if `seed` were 1."
    text = small.gitml("check", "--explain", "-S", "lr=0.2", "-S", "seed=7").stdout
    assert "d (" in text and "Net.forward changed" in text and found["closing"] in text
    assert "\n  differs" not in text
    marked = small.gitml("check", "--explain", "-S", "lr=0.2", "-S", "seed=7", "--md").stdout
    assert "Net.forward changed" in marked


def test_a_repeat_is_explained_as_well(small: Project) -> None:
    small.run("--name", "a")
    found = explained(small, status=1)
    assert found["nearest"][0]["differences"] == []
    assert found["closing"] == "It is a repeat of a: nothing differs."


def test_without_experiments_there_is_nothing_to_repeat(small: Project) -> None:
    found = explained(small)
    assert found["nearest"] == []
    assert found["closing"] == "Nothing is recorded yet, so there is nothing to repeat."


def test_what_caps_the_level_is_said(small: Project) -> None:
    config = "command: python train.py\ndata:\n  - {external: 's3://bucket/set'}\n"
    small.write("gitml.yaml", config)
    small.run("--name", "a")
    found = explained(small)
    assert found["cap"] == "near"
    assert found["caps"] == [
        "s3://bucket/set isn't captured, so it may have changed: `near` at best."
    ]
    assert found["closing"].startswith("Since not all data are captured, it is never taken for")
    small.write("huge/x.bin", "x")
    small.write(".gitignore", "/metrics.json\n__pycache__/\n/huge\n")
    small.write("gitml.yaml", "command: python train.py\ndata:\n  - {path: huge, by: listing}\n")
    small.run("--name", "b")
    found = explained(small, status=1)
    assert (found["cap"], found["closing"]) == (
        "equivalent",
        "It is a repeat of b: nothing differs.",
    )
    assert found["caps"] == [
        "Of huge only names, sizes and times are compared: `equivalent` at best."
    ]


def test_many_files_are_counted_rather_than_read(small: Project) -> None:
    for number in range(60):
        small.write(f"texts/{number:02}.txt", f"one {number}\n")
    small.git("add", "-A")
    small.run("--name", "a")
    for number in range(60):
        small.write(f"texts/{number:02}.txt", f"two {number}\n")
    (nearest,) = explained(small)["nearest"]
    notes = [one["note"] for one in nearest["differences"]]
    assert notes == [""] * 50 + ["Too many files differ for it to be compared."] * 10
    text = small.gitml("check", "--explain").stdout
    assert "… and 48 more inputs (--json has all)" in text


def cloned(project: Project, tmp_path: Path) -> Project:
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    for key in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        subprocess.run(["git", "-C", str(bare), "config", key, "true"], check=True)
    project.git("remote", "add", "origin", bare.as_uri())
    project.git("push", "-q", "origin", "main", "exp/main")
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--filter=blob:none", "-b", "main", bare.as_uri(), str(clone)],
        check=True,
    )
    return Project(clone)


def test_a_partial_clone_fetches_the_texts_at_once_or_says_that_it_has_none(
    small: Project, tmp_path: Path
) -> None:
    small.run("--name", "a")
    small.write("model.py", MODEL.replace("* 10", "* 20").replace("return x", "return -x"))
    small.git("commit", "-qam", "another model")
    clone = cloned(small, tmp_path)
    # Without its record and the trees nothing could be said at all.
    clone.git("cat-file", "-p", "origin/exp/main:.gitml/experiment.json")
    (nearest,) = explained(clone, "--no-fetch")["nearest"]
    (detail,) = nearest["differences"]
    assert (detail["name"], detail["note"]) == ("model.py", "Its text isn't in this clone.")
    (nearest,) = explained(clone)["nearest"]
    assert details(nearest) == ["code model.py score Net.forward"]


def test_inputs_of_experiments_are_shown_in_a_partial_clone(small: Project, tmp_path: Path) -> None:
    small.run("--name", "a")
    small.write("model.py", MODEL.replace("return x", "return -x"))
    small.run("--name", "b")
    clone = cloned(small, tmp_path)
    (nearest,) = clone.json("exp", "show", "b", "--inputs")["explanation"]["nearest"]
    assert details(nearest) == ["code model.py Net.forward"]


def test_all_inputs_of_an_experiment_are_shown(small: Project) -> None:
    small.write("notes.txt", "x\n")
    small.run("--name", "a")
    small.write("model.py", MODEL.replace("return x", "return -x"))
    small.write("notes.txt", "x\ny\n")
    small.run("--name", "b", "-S", "width=9")
    document = small.json("exp", "show", "b", "--inputs")
    assert document["experiment"] == "b"
    assert set(document["inputs"]["code"]["modules"]) == {"train.py", "model.py"}
    assert document["files"] == ["notes.txt"]
    (nearest,) = document["explanation"]["nearest"]
    assert details(nearest) == [
        "settings width",
        "code model.py Net.forward",
        "code notes.txt",
    ]
    assert document["explanation"]["closing"] == (
        "Its inputs would be those of a if `width` were 8 and `Net.forward` in model.py and "
        "notes.txt were as in a."
    )
    text = small.gitml("exp", "show", "b", "--inputs", COLUMNS="80").stdout
    for part in (
        "fingerprint sha256:",
        "python train.py  (in .)",
        "model.py   reached by the run",
        "train.py   the script of the command",
        "notes.txt  tracked",
        "width  9",
        "seed   1    seed",
        "Net.forward changed",
        "8 → 9",
        "+1 -0 lines from line 2",
    ):
        assert part in text, part
    lines = text.partition("\nIts inputs")[0].splitlines()
    assert max(len(line) for line in lines if not line.startswith("fingerprint")) <= 80
    assert "### Code" in small.gitml("exp", "show", "b", "--inputs", "--md").stdout


def test_the_only_experiment_has_no_neighbours(small: Project) -> None:
    small.run("--name", "a")
    document = small.json("exp", "show", "a", "--inputs")
    assert document["explanation"]["nearest"] == []
    assert json.loads(small.gitml("exp", "show", "a", "--json").stdout)["name"] == "a"


def test_a_notebook_is_explained_by_its_cells(small: Project) -> None:
    def book(*sources: str) -> str:
        cells = [{"cell_type": "code", "source": source, "outputs": []} for source in sources]
        return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4})

    small.write("run.ipynb", book("rate = 1", "print(rate)"))
    small.write("train.py", "import json\njson.load(open('run.ipynb'))\n")
    small.run("--name", "a")
    small.write("run.ipynb", book("rate = 1", "print(-rate)", "x = 2"))
    (nearest,) = explained(small)["nearest"]
    assert details(nearest) == ["code run.ipynb cell 2 cell 3"]
