"""Whatever happens: nothing recorded is lost, nothing half-recorded shows, and it converges."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitml.faults import POINTS
from tests.conftest import Project

ROOT = Path(__file__).parents[2]
BEFORE_TRAINING = ("run.planned", "run.journaled", "run.started")


def _fsck(project: Project) -> None:
    done = subprocess.run(
        ["git", "fsck", "--strict"], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "missing" not in done.stdout + done.stderr


def _users(project: Project) -> tuple[bytes, bytes, str, bytes]:
    return (
        (project.root / ".git/index").read_bytes(),
        (project.root / ".git/HEAD").read_bytes(),
        project.git("rev-parse", "HEAD"),
        (project.root / "params.yaml").read_bytes(),
    )


def _names(project: Project) -> list[str]:
    return [row["experiment"] for row in project.json("exp", "list", "--all")]


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_at_every_fault_point_loses_nothing(project: Project, point: str) -> None:
    project.run("--name", "before")
    before = _users(project)
    killed = project.gitml(
        "exp", "run", "--name", "victim", "-S", "lr=0.4",
        status=None, GITML_FAULT=f"{point}:kill",
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    _fsck(project)
    assert "before" in _names(project)
    first = project.gitml("exp", "recover")
    again = project.gitml("exp", "recover")
    assert "victim" not in again.stdout or "interrupted" in again.stdout, first.stdout
    names = _names(project)
    if point in BEFORE_TRAINING:
        assert names.count("victim") == 0
    else:
        assert names.count("victim") == 1, first.stdout + first.stderr
        assert project.json("exp", "show", "victim")["metrics"]["accuracy"] > 0.5
    _fsck(project)
    assert _users(project) == before
    after = project.run("-S", "lr=0.4")
    assert after["reused"] is (point not in BEFORE_TRAINING)
    if point not in BEFORE_TRAINING:
        assert project.git("for-each-ref", "refs/gitml") == ""


@pytest.mark.parametrize("point", [point for point in POINTS if point not in BEFORE_TRAINING])
@pytest.mark.parametrize("action", ["enospc", "raise"])
def test_a_failing_write_keeps_what_was_trained(project: Project, point: str, action: str) -> None:
    before = _users(project)
    failed = project.gitml(
        "exp", "run", "--name", "victim", status=None, GITML_FAULT=f"{point}:{action}"
    )
    assert failed.returncode not in (0, 1), failed.stdout
    assert "Traceback" not in failed.stderr
    assert failed.stderr.strip()
    _fsck(project)
    assert _users(project) == before
    project.gitml("exp", "recover")
    assert _names(project) == ["victim"]
    _fsck(project)


def test_a_full_disk_is_said_in_one_line_and_recovers(project: Project) -> None:
    project.write(
        "train.py",
        "import pathlib\n"
        "with open('model.bin', 'wb') as file:\n"
        "    file.write(bytes(range(256)) * 8192)\n"
        "pathlib.Path('metrics.json').write_text('{\"accuracy\": 0.5}')\n",
    )

    # A file-size limit that the script's own writing is exempt from: it starts at the soft limit's
    # rise, which only gitml's process has.
    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))

    raised = (
        "import resource, runpy; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2); "
        "runpy.run_path('train.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-m", "gitml", "exp", "run", "--name", "big", "--",
         sys.executable, "-c", raised],
        cwd=project.root, capture_output=True, text=True, preexec_fn=limited, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert (project.root / "model.bin").stat().st_size == 256 * 8192
    _fsck(project)
    project.gitml("exp", "recover")
    assert _names(project) == ["big"]


def test_a_killed_training_is_resumed_as_the_same_experiment(project: Project) -> None:
    project.write(
        "train.py",
        "import json, pathlib, time\n"
        "state = pathlib.Path('state.txt')\n"
        "step = int(state.read_text()) if state.exists() else 0\n"
        "print('from', step, flush=True)\n"
        "while step < 4:\n"
        "    step += 1\n"
        "    state.write_text(str(step))\n"
        "    if step == 2:\n"
        "        time.sleep(30 if not pathlib.Path('go').exists() else 0)\n"
        "pathlib.Path('metrics.json').write_text(json.dumps({'accuracy': step}))\n",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "gitml", "exp", "run", "--name", "long", "-S", "lr=0.3"],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    state = project.root / "state.txt"
    while (not state.exists() or state.read_text() != "2") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "lr: 0.3" in (project.root / "params.yaml").read_text()
    process.kill()
    process.wait()
    time.sleep(0.5)
    (project.root / "go").touch()
    project.gitml("exp", "recover")
    assert "lr: 0.1" in (project.root / "params.yaml").read_text()
    assert _names(project) == []
    done = project.run("--resume", "long")
    assert done["experiment"] == "long"
    assert done["params"]["lr"] == 0.3
    assert done["metrics"]["accuracy"] == 4
    record = project.json("exp", "show", "long")
    assert len(record["segments"]) == 2
    assert "state.txt" not in record["inputs"]["data"]
    assert "lr: 0.1" in (project.root / "params.yaml").read_text()


def test_ctrl_c_reports_and_can_be_resumed(project: Project) -> None:
    project.write("train.py", "import time\nprint('up', flush=True)\ntime.sleep(30)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "gitml", "exp", "run", "--name", "stopped"],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "--resume" in stderr
    assert "Traceback" not in stderr.replace("Traceback (most recent call last)", "", 1)
    assert _names(project) == []
