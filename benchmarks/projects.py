"""Projects to measure on: the same script under gitml, under DVC, and bare."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
TRAIN = """\
import json, pathlib, sys
lr = float(pathlib.Path("params.yaml").read_text().split("lr:")[1].split()[0])
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": 1 - lr, "loss": lr}))
"""
STAGE = """\
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [lr]
    metrics: [metrics.json: {cache: false}]
"""


def environment() -> dict[str, str]:
    """Return the variables that every measured command gets."""
    return {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "GIT_AUTHOR_NAME": "bench",
        "GIT_AUTHOR_EMAIL": "bench@localhost",
        "GIT_COMMITTER_NAME": "bench",
        "GIT_COMMITTER_EMAIL": "bench@localhost",
    }


def sh(folder: Path, *argv: str) -> str:
    """Run a command that must succeed."""
    done = subprocess.run(
        argv, cwd=folder, env={**os.environ, **environment()}, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}: {done.stderr.decode(errors='replace')}")
    return done.stdout.decode()


def make_project(folder: Path, *, files: int = 0) -> Path:
    """Make a committed project that both gitml and DVC can run, with `files` more tracked files."""
    folder.mkdir(parents=True)
    sh(folder, "git", "init", "-q", "-b", "main")
    (folder / "train.py").write_text(TRAIN)
    (folder / "params.yaml").write_text("lr: 0.5\n")
    (folder / "dvc.yaml").write_text(STAGE)
    for number in range(files):
        place = folder / "assets" / f"{number // 100:03d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:05d}.txt").write_text(f"asset {number}\n")
    sh(folder, "dvc", "init", "-q")
    (folder / "gitml.yaml").write_text(
        "command: python train.py\nmetrics:\n  accuracy: {goal: max, primary: true}\n"
    )
    sh(folder, "git", "add", "-A")
    sh(folder, "git", "commit", "-qm", "begin")
    return folder
