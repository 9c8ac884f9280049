"""A project with one recorded experiment, and the levels that edits of it lead to."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gitml.cli.main import main
from tests.conftest import Project

Edit = Callable[[Project], object]


def scene(
    root: Path,
    files: Mapping[str, str],
    command: str = "python train.py",
    *,
    config: str = "",
    ignored: str = "",
    prepare: Edit | None = None,
    record: bool = True,
    **env: str,
) -> Project:
    """Make a project of some files, commit it, and record one experiment.

    Args:
        root: Folder that it is made in.
        files: Path → text.
        command: What runs; a line of words.
        config: More lines of `gitml.yaml`.
        ignored: Lines of `.gitignore`.
        prepare: Does whatever else there is to do before the commit.
        record: Whether the experiment is run, too.
        env: Variables of the environment that it runs in.
    """
    root.mkdir(parents=True)
    project = Project(root)
    project.git("init", "-q")
    words = json.dumps(shlex.split(command))
    project.write("gitml.yaml", f"command: {words}\n{config}")
    if ignored:
        project.write(".gitignore", ignored)
    for path, text in files.items():
        project.write(path, text)
    if prepare is not None:
        prepare(project)
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    if record:
        project.run("--name", "base", **env)
    return project


def asked(project: Project, *words: str, folder: str = "", **env: str) -> tuple[str, str]:
    """Return the level that `gitml check` gives, and the inputs that it names."""
    before = dict(os.environ)
    said, complained = io.StringIO(), io.StringIO()
    os.environ.update(env)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            status = _status(["-C", str(project.root / folder), "check", "--json", *words])
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert status in (0, 1), complained.getvalue()
    answer: dict[str, Any] = json.loads(said.getvalue())
    named = sorted(f"{item['input']} {item['name']}" for item in answer["differences"])
    return answer["level"], ", ".join(named)


def levels(project: Project, edits: Mapping[str, Edit], **env: str) -> dict[str, str]:
    """Return the level that each edit leads to, on a copy of the project each."""
    found = {}
    for number, (title, edit) in enumerate(edits.items()):
        # Beside it, so that paths that lead out of the project stay what they are.
        kept = project.root.with_name(f"{project.root.name}-{number}")
        shutil.copytree(project.root, kept, symlinks=True)
        edit(project)
        found[title] = asked(project, **env)[0]
        shutil.rmtree(project.root)
        kept.rename(project.root)
    return found


def write(path: str, text: str) -> Edit:
    return lambda project: project.write(path, text)


def append(path: str, text: str) -> Edit:
    return lambda project: project.write(path, (project.root / path).read_text() + text)


def remove(path: str) -> Edit:
    return lambda project: (project.root / path).unlink()


def _status(words: list[str]) -> int:
    try:
        return int(main(words) or 0)
    except SystemExit as stop:
        return int(stop.code or 0)
