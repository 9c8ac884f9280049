"""Two settings, three seeds each: what `exp diff` makes of them, from beginning to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project

# The metric is a pure function of setting and seed: 0.88, 0.91 and 0.90 with a step of a seed.
TRAIN = """\
import json
import pathlib
import sys

args = dict(word.removeprefix("--").split("=") for word in sys.argv[1:])
kind, seed = args["kind"], int(args["seed"])
noise = 0.001 * (seed - 2)
base = {"low": 0.88, "high": 0.91, "near": 0.8803}[kind] if kind != "nan" else 0.5
accuracy = base + noise * (3 if kind == "near" and seed == 1 else 1)
if kind == "nan" and seed == 3:
    accuracy = float("nan")
metrics = {"accuracy": accuracy, "loss": 1 - base - noise, "ev\\x1bil\\n": base * seed}
pathlib.Path("metrics.json").write_text(json.dumps(metrics))
"""
CONFIG = """\
metrics:
  accuracy: {goal: max, primary: true, min_effect: 0.0001}
  loss: {goal: min}
outputs:
  metrics: [metrics.json]
"""


def ran(project: Project, kind: str, seed: int, *options: str) -> str:
    found = project.run(*options, "--", "python", "train.py", f"--kind={kind}", f"--seed={seed}")
    name: str = found["experiment"]
    return name


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, dict[str, list[str]]]:
    root: Path = tmp_path_factory.mktemp("verdicts")
    project = Project(root)
    project.git("init", "-q")
    project.write("train.py", TRAIN)
    project.write("gitml.yaml", CONFIG)
    project.gitml("init")
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    names = {
        kind: [ran(project, kind, seed) for seed in range(1, last + 1)]
        for kind, last in (("low", 3), ("high", 3), ("near", 2), ("nan", 3))
    }
    return project, names


def test_three_seeds_each_give_a_verdict_with_an_interval(
    seeds: tuple[Project, dict[str, list[str]]],
) -> None:
    project, names = seeds
    low, high = names["low"][0], names["high"][0]
    found = project.json("exp", "diff", low, high)
    verdict = found["verdict"]
    assert verdict["kind"] == "better"
    assert verdict["metric"] == "accuracy"
    assert verdict["runs"] == [3, 3]
    assert verdict["means"] == pytest.approx([0.88, 0.91])
    assert verdict["deviations"] == pytest.approx([0.001, 0.001])
    assert verdict["interval"][0] > 0.0277
    assert verdict["interval"][1] < 0.0323
    loss = next(row for row in found["metrics"] if row["name"] == "loss")
    assert loss["repeated"]["better"] is True
    assert loss["repeated"]["adjusted_p"] < 0.01

    text = project.gitml("exp", "diff", low, high).stdout
    above, _, below = text.partition("\nMetrics\n")
    assert f"Verdict\n  {high} is better: accuracy is 0.0300 higher in {high}" in above
    assert "0.8800 ± 0.0010 (3)" in below
    assert "\x1b" not in text
    assert f"- {high} is better" in project.gitml("exp", "diff", low, high, "--md").stdout
    assert project.json("exp", "diff", high, low)["verdict"]["kind"] == "worse"


def test_a_gate_fails_only_when_the_interval_says_so(
    seeds: tuple[Project, dict[str, list[str]]],
) -> None:
    project, names = seeds
    low, high, near = (names[kind][0] for kind in ("low", "high", "near"))
    done = project.gitml("exp", "diff", high, low, "--fail-if-worse", status=1)
    assert f"failed: {low} is worse than {high}" in done.stderr
    project.gitml("exp", "diff", low, high, "--fail-if-worse", status=0)
    project.gitml("exp", "diff", high, low, "--fail-if-worse=accuracy:0.04", status=0)
    done = project.gitml("exp", "diff", low, near, "--fail-if-worse=accuracy:0", status=0)
    assert "Can't tell" in done.stderr
    gate = project.json("exp", "diff", high, low, "--fail-if-worse=loss:0.01", status=1)["gate"]
    assert (gate["metric"], gate["margin"], gate["failed"]) == ("loss", 0.01, True)
    done = project.gitml("exp", "diff", "--fail-if-worse", low, high, status=2)
    assert "after the experiments" in done.stderr
    project.gitml("exp", "diff", low, high, "--fail-if-worse=accuracy:x", status=2)
    project.gitml("exp", "diff", low, high, near, "--fail-if-worse", status=2)


def test_runs_of_one_thing_have_no_verdict_and_pass_the_gate(
    seeds: tuple[Project, dict[str, list[str]]],
) -> None:
    project, names = seeds
    done = project.gitml("exp", "diff", *names["low"][1::-1], "--json", "--fail-if-worse")
    assert json.loads(done.stdout)["verdict"] is None
    assert "noise" in done.stderr


def test_a_run_that_diverged_is_neither_left_out_nor_let_through(
    seeds: tuple[Project, dict[str, list[str]]],
) -> None:
    project, names = seeds
    low, nan = names["low"][0], names["nan"][0]
    found = project.json("exp", "diff", low, nan)
    assert found["verdict"]["kind"] == "can't tell"
    assert "1 run of" in found["verdict"]["sentence"]
    assert "not finite in 1 of 3" in project.gitml("exp", "diff", low, nan).stdout
    project.gitml("exp", "diff", low, nan, "--fail-if-worse", status=1)


def test_single_runs_pay_for_no_statistics() -> None:
    looks = (
        "import sys, gitml.operations.diff, gitml.views.comparison\n"
        "print([name for name in sys.modules if name.startswith('gitml.comparison.statistics')])"
    )
    done = subprocess.run([sys.executable, "-c", looks], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_single_runs_are_never_given_more_than_their_difference(project: Project) -> None:
    one = project.run("-S", "lr=0.1")["experiment"]
    other = project.run("-S", "lr=0.2")["experiment"]
    found = project.json("exp", "diff", one, other)
    assert found["verdict"]["kind"] == "single run"
    assert found["verdict"]["interval"] is None
    assert all(row["repeated"] is None for row in found["metrics"])
    text = project.gitml("exp", "diff", one, other).stdout
    assert "\n  Single run each: no estimate of noise.\n" in text
    assert "Verdict" not in text
    done = project.gitml("exp", "diff", other, one, "--fail-if-worse", status=1)
    assert "single runs" in done.stderr
    project.gitml("exp", "diff", other, one, "--fail-if-worse=accuracy:0.5")

    project.run("--force", "-S", "lr=0.1")
    found = project.json("exp", "diff", one, other)
    assert found["verdict"]["runs"] == [1, 1]
    assert found["verdict"]["kind"] == "single run"


def test_a_hidden_replicate_is_not_counted(project: Project) -> None:
    one = project.run("-S", "lr=0.1", "-S", "seed=1")["experiment"]
    other = project.run("-S", "lr=0.1", "-S", "seed=2")["experiment"]
    best = project.run("-S", "lr=0.2", "-S", "seed=1")["experiment"]
    assert project.json("exp", "diff", one, best)["verdict"]["runs"] == [2, 1]
    project.gitml("exp", "hide", other)
    assert project.json("exp", "diff", one, best)["verdict"]["runs"] == [1, 1]
