"""A folder of a run for the Python API within this process, and what was logged to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitml.api import doubts
from gitml.api.history import HISTORY
from gitml.api.place import OUTSIDE_VARIABLE, RUN_VARIABLE
from gitml.api.summary import SUMMARY
from gitml.outputs.history import HistoryLine, read_file

ROOT = Path(__file__).parents[2]


@contextmanager
def run_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let what is logged go to `path`, as if nothing had been logged before."""
    monkeypatch.setenv(RUN_VARIABLE, str(path))
    monkeypatch.setenv(OUTSIDE_VARIABLE, "")  # so that it is as before in the end
    monkeypatch.setattr(doubts, "_said", set())
    for lines in (HISTORY, SUMMARY):
        lines.close()
    yield path
    for lines in (HISTORY, SUMMARY):
        lines.close()


def lines(run: Path) -> list[HistoryLine]:
    return read_file(run / "history.jsonl")


def values(run: Path) -> list[dict[str, object]]:
    return [line.values for line in lines(run)]


def run_script(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script that logs to `folder`, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder, capture_output=True, text=True, check=True,
        env={**os.environ, "GITML_RUN_DIR": str(folder), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
