"""Asking for what has to be refused: one line says why, and nothing is written anywhere."""

from __future__ import annotations

import os
import subprocess

from tests.conftest import Project

ESCAPE = "\x1b[31m"
RIGHT_TO_LEFT = "\u202e"
BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 12)
)


def files_of(project: Project) -> set[str]:
    """Return every file of the work tree, whatever Git thinks of it."""
    found = set()
    for folder, folders, names in os.walk(project.root):
        folders[:] = [name for name in folders if name != ".git"]
        found |= {os.path.relpath(os.path.join(folder, name), project.root) for name in names}
    return found


def refused(project: Project, *arguments: str, **env: str) -> str:
    """Run a command that has to be refused in a line or two, with nothing written."""
    files = files_of(project)
    refs = project.git("for-each-ref")
    done = project.gitml(*arguments, status=2, **env)
    assert "Traceback" not in done.stderr
    said = done.stderr.splitlines()
    assert 1 <= len(said) <= 2, done.stderr
    assert said[0].startswith("error: ")
    assert all(line.isprintable() for line in said), done.stderr
    assert len(done.stderr) < 2000
    assert done.stdout == ""
    assert files_of(project) == files
    assert project.git("for-each-ref") == refs
    runs = project.root / ".git/gitml/runs"
    assert not runs.is_dir() or not [path for path in runs.iterdir() if path.name[0] != "."]
    return done.stderr


def assert_printable(text: str) -> None:
    """Assert that there is nothing in a text that a terminal would obey."""
    assert all(line.isprintable() for line in text.split("\n")), repr(text)


def git_with(project: Project, text: str, *arguments: str, **env: str) -> str:
    """Run Git with `text` on its standard input."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=project.root,
        input=text,
        env={**os.environ, **env},
        text=True,
        capture_output=True,
        check=True,
    )
    return done.stdout.strip()
