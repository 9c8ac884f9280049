"""A small project in a folder of its own, and a way to run Python in it under the observer."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gitml.execution.launch import environment_for
from gitml.execution.trace import Trace, read_trace


class Watched:
    """A project folder, the run's folder, and the Python that runs in it."""

    def __init__(self, base: Path) -> None:
        self.project = base / "project"
        self.run_folder = base / "run"
        self.trace_folder = self.run_folder / "trace"
        self.project.mkdir()
        self.trace_folder.mkdir(parents=True)
        self.python = sys.executable
        self.env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "GITML_"))
        }

    def write(self, name: str, text: str = "x") -> Path:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def start(
        self, argv: Sequence[str], *, cwd: Path | None = None, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        env = environment_for(self.trace_folder, self.run_folder, {**self.env, **extra})
        return subprocess.run(
            argv,
            cwd=cwd or self.project,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, code: str, *options: str, **extra: str) -> Trace:
        """Run `code` as `train.py` and return what was seen."""
        self.write("train.py", code)
        done = self.start([self.python, *options, "train.py"], **extra)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        self.stdout = done.stdout
        return self.trace()

    def trace(self) -> Trace:
        return read_trace(self.trace_folder)

    def local(self, paths: object) -> set[str]:
        """Return the paths that lie in the project, relative to it."""
        top = f"{os.path.realpath(self.project)}/"
        assert isinstance(paths, dict | frozenset | set | list | tuple)
        return {str(path)[len(top) :] for path in paths if str(path).startswith(top)}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    import time

    def wait(condition: Callable[[], object], seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it never happened"
            time.sleep(0.01)

    return wait
