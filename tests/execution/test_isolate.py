"""Isolated work trees: where they are, and how the user's data gets in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitml.errors import UsageError
from gitml.execution.isolate import link_data, missing_hint, place_for
from gitml.execution.trace import Trace


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    root, worktree = tmp_path / "user", tmp_path / "work"
    root.mkdir()
    worktree.mkdir()
    return root, worktree


def test_a_place_is_inside_of_gitmls_folder_and_free(tmp_path: Path) -> None:
    assert place_for(tmp_path, "brave-otter") == tmp_path / "work/brave-otter"
    (tmp_path / "work/brave-otter").mkdir(parents=True)
    assert place_for(tmp_path, "brave-otter") == tmp_path / "work/brave-otter-2"
    (tmp_path / "work/brave-otter-2").symlink_to("nowhere")
    assert place_for(tmp_path, "brave-otter") == tmp_path / "work/brave-otter-3"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/x", "-x", ".git", "a\0b"])
def test_a_place_never_leads_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        place_for(tmp_path, name)


def test_ignored_data_is_linked_in(trees: tuple[Path, Path]) -> None:
    root, worktree = trees
    (root / "data/raw").mkdir(parents=True)
    (root / "data/raw/a.csv").write_text("1")
    (root / "one.csv").write_text("2")
    assert link_data(root, worktree, ["one.csv", "data/raw"]) == ["data/raw", "one.csv"]
    assert (worktree / "data/raw/a.csv").read_text() == "1"
    assert (worktree / "one.csv").read_text() == "2"
    assert link_data(root, worktree, ["one.csv", "data/raw"]) == []


def test_a_folder_that_is_partly_in_git_gets_the_rest(trees: tuple[Path, Path]) -> None:
    root, worktree = trees
    for folder in (root, worktree):
        (folder / "data/deep").mkdir(parents=True)
        (folder / "data/.gitignore").write_text("/raw")
        (folder / "data/deep/tracked").write_text(folder.name)
    (root / "data/raw").mkdir()
    (root / "data/deep/ignored").write_text("1")
    assert link_data(root, worktree, ["data"]) == ["data/deep/ignored", "data/raw"]
    assert (worktree / "data/deep/tracked").read_text() == "work"
    assert not (worktree / "data").is_symlink()


def test_what_leads_out_or_is_not_there_is_passed_over(trees: tuple[Path, Path]) -> None:
    root, worktree = trees
    outside = root.parent / "outside"
    outside.mkdir()
    (worktree / "away").symlink_to(outside)
    (root / "away").mkdir()
    (root / "away/x").write_text("1")
    (root / ".git").mkdir()
    names = ["../outside", "/etc/passwd", "", ".", ".git", "away/x", "missing", "a/../../x"]
    assert link_data(root, worktree, names) == []
    assert list(outside.iterdir()) == []
    assert sorted(os.listdir(worktree)) == ["away"]


def test_a_file_that_only_the_user_has_gets_a_hint(trees: tuple[Path, Path]) -> None:
    root, worktree = trees
    (root / "vocab.txt").write_text("a")
    trace = Trace(True, missing=frozenset({f"{worktree}/vocab.txt", f"{worktree}/ckpt", "/etc/x"}))
    hint = missing_hint(trace, worktree, root)
    assert "'vocab.txt'" in hint
    assert "data:" in hint
    assert "ckpt" not in hint
    assert missing_hint(Trace(), worktree, root) == ""
