"""Making repositories of every kind, and what of them is the user's alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.conftest import CONFIG, TRAIN, Project


def made(root: Path, *options: str, commit: bool = True) -> Project:
    """A project in a repository that is made with `options` for `git init`."""
    root.mkdir(parents=True, exist_ok=True)
    project = Project(root)
    project.git("init", "-q", *options)
    project.write("train.py", TRAIN)
    project.write("params.yaml", "lr: 0.1\nseed: 1\n")
    project.write("gitml.yaml", CONFIG)
    project.gitml("init")
    if commit:
        project.git("add", "-A")
        project.git("commit", "-qm", "begin")
    return project


def users_state(project: Project) -> tuple[str, bytes, str, str]:
    """Return what no command but `apply --commit` may change."""
    folder = Path(project.git("rev-parse", "--absolute-git-dir"))
    index = folder / "index"
    return (
        (folder / "HEAD").read_text(),
        index.read_bytes() if index.exists() else b"",
        project.git("stash", "list"),
        project.git("status", "--porcelain", "--untracked-files=no"),
    )


def refused(project: Project, *arguments: str, **env: str) -> str:
    """Run a command that has to be refused in a line or two, with nothing of the user's moved."""
    refs = project.git("for-each-ref")
    before = users_state(project)
    done = project.gitml(*arguments, status=2, **env)
    assert "Traceback" not in done.stderr and done.stdout == ""
    assert len(done.stderr.splitlines()) <= 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert project.git("for-each-ref") == refs
    assert users_state(project) == before
    return done.stderr


def with_store(project: Project, folder: Path) -> None:
    """Give a project a DVC remote."""
    subprocess.run(
        ["dvc", "remote", "add", "-q", "-d", "store", str(folder)],
        cwd=project.root, check=True, capture_output=True,
    )  # fmt: skip
    project.git("add", "-A")
    project.git("commit", "-qm", "remote")
    if project.git("remote"):
        project.git("push", "-q", "origin", "HEAD")


def cloned(source: Path, target: Path, *options: str) -> Project:
    """Clone as over a network, where depth and filters mean something."""
    subprocess.run(["git", "clone", "-q", *options, source.as_uri(), str(target)], check=True)
    return Project(target)


def shared(project: Project, tmp_path: Path) -> Path:
    """Push a project with two experiments to a bare repository and a DVC remote."""
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    subprocess.run(["git", "config", "uploadpack.allowFilter", "true"], cwd=bare, check=True)
    subprocess.run(["git", "config", "uploadpack.allowAnySHA1InWant", "true"], cwd=bare, check=True)
    project.git("remote", "add", "origin", str(bare))
    with_store(project, tmp_path / "store")
    project.run("--name", "one")
    project.run("--name", "two", "-S", "lr=0.5")
    project.gitml("exp", "push")
    return bare
