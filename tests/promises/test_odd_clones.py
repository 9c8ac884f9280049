"""Clones and work trees of every kind fetch what they need and share the same studies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Project
from tests.promises.repositories import cloned, refused, shared


@pytest.mark.parametrize(
    "options",
    [
        ("--depth=1",),
        ("--depth=1", "--no-single-branch"),
        ("--single-branch",),
        ("--filter=blob:none",),
        ("--filter=tree:0",),
    ],
    ids="".join,
)
def test_odd_clones_fetch_what_they_need(
    project: Project, tmp_path: Path, options: tuple[str, ...]
) -> None:
    bare = shared(project, tmp_path)
    clone = cloned(bare, tmp_path / "clone", *options)
    clone.gitml("exp", "pull")
    assert {row["experiment"] for row in clone.json("exp", "list", "--all")} == {"one", "two"}
    assert clone.json("exp", "show", "one")["metrics"]["accuracy"] < 0.5
    assert clone.run("-S", "lr=0.5")["reused"] is True
    three = clone.run("--name", "three", "-S", "lr=0.7")
    clone.gitml("exp", "push")
    project.gitml("exp", "pull")
    listed = {row["experiment"]: row["commit"] for row in project.json("exp", "list")}
    assert listed["three"] == three["commit"]
    clone.gitml("exp", "apply", "one")
    assert (clone.root / "model.bin").stat().st_size == 4 * 51


def test_a_linked_work_tree_records_into_the_same_studies(project: Project, tmp_path: Path) -> None:
    project.run("--name", "one")
    project.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Project(tmp_path / "side")
    assert side.run()["reused"] is True
    done = side.run("--name", "two", "-S", "lr=0.5")
    assert done["study"] == "side"
    assert project.git("rev-parse", "exp/side") == done["commit"]
    assert {row["experiment"] for row in project.json("exp", "list", "--all")} == {"one", "two"}
    assert not (side.root / ".dvc/cache").exists()
    project.gitml("exp", "apply", "two")
    assert "lr: 0.5" in (project.root / "params.yaml").read_text()
    isolated = side.run("--isolated", "-S", "lr=0.6")
    assert isolated["status"] == "completed"


def test_a_study_that_is_checked_out_is_not_written_behind_its_back(
    project: Project, tmp_path: Path
) -> None:
    project.run("--name", "one")
    project.git("worktree", "add", "-q", str(tmp_path / "side"), "exp/main")
    said = refused(project, "exp", "run", "-S", "lr=0.5")
    assert "side" in said
    project.git("worktree", "remove", str(tmp_path / "side"))
    project.git("checkout", "-qf", "exp/main", "--")
    refused(project, "exp", "run", "--study", "main", "-S", "lr=0.5")
