"""What every test starts from: a home of its own, a known identity, and real programs on PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Nothing of the machine's own Git or DVC configuration leaks in, and nothing leaks out."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".gitconfig").write_text(
        "[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n"
        "[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n"
        "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
    )
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("GIT_", "DVC_", "GITML_"))]:
        del os.environ[name]
    os.environ.update(
        HOME=str(folder),
        XDG_CONFIG_HOME=str(folder / ".config"),
        XDG_CACHE_HOME=str(folder / ".cache"),
        GIT_CONFIG_NOSYSTEM="1",
        DVC_NO_ANALYTICS="1",
        DVC_SITE_CACHE_DIR=str(folder / "dvc-site"),
        PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}",
        NO_COLOR="1",
    )
    yield folder
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def git_in() -> Callable[..., str]:
    """Run Git in a folder and return what it prints."""

    def run(folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    return run


class Project:
    """A real project in a real repository, driven through the real command line."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True
        )
        return done.stdout.rstrip("\n")

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def gitml(
        self, *arguments: str, status: int | None = 0, **env: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "gitml", *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), **env},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if status is not None:
            assert done.returncode == status, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done

    def run(self, *arguments: str, status: int = 0, **env: str) -> dict[str, Any]:
        """Run `gitml exp run --json …` and return its document."""
        done = self.gitml("exp", "run", "--json", *arguments, status=status, **env)
        document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return document

    def json(self, *arguments: str, status: int = 0) -> Any:
        return json.loads(self.gitml(*arguments, "--json", status=status).stdout)


TRAIN = '''\
"""A training script that is quick and has never heard of gitml."""
import json
import pathlib

params = {}
for line in pathlib.Path("params.yaml").read_text().splitlines():
    name, _, value = line.partition(":")
    params[name.strip()] = float(value.split("#")[0])
loss = 1.0
for step in range(3):
    loss *= 1 - params["lr"]
    print(f"step {step}: loss {loss:.4f}")
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": 1 - loss, "loss": loss}))
pathlib.Path("predictions.csv").write_text("id,y_true,y_pred\\n1,0,0\\n")
pathlib.Path("model.bin").write_bytes(bytes([0, 1, 2, 255]) * int(50 + params["seed"]))
'''

CONFIG = """\
command: python train.py
metrics:
  accuracy: {goal: max, primary: true}
  loss: {goal: min}
outputs:
  metrics: [metrics.json]
  predictions: [predictions.csv]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A committed project with a quick script, DVC set up, and nothing recorded yet."""
    root = tmp_path / "project"
    root.mkdir()
    made = Project(root)
    made.git("init", "-q")
    made.write("train.py", TRAIN)
    made.write("params.yaml", "lr: 0.1  # the learning rate\nseed: 1\n")
    made.write("gitml.yaml", CONFIG)
    made.gitml("init")
    made.git("add", "-A")
    made.git("commit", "-qm", "begin")
    return made
