"""Declared data counts with all that it holds, whoever knows of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Project

READS = """\
import pathlib

print("loss", len(pathlib.Path("data/set/train.bin").read_bytes()))
"""


@pytest.fixture
def mixed(tmp_path: Path) -> Project:
    """A project whose folder of data holds a file that Git tracks and one that it ignores."""
    project = Project(tmp_path / "project")
    project.write("train.py", READS)
    project.write("data/readme.md", "made by hand\n")
    project.write("data/set/train.bin", "0123456789")
    project.write(".gitignore", "*.bin\n")
    project.write("gitml.yaml", "command: python train.py\ndata: [data]\n")
    project.git("init", "-q")
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "start")
    return project


def test_an_ignored_file_in_a_declared_folder_counts_beside_tracked_ones(mixed: Project) -> None:
    assert mixed.run()["level"] == "new"
    assert mixed.run()["reused"]
    mixed.write("data/set/train.bin", "01234")
    found = mixed.json("check", status=0)
    assert not found["blocked"]
    assert [one["name"] for one in found["differences"]] == ["data"]
    assert not mixed.run()["reused"]


def test_a_declared_folder_that_git_has_only_a_part_of_is_named_as_not_versioned(
    mixed: Project,
) -> None:
    said = mixed.gitml("exp", "run").stderr
    assert "data/set/train.bin" in said
    assert mixed.json("exp", "show", "latest")["inputs"]["data"]["data"]["kind"] == "unversioned"


def test_a_folder_that_git_has_all_of_is_known_by_git(mixed: Project) -> None:
    mixed.write(".gitignore", "")
    mixed.run()
    assert mixed.json("exp", "show", "latest")["inputs"]["data"]["data"]["kind"] == "git"
