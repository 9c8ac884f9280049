"""Repositories to begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.git.work import Work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit: `a.txt`, `folder/b.txt` and a `.gitignore` for `*.log`."""
    made = Work(tmp_path / "work")
    made.write("a.txt", "a\n")
    made.write("folder/b.txt", "b\n")
    made.write(".gitignore", "*.log\n")
    made.commit("begin")
    return made


@pytest.fixture
def empty(tmp_path: Path) -> Work:
    """A repository without commits."""
    return Work(tmp_path / "empty")
