"""`gitml.experiments` is a list of typed values, and a frame where pandas is."""

from __future__ import annotations

import datetime
import math
import subprocess
import sys
from pathlib import Path

import pytest

import gitml
from gitml.api.experiments import Experiment, Experiments
from gitml.errors import NotFoundError, UsageError
from tests.conftest import Project


def _one(name: str, **fields: object) -> Experiment:
    given = {
        "commit": "c0ffee", "study": "main", "status": "completed", "seconds": 1.5,
        "created": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        "params": {"lr": 0.1}, "metrics": {"accuracy": 0.5},
    }  # fmt: skip
    return Experiment(name=name, **{**given, **fields})  # type: ignore[arg-type]


def test_what_was_recorded_is_a_list_that_can_be_filtered_and_sorted(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, lr in (("slow", 0.1), ("fast", 0.5)):
        project.gitml("exp", "run", "--name", name, "-S", f"lr={lr}")
    project.gitml("exp", "run", "--study", "other", "--name", "apart", "-S", "lr=0.3")
    project.gitml("exp", "tag", "fast", "good")
    monkeypatch.chdir(project.root)
    found = gitml.experiments(sort="metrics.accuracy")
    assert [one.name for one in found] == ["slow", "fast"]
    fast = found[1]
    assert (fast.study, fast.status, fast.tags) == ("main", "completed", ("good",))
    assert fast.params["lr"] == 0.5 and fast.metrics["accuracy"] == pytest.approx(0.875)
    assert fast.commit == project.git("rev-parse", "exp/main^")
    assert abs(datetime.datetime.now(datetime.UTC) - fast.created).total_seconds() < 300
    with pytest.raises(AttributeError):
        fast.name = "x"  # type: ignore[misc]
    assert [one.name for one in gitml.experiments(where="params.lr > 0.2")] == ["fast"]
    assert [one.name for one in gitml.experiments("other")] == ["apart"]
    assert len(gitml.experiments(all_studies=True)) == 3
    assert len(gitml.experiments(all_studies=True, limit=1, folder=project.root)) == 1
    frame = gitml.experiments(all_studies=True, sort="params.lr").frame()
    assert list(frame["params.lr"]) == [0.1, 0.3, 0.5]
    assert frame.loc[frame["metrics.accuracy"].idxmax(), "name"] == "fast"


def test_a_frame_has_a_column_for_each_setting_and_metric() -> None:
    first = _one("a", metrics={"accuracy": math.nan, "f1": 0.25})
    second = _one("b", params={"lr": 0.2, "optimizer": "adam"}, tags=("x", "y"))
    frame = Experiments([first, second]).frame()
    assert list(frame.columns) == [
        "name", "study", "status", "created", "seconds", "metrics.accuracy", "metrics.f1",
        "params.lr", "params.optimizer", "tags", "notes", "author", "commit",
    ]  # fmt: skip
    assert frame["params.lr"].sum() == pytest.approx(0.3)
    assert frame["metrics.accuracy"].isna().tolist() == [True, False]
    assert str(frame["created"].dtype).startswith("datetime64") and frame["created"].dt.tz
    assert frame["tags"].tolist() == [(), ("x", "y")]


def test_a_slice_is_a_table_too() -> None:
    found = Experiments([_one("a"), _one("b"), _one("c")])
    assert found[:2].frame()["name"].tolist() == ["a", "b"] and found[-1].name == "c"


def test_no_experiments_are_an_empty_frame() -> None:
    frame = Experiments().frame()
    assert len(frame) == 0 and "name" in frame.columns


ASKING = """
import gitml
gitml.log(accuracy=0.5)
print("found", [one.name for one in gitml.experiments()])
"""


@pytest.mark.parametrize("isolated", [[], ["--isolated"]])
def test_a_run_sees_the_study_that_it_will_be_recorded_on(
    project: Project, isolated: list[str]
) -> None:
    project.write("train.py", ASKING)
    command = ["exp", "run", "--study", "wide", *isolated, "--force"]
    first = project.gitml(*command, "--name", "first")
    assert "found []" in first.stdout
    second = project.gitml(*command, "--name", "second")
    assert "found ['first']" in second.stdout


def test_numbers_that_are_not_finite_are_floats(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("train.py", "import gitml\ngitml.log(loss=float('inf'), acc=float('nan'))\n")
    project.gitml("exp", "run")
    monkeypatch.chdir(project.root)
    (one,) = gitml.experiments()
    assert one.metrics["loss"] == math.inf and math.isnan(float(one.metrics["acc"] or 0))


def test_without_pandas_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="needs pandas") as error:
        Experiments().frame()
    assert error.value.__notes__ == ["pip install pandas; the list itself needs nothing."]


def test_wrong_questions_are_answered_with_a_hint_in_the_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError):
        gitml.experiments()
    subprocess.run(["git", "init", "-q"], check=True)
    assert gitml.experiments() == []
    with pytest.raises(NotFoundError, match="no study 'nosuch'") as error:
        gitml.experiments("nosuch")
    assert error.value.__notes__
    with pytest.raises(UsageError):
        gitml.experiments(where="lr >")
    with pytest.raises(UsageError):
        gitml.experiments("one", all_studies=True)
    with pytest.raises(UsageError, match="limit is -1"):
        gitml.experiments(limit=-1)
    with pytest.raises(NotFoundError, match="no folder nowhere"):
        gitml.experiments(folder="nowhere")
