"""A small project with a bit of everything that can change, and one experiment recorded in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from gitml.storage.objects import hash_file, hash_folder
from gitml.storage.pointers import Pointer, render
from tests.conftest import Project

COMMAND = ("python", "train.py", "--epochs", "2", "--depth", "1", "--out", "runs/1", "-o", "report")

TRAIN = '''\
"""Train the smallest model that there is."""

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import generated
import linked
import tinylib

from model import predict


def main():
    """Read everything, and write a number."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--out", default="runs/1")
    parser.add_argument("-o", "--report", default="report")
    args = parser.parse_args()
    here = Path(__file__).parent
    total = len((here / "params.yaml").read_text()) + args.epochs * args.depth
    total += len((here / "vocabulary.txt").read_text().split())
    total += len((here / "current.txt").read_text())
    total += len((here / "extra.bin").read_bytes())
    for name in sorted(os.listdir(here / "scans")):
        total += len((here / "scans" / name).read_bytes())
    try:
        total += len((here / "override.txt").read_bytes())
    except FileNotFoundError:
        pass
    table = here / os.environ.get("TABLE", "data")
    total += sum(int(line.split(",")[1]) for line in (table / "train.csv").read_text().split())
    for name in sorted(os.listdir(here / "plugins")):
        if name.endswith(".py") and name != "__init__.py":
            total += importlib.import_module(f"plugins.{name[:-3]}").VALUE
    subprocess.run([sys.executable, here / "child.py"], check=True)
    accuracy = predict(total + generated.MORE, tinylib.HALF * linked.ONE)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    (Path(args.out) / "result.txt").write_text(str(accuracy))
    Path(args.report).write_text(str(accuracy))
    (here / "metrics.json").write_text(json.dumps({"accuracy": accuracy}))


main()
'''

MODEL = '''\
"""The model."""


def predict(total, half):
    """Return a number between 0 and 1."""
    share = total * half
    return share / (share + 1)


def never_called(total):
    return total
'''

PARAMS = """\
# How to train.
optimizer:
  lr: 1e-3
  momentum: 0.9
layers: [64, 32]
dropout: 0.5
width: 8
batch: 16
seed: 1
log_interval: 10
"""

CONFIG = f"""\
command: {" ".join(COMMAND)}
inert: [log_interval]
env: [CUBLAS_WORKSPACE_CONFIG]
partition: splits.json
metrics:
  accuracy: {{goal: max, primary: true}}
"""

NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}

FILES = {
    "train.py": TRAIN,
    "model.py": MODEL,
    "child.py": 'print("child")\n',
    "unused.py": "def nothing():\n    return None\n",
    "plugins/__init__.py": "",
    "plugins/plain.py": "VALUE = 1\n",
    "params.yaml": PARAMS,
    "gitml.yaml": CONFIG,
    "splits.json": json.dumps({"train": ["a", "b"], "test": ["c"]}),
    "vocabulary.txt": "one two\n",
    "other.txt": "three four\n",
    "data/train.csv": "a,1\nb,2\n",
    "data/test.csv": "c,3\n",
    "extra.bin": "extra",
    "scans/1.raw": "scan",
    "generated.py": "MORE = 1\n",
    "README.md": "# A project\n",
    "LICENSE": "Do what you like.\n",
    "explore.ipynb": json.dumps(NOTEBOOK),
    "requirements.txt": "tinylib==1.0\nblack==24.1.0\n",
    "uv.lock": "version = 1\n",
    ".gitignore": "/data\n/extra.bin\n/scans\n/generated.py\n/override.txt\n",
    "tools/build.sh": "#!/bin/sh\necho built\n",
}

LIBRARIES = {"tinylib": ("1.0", "HALF = 0.5\n"), "black": ("24.1.0", "")}


def make_environment(folder: Path, python: str = sys.executable) -> Path:
    """Make a virtual environment with the libraries of the project, as installers leave them."""
    subprocess.run(
        [python, "-I", "-m", "venv", "--without-pip", folder], check=True, capture_output=True
    )
    for name, (version, source) in LIBRARIES.items():
        install(folder, name, version, source)
    link(folder, "ONE = 1\n")
    return folder


def install(environment: Path, name: str, version: str, source: str = "") -> None:
    """Put a distribution of one module in the place of an older version of it."""
    site = next(environment.glob("lib/python3*/site-packages"))
    for old in site.glob(f"{name}-*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    (site / f"{name}.py").write_text(source)
    metadata = site / f"{name}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (metadata / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py3-none-any\n")
    (metadata / "RECORD").write_text(f"{name}.py,,\n{metadata.name}/METADATA,,\n")


def link(environment: Path, source: str) -> None:
    """Install a library editable: its sources stay in a folder beside the environment."""
    folder = environment.with_name(f"{environment.name}-linked")
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "linked.py").write_text(source)
    install(environment, "linked", "0.1")
    site = next(environment.glob("lib/python3*/site-packages"))
    (site / "linked.py").unlink()
    (site / "__editable__.linked-0.1.pth").write_text(f"{folder / 'src'}\n")
    info = site / "linked-0.1.dist-info"
    (info / "RECORD").write_text("__editable__.linked-0.1.pth,,\n")
    about = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(about))


def use(environment: Path) -> dict[str, str]:
    """Return the variables that make an environment the one that commands find."""
    return {"PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def make_project(root: Path, environment: Path) -> Project:
    """Make the project, commit it and record one experiment."""
    root.mkdir()
    project = Project(root)
    project.git("init", "-q")
    for path, text in FILES.items():
        project.write(path, text)
    (root / "current.txt").symlink_to("vocabulary.txt")
    track(project, "data")
    project.gitml("init")
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    project.run("--name", "base", **use(environment))
    return project


def track(project: Project, path: str) -> None:
    """Write the pointer that `dvc add` would write."""
    place = project.root / path
    stored = hash_folder(place) if place.is_dir() else hash_file(place)
    pointer = Pointer(path=path, digest=stored.digest, size=stored.size, files=stored.files)
    (project.root / f"{path}.dvc").write_bytes(render(pointer))
