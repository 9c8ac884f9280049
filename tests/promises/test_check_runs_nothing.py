"""A check of somebody's pull request runs nothing that the pull request brings."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.promises.repositories import made

EVIL = '#!/bin/sh\ntouch {marker}\nexec {python} "$@"\n'
HOOKS = (
    "post-checkout",
    "post-index-change",
    "post-rewrite",
    "pre-auto-gc",
    "reference-transaction",
    "fsmonitor-watchman",
)


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Project, Path]:
    """A project, and a file that exists once its code has run."""
    return made(tmp_path / "project"), tmp_path / "ran"


def _program(project: Project, path: str, marker: Path) -> None:
    file = project.write(path, EVIL.format(marker=marker, python=sys.executable))
    file.chmod(0o755)


def _committed(project: Project) -> None:
    project.git("add", "-Af")
    project.git("commit", "-qm", "a harmless change")


def _refused(project: Project, marker: Path, *arguments: str, **env: str) -> str:
    done = project.gitml("check", *arguments, status=2, **env)
    assert not marker.exists()
    assert "Traceback" not in done.stderr
    return done.stderr


def test_an_interpreter_that_is_checked_in_is_not_started(hostile: tuple[Project, Path]) -> None:
    project, marker = hostile
    _program(project, "bin/python", marker)
    project.write("train2.py", "#!bin/python\n").chmod(0o755)
    _committed(project)
    for command in (
        ("bin/python", "train.py"),
        ("env", "A=1", "./bin/python", "train.py"),
        ("nice", "bin/python", "train.py"),
        ("./train2.py",),
    ):
        assert "bin/python is a file of this repository" in _refused(project, marker, *command)
    path = f"{project.root}/bin{os.pathsep}{os.environ['PATH']}"
    assert "bin/python" in _refused(project, marker, "python", "train.py", PATH=path)
    # What calls `python` by itself is asked about the one on PATH.
    project.write("train.sh", "#!/bin/sh\npython train.py\n")
    assert "bin/python" in _refused(project, marker, "sh", "train.sh", PATH=path)
    relative = f"bin{os.pathsep}{os.environ['PATH']}"
    assert "bin/python" in _refused(project, marker, "python", "train.py", PATH=relative)


def _as_link(project: Project, marker: Path) -> None:
    _program(project, "tools/snake", marker)
    (project.root / ".venv/bin").mkdir(parents=True)
    (project.root / ".venv/bin/python").symlink_to("../../tools/snake")


def _as_startup(project: Project, marker: Path) -> None:
    (project.root / ".venv/bin").mkdir(parents=True)
    (project.root / ".venv/bin/python").symlink_to(os.path.realpath(sys.executable))
    home = Path(os.path.realpath(sys.executable)).parent
    project.write(".venv/pyvenv.cfg", f"home = {home}\n")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = f".venv/lib/{version}/site-packages"
    project.write(f"{site}/evil.pth", f"import os; open({str(marker)!r}, 'w')\n")


@pytest.mark.parametrize("plant", [_as_link, _as_startup])
def test_an_environment_that_is_checked_in_is_not_started(
    hostile: tuple[Project, Path], plant: Callable[[Project, Path], None]
) -> None:
    project, marker = hostile
    plant(project, marker)
    _committed(project)
    for command in ((".venv/bin/python", "train.py"), ("uv", "run", "python", "train.py")):
        assert "is a file of this repository" in _refused(project, marker, *command)


def test_an_environment_beside_the_project_is_asked(hostile: tuple[Project, Path]) -> None:
    project, _ = hostile
    (project.root / ".venv/bin").mkdir(parents=True)
    (project.root / ".venv/bin/python").symlink_to(os.path.realpath(sys.executable))
    home = Path(os.path.realpath(sys.executable)).parent
    project.write(".venv/pyvenv.cfg", f"home = {home}\n")
    project.write(".gitignore", ".venv\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "ignore it")
    project.gitml("check", ".venv/bin/python", "train.py")


def test_no_hook_monitor_or_attribute_of_the_repository_is_obeyed(
    hostile: tuple[Project, Path],
) -> None:
    project, marker = hostile
    project.run("--name", "one")
    for hook in HOOKS:
        _program(project, f".githooks/{hook}", marker)
    _program(project, "evil.sh", marker)
    project.write(".gitattributes", "* filter=evil diff=evil merge=evil\n")
    project.write(".gitconfig", f'[filter "evil"]\n\tclean = {project.root}/evil.sh\n')
    _committed(project)
    project.git("config", "core.hooksPath", ".githooks")
    project.git("config", "core.fsmonitor", ".githooks/fsmonitor-watchman")
    marker.unlink(missing_ok=True)
    project.write("train.py", (project.root / "train.py").read_text() + "# a comment\n")
    project.write("new.txt", "untracked\n")
    project.gitml("check")
    assert not marker.exists()
    project.git("status")
    assert marker.exists()  # so they would have run


def test_an_address_that_names_a_command_is_not_fetched_from(
    hostile: tuple[Project, Path],
) -> None:
    project, marker = hostile
    project.git("remote", "add", "origin", f"ext::sh -c touch% {marker}")
    said = _refused(project, marker, "--fetch")
    assert "'ext' not allowed" in said
