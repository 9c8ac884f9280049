"""What a run logged is in its experiment, whatever becomes of its processes and of gitml."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitml.outputs.history import HistoryLine, parse
from tests.conftest import Project

ROOT = Path(__file__).parents[2]
ENV = {"PYTHONPATH": str(ROOT)}


def _recorded(project: Project) -> list[HistoryLine]:
    return parse(project.git("show", "exp/main:.gitml/history.jsonl").encode())


TRAIN = """
import gitml
settings = gitml.params()
loss = 1.0
for step in range(4):
    loss *= 1 - settings["lr"]
    gitml.log(step=step, loss=loss, **{"val/acc": 1 - loss})
gitml.summary["best"] = 1 - loss
"""


def test_what_was_logged_is_the_history_and_the_metrics_of_the_experiment(
    project: Project,
) -> None:
    project.write("train.py", TRAIN)
    done = project.run("-S", "lr=0.5")
    assert done["metrics"] == {"loss": 0.0625, "val/acc": 0.9375, "best": 0.9375}
    found = _recorded(project)
    assert [(line.step, line.values["loss"]) for line in found] == list(
        enumerate([0.5, 0.25, 0.125, 0.0625])
    )
    assert all(line.time is not None for line in found)
    assert not (project.root / ".gitml").exists()


def test_logging_and_asking_for_settings_change_no_fingerprint(project: Project) -> None:
    project.write("train.py", TRAIN)
    first = project.run()
    again = project.run()
    assert (again["reused"], again["level"]) == (True, "identical")
    forced = project.run("--force")
    assert forced["fingerprint"] == first["fingerprint"]
    record = project.json("exp", "show", "latest")
    assert set(record["inputs"]["libraries"]["imported"]) <= {"pyyaml"}
    assert list(record["inputs"]["code"]["modules"]) == ["train.py"]
    assert not record["inputs"]["data"] and not record["warnings"]
    # What gitml.yaml says about metrics is no input, though it names the parameter files.
    project.write("gitml.yaml", (project.root / "gitml.yaml").read_text() + "inert: [nothing]\n")
    assert project.run()["reused"]


def test_an_isolated_run_logs_and_reads_its_own_settings(project: Project) -> None:
    project.write("train.py", TRAIN)
    done = project.run("--isolated", "-S", "lr=0.5")
    assert done["metrics"] == {"loss": 0.0625, "val/acc": 0.9375, "best": 0.9375}
    assert len(_recorded(project)) == 4
    assert "lr: 0.1" in (project.root / "params.yaml").read_text()


def test_a_sub_project_reads_its_own_settings_from_any_folder(project: Project) -> None:
    project.write("sub/gitml.yaml", "params: [conf.toml]\n")
    project.write("sub/conf.toml", "lr = 0.25\n")
    script = "import gitml, os\nos.chdir('/')\ngitml.log(step=0, lr=gitml.params('lr'))\n"
    project.write("sub/deep/train.py", script)
    done = subprocess.run(
        [sys.executable, "-m", "gitml", "exp", "run", "--json", "-S", "lr=0.5", "--", "python", "train.py"],
        cwd=project.root / "sub/deep", env={**os.environ, **ENV}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1])["metrics"] == {"lr": 0.5}


def test_a_rerun_reproduces_what_was_logged(project: Project) -> None:
    project.write("train.py", TRAIN)
    project.run("--name", "calm-fox", "-S", "lr=0.5")
    done = project.json("exp", "rerun", "calm-fox")
    assert done["verdict"] == "reproduced", done
    assert done["differences"] == [], done


RESUMED = """
import os, pathlib, signal, time
import gitml
mark = pathlib.Path("state.txt")
first = int(mark.read_text()) if mark.exists() else 0
for step in range(first, 8):
    gitml.log(step=step, loss=1 / (step + 1))
    gitml.summary["best_step"] = max(step, gitml.summary.get("best_step", 0))
    if not first and step == 5:
        mark.write_text("4")  # its latest checkpoint
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(30)
"""


def test_a_run_that_is_resumed_goes_on_with_its_history(project: Project) -> None:
    project.write("train.py", RESUMED)
    project.gitml("exp", "run", "--name", "long", status=-signal.SIGKILL)
    _wait_until(lambda: "interrupted" in project.gitml("exp", "list").stdout)
    assert "step 5: loss 0.166667" in project.gitml("exp", "list").stdout
    project.gitml("exp", "recover")  # it can be resumed, so it isn't recorded yet
    done = project.run("--resume", "long")
    assert done["metrics"] == {"loss": 0.125, "best_step": 7}
    assert [line.step for line in _recorded(project)] == [0, 1, 2, 3, 4, 5, 4, 5, 6, 7]


def test_recovering_records_what_was_logged_when_gitml_itself_was_killed(
    project: Project,
) -> None:
    project.write("train.py", TRAIN)
    project.gitml("exp", "run", "--name", "cut", "-S", "lr=0.5", status=None,
                  GITML_FAULT="run.finished:kill")  # fmt: skip
    assert project.json("exp", "list") == []
    project.gitml("exp", "recover")
    (row,) = project.json("exp", "list")
    assert row["metrics"] == {"loss": 0.0625, "val/acc": 0.9375, "best": 0.9375}
    assert [line.step for line in _recorded(project)] == [0, 1, 2, 3]


def test_a_run_that_goes_on_shows_what_it_logged_last(project: Project) -> None:
    project.write(
        "train.py",
        "import gitml, pathlib, time\nprint('printed')\ngitml.log(step=7, loss=0.125, acc=float('nan'))\n"
        "for _ in range(300):\n"
        "    time.sleep(0.1)\n    if pathlib.Path('stop').exists(): break\n",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "gitml", "exp", "run"],
        cwd=project.root, env={**os.environ, **ENV}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def shown() -> bool:
        table = project.gitml("exp", "list").stdout
        return bool(re.search(r"running\s+step 7: loss 0\.125, acc NaN$", table, re.MULTILINE))

    try:
        _wait_until(shown)
    finally:
        (project.root / "stop").touch()
        process.wait(30)
    assert process.returncode == 0


def test_a_failed_run_that_is_kept_has_what_it_logged(project: Project) -> None:
    project.write("train.py", "import gitml\ngitml.log(step=1, loss=0.5)\nraise SystemExit(3)\n")
    project.gitml("exp", "run", "--keep-failed", status=3)
    (row,) = project.json("exp", "list")
    assert (row["status"], row["metrics"]) == ("failed", {"loss": 0.5})


def _wait_until(true: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
