"""`gitml.summary` holds what a run is judged by, for this process and those after it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import gitml
from gitml.api.summary import SUMMARY
from gitml.errors import MetricWarning
from tests.api.logged_lines import run_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with run_folder(tmp_path, monkeypatch) as path:
        yield path


def test_what_was_set_last_holds(run: Path) -> None:
    assert dict(gitml.summary) == {} and gitml.summary.get("acc", 0) == 0
    gitml.summary["acc"] = 0.5
    gitml.summary(acc=np.float32(0.75), best={"epoch": 7})
    gitml.summary({"val/loss": math.nan, "step": 3, "time": 1.5, "values": "x"}, nothing=None)
    gitml.summary.update({"val/loss": math.inf})
    assert dict(gitml.summary) == {
        "acc": 0.75, "best.epoch": 7, "val/loss": math.inf, "step": 3, "time": 1.5, "values": "x",
    }  # fmt: skip
    assert "acc" in gitml.summary and len(gitml.summary) == 6
    assert repr(gitml.summary).startswith("gitml.summary({'acc': 0.75")
    with pytest.raises(KeyError):
        gitml.summary["none"]


def test_an_attribute_is_no_metric_and_not_lost_in_silence(run: Path) -> None:
    with pytest.raises(AttributeError):
        gitml.summary.accuracy = 0.5  # type: ignore[attr-defined]


def test_what_is_no_number_is_a_warning_and_the_rest_is_set(run: Path) -> None:
    with pytest.warns(MetricWarning, match="'curve' is a list"):
        gitml.summary(acc=1, curve=[1, 2])
    with pytest.warns(MetricWarning, match="A metric needs a name"):
        gitml.summary(0.5)  # type: ignore[arg-type]
    assert dict(gitml.summary) == {"acc": 1}


def test_other_processes_and_a_run_that_goes_on_have_it(run: Path) -> None:
    gitml.summary["best"] = 0.5
    with (run / "summary.jsonl").open("a") as file:
        file.write('{"time":1,"best":')  # torn by a kill
    script = "import gitml\ngitml.summary['best'] += 0.25\n"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], check=True, env=env)
    assert gitml.summary["best"] == 0.75
    SUMMARY.close()
    gitml.summary["line\u2028break"] = 1
    assert dict(gitml.summary) == {"best": 0.75, "line\u2028break": 1}
