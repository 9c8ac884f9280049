"""Two clones that share a DVC remote and a Git remote, with six experiments; made once, copied."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project

TRAIN = """\
import json
import pathlib

lr = float(pathlib.Path("params.yaml").read_text().split(":")[1])
level = int(lr * 100)
seen = pathlib.Path("data/a.txt").read_text()
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": lr}))
pathlib.Path("model.bin").write_bytes(bytes([0, level]) * 3_000)
pathlib.Path("states").mkdir(exist_ok=True)
pathlib.Path("states/own.bin").write_bytes(bytes([1, level]) * 2_000)
pathlib.Path("states/common.bin").write_bytes(bytes([2, 7]) * 2_000)
pathlib.Path("scores.csv").write_text("id,y_true,y_pred\\n" + f"1,0,{level}\\n" * 2_000)
"""

CONFIG = """\
command: python train.py
outputs:
  weights: [model.bin]
  checkpoints: [states]
  predictions: [scores.csv]
metrics:
  accuracy: {goal: max, primary: true}
large: 10 kB
"""

NAMES = tuple(f"e{number}" for number in range(1, 7))


class Stored:
    """A folder with `one` (a clone with six experiments, e6 being the best), `store` and `hub`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.one = Project(folder / "one")
        self.known: dict[str, dict[str, str]] = json.loads((folder / "known.json").read_text())
        self.store = folder / "store"
        self.hub = folder / "hub.git"

    def second(self) -> Project:
        """Clone the Git remote."""
        subprocess.run(
            ["git", "clone", "-q", str(self.hub), str(self.folder / "two")], check=True
        )  # fmt: skip
        return Project(self.folder / "two")

    def digest(self, experiment: str, path: str = "model.bin") -> str:
        if experiment not in self.known:
            self.known[experiment] = _known(self.one, experiment)
        return self.known[experiment][path]

    def commit(self, experiment: str) -> str:
        return self.digest(experiment, "")

    def here(self, digest: str, project: Project | None = None) -> Path:
        root = (project or self.one).root
        return root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]

    def there(self, digest: str) -> Path:
        return self.store / "files/md5" / digest[:2] / digest[2:]

    def objects(self) -> set[str]:
        cache = self.one.root / ".dvc/cache/files/md5"
        return {path.parent.name + path.name for path in cache.glob("[0-9a-f][0-9a-f]/*")}

    def gc(self, *arguments: str, status: int = 0, **env: str) -> Any:
        """Run `gitml gc --json` that leaves nothing alone for being new."""
        done = self.one.gitml("gc", "--min-age", "0", "--json", *arguments, status=status, **env)
        return json.loads(done.stdout) if status == 0 else done

    def fsck(self, *arguments: str, status: int = 0) -> Any:
        return self.one.json("fsck", *arguments, status=status)

    def dvc(self, *arguments: str, project: Project | None = None) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "dvc"), *arguments],
            cwd=(project or self.one).root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def _known(project: Project, experiment: str) -> dict[str, str]:
    """Return path → digest of an experiment's artifacts, and its commit as the path ``."""
    shown = project.json("exp", "show", experiment)
    return {"": shown["commit"]} | {a["path"]: a["digest"] for a in shown["artifacts"]}


def flip(path: Path) -> None:
    """Change one bit of an object and leave its size and permissions."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    path.chmod(mode)


def files_of(folder: Path, *leave_out: str) -> dict[str, bytes]:
    """Return every file below a folder, with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and not any(part in str(path.relative_to(folder)) for part in leave_out)
    }


def _make(folder: Path) -> None:
    root = folder / "one"
    root.mkdir()
    (folder / "store").mkdir()
    project = Project(root)
    project.git("init", "-q")
    subprocess.run(
        ["git", "init", "-q", "--bare", "-b", "main", str(folder / "hub.git")], check=True
    )
    project.write("train.py", TRAIN)
    project.write("params.yaml", "lr: 0.01\n")
    project.write("gitml.yaml", CONFIG)
    project.gitml("init")
    project.write(
        ".dvc/config", "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n"
    )
    (root / "data").mkdir()
    (root / "data/a.txt").write_text("alpha\n")
    (folder / "known.json").write_text("{}")
    Stored(folder).dvc("add", "-q", "data")
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    project.git("remote", "add", "origin", "../hub.git")
    project.git("push", "-q", "-u", "origin", "main")
    for number, name in enumerate(NAMES, start=1):
        project.run("--name", name, "-S", f"lr=0.{number}")
    project.gitml("exp", "push")
    (folder / "known.json").write_text(json.dumps({name: _known(project, name) for name in NAMES}))


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    _make(folder)
    return folder


@pytest.fixture
def stored(original: Path, tmp_path: Path) -> Stored:
    shutil.copytree(original, tmp_path / "here", symlinks=True)
    return Stored(tmp_path / "here")
