from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from gitml.comparison.contents import HistoryComparison
from gitml.experiment.record import HISTORY_PATH, Record, Segment
from gitml.git.repository import Repository
from gitml.history.resolve import resolve
from gitml.operations.artifact_files import Arm, ArtifactFiles, Run
from gitml.operations.compare_histories import clock_of, compare_histories
from gitml.operations.reading import open_reading
from gitml.outputs.artifact import Artifact
from gitml.outputs.history_columns import Points
from tests.conftest import Project
from tests.history.commits import Stream, copy_of_project, make_record

# As `history.csv`, which gitml takes for the metrics over steps. The numbers are a function of the
# learning rate from the third step on.
TRAIN = """\
import pathlib

lr = float(pathlib.Path("params.yaml").read_text().split()[1])
rows = ["step,accuracy,train_loss"]
for step in range(40):
    rate = lr if step > 2 else 0.1
    rows.append(f"{step},{1 - (1 - rate) ** step},{(1 - rate) ** step}")
pathlib.Path("history.csv").write_text("\\n".join(rows))
pathlib.Path("metrics.json").write_text('{"accuracy": %s}' % rows[-1].split(",")[1])
"""

GOALS = {"accuracy": "max", "train_loss": "min"}


def runs_of(start: Path, *names: str) -> list[Run]:
    reading = open_reading(start)
    with reading.index() as index:
        rows = [resolve(reading.repository, index, name, reading.study) for name in names]
        return [Run(row, index.record(row.commit)) for row in rows]


def compared(start: Path, *arms: tuple[str, ...], primary: str = "") -> Any:
    """Return the curves of experiments (each with its replicates), and what isn't here."""
    made = []
    for names in arms:
        own, *others = runs_of(start, *names)
        made.append(Arm(own.row.experiment, own, tuple(others)))
    reading = open_reading(start)
    with ArtifactFiles(reading.repository, reading.folder) as files:
        return compare_histories(files, made, GOALS, primary), list(files.missing)


def experiments(repository: Repository, *histories: Any, **changes: Any) -> None:
    """Record an experiment for each history, named a, b, c, …"""
    with Stream(repository) as stream:
        for number, lines in enumerate(histories):
            files: dict[str, bytes | None] = {}
            if lines is not None:
                files[HISTORY_PATH] = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
            stream.experiment(make_record(number, name="abcdefgh"[number], **changes), files=files)


@pytest.mark.parametrize("large", ["1 MB", "500 B"])
def test_the_curves_of_two_runs_from_git_and_from_storage(project: Project, large: str) -> None:
    project.write("train.py", TRAIN)
    config = (project.root / "gitml.yaml").read_text()
    project.write("gitml.yaml", f"{config}large: {large}\n")
    first = project.run()["experiment"]
    second = project.run("-S", "lr=0.05")["experiment"]
    (record,) = (run.record for run in runs_of(project.root, first))
    stored = [item.storage for item in record.artifacts if item.path == HISTORY_PATH]
    assert stored == (["dvc"] if large == "500 B" else [])

    found, missing = compared(project.root, (first,), (second,), primary="accuracy")
    assert missing == []
    assert [item.metric for item in found] == ["accuracy", "train_loss"]
    accuracy: HistoryComparison = found[0]
    assert accuracy.stepped and accuracy.aligned and accuracy.group == "accuracy"
    assert accuracy.parted == 3
    assert [curve.steps for curve in accuracy.curves if curve] == [tuple(range(40))] * 2
    assert accuracy.best[0] == pytest.approx((39, 1 - 0.9**39))
    shown = project.gitml("exp", "show", first).stdout
    assert "▁" in shown and "█" in shown


def test_replicates_are_curves_of_their_own(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    lines = [[{"step": n, "loss": n * k} for n in range(3)] for k in range(1, 5)]
    experiments(repository, *lines)
    found, _ = compared(repository.root, ("a", "b"), ("c", "d"))
    (item,) = found
    assert [[curve.run for curve in own] for own in item.replicates] == [["b"], ["d"]]
    assert item.curves[1].values == (0, 3, 6)


def test_a_history_that_cannot_be_read_or_is_not_there_spoils_nothing(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    good = [{"step": 1, "loss": 3}, {"step": 2, "loss": "NaN"}]
    experiments(repository, good, None, [[1], [2]])
    found, missing = compared(repository.root, ("a",), ("b",), ("c",))
    (item,) = found
    assert [curve is not None for curve in item.curves] == [True, False, False]
    assert math.isnan(item.curves[0].values[1])
    assert missing == []


def test_a_history_that_is_not_on_this_machine_is_remembered(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    stored = Artifact(HISTORY_PATH, "history", "dvc", "0" * 32, 5_000_000)
    experiments(repository, None, artifacts=(stored,))
    found, missing = compared(repository.root, ("a",), ("a",))
    assert found == ()
    assert missing == [f"a: {HISTORY_PATH}"]


def test_many_replicates_are_not_all_read(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    lines = [{"step": n, "loss": n} for n in range(3)]
    with Stream(repository) as stream:
        for number in range(30):
            data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
            stream.experiment(make_record(number, name=f"r{number}"), files={HISTORY_PATH: data})
    found, _ = compared(repository.root, tuple(f"r{n}" for n in range(30)), ("r0",))
    names = [curve.run for curve in found[0].replicates[0]]
    assert names == [f"r{n}" for n in range(10, 30)]


def test_the_time_between_segments_is_no_running_time() -> None:
    segments = (
        Segment("2025-01-01T00:00:00Z", "2025-01-01T00:01:00Z"),
        Segment("2025-01-01T01:01:00Z"),  # cut off
        Segment("2025-01-01T03:00:00Z", "2025-01-01T03:30:00Z"),
    )
    record: Record = make_record(0, created="2025-01-01T00:00:00Z", segments=segments)
    start = 1_735_689_600.0
    times = [start + 30, start + 3700, start + 3800, start + 10_801]
    clock = clock_of(record, {"loss": Points([1.0] * 4, (), times, 4)})
    assert clock.start == start
    assert clock.pauses == ((start + 3660, 3600.0), (start + 10_800, 7000.0))
