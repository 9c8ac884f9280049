"""Looking at what was recorded, also with plain Git and plain DVC."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.conftest import Project


def inputs_of(project: Project, name: str = "latest") -> dict[str, Any]:
    """Return the recorded inputs of an experiment."""
    inputs: dict[str, Any] = project.json("exp", "show", name)["inputs"]
    return inputs


def artifacts_of(project: Project, name: str = "latest") -> dict[str, dict[str, Any]]:
    """Return the artifacts of an experiment by their paths."""
    return {item["path"]: item for item in project.json("exp", "show", name)["artifacts"]}


def dvc_in(project: Project, *arguments: str) -> str:
    """Run plain DVC in a project and return what it prints."""
    done = subprocess.run(
        ["dvc", *arguments], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def clone_with_data(project: Project, tmp_path: Path, commit: str) -> Path:
    """Push as gitml does, then clone an experiment and pull with plain Git and plain DVC."""
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    project.git("remote", "add", "origin", str(bare))
    dvc_in(project, "remote", "add", "-d", "store", str(tmp_path / "store"))
    project.gitml("exp", "push")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "-b", "exp/main", str(bare), str(clone)], check=True)
    subprocess.run(["git", "checkout", "-q", "--detach", commit], cwd=clone, check=True)
    shutil.copy(project.root / ".dvc/config", clone / ".dvc/config")
    dvc_in(Project(clone), "pull", "-q")
    return clone
