"""Isolated work trees: made without hooks, and removed whatever state they are in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitml.errors import RepositoryError
from gitml.git.worktree import add_worktree, remove_worktree
from tests.git.work import Work


def _listed(work: Work) -> int:
    return work.git("worktree", "list", "--porcelain").count("worktree ")


def test_a_work_tree_is_made_without_hooks_and_removed_with_all_that_is_in_it(work: Work) -> None:
    for name in ("post-checkout", "reference-transaction"):
        work.write(f".git/hooks/{name}", "#!/bin/sh\ntouch hooked; exit 1\n").chmod(0o755)
    before = work.user_state()
    path = work.repository.state_dir / "work" / "brave otter"
    add_worktree(work.repository, path, work.git("rev-parse", "HEAD"))
    assert (path / "folder/b.txt").read_text() == "b\n"
    assert not (path / "hooked").exists()
    (path / "untracked.bin").write_text("x")
    (path / "a.txt").write_text("edited")
    remove_worktree(work.repository, path)
    assert not path.exists()
    assert _listed(work) == 1
    assert work.user_state() == before


def test_one_whose_making_was_killed_is_removed(work: Work) -> None:
    for number, damage in enumerate(("locked", "no .git", "no folder")):
        path = work.repository.state_dir / "work" / str(number)
        add_worktree(work.repository, path, "HEAD")
        (work.root / f".git/worktrees/{number}/locked").write_text("initializing")
        if damage == "no .git":
            (path / ".git").unlink()
        if damage == "no folder":
            shutil.rmtree(path)
        remove_worktree(work.repository, path)
        assert not path.exists()
        assert _listed(work) == 1, damage


def test_removing_what_is_not_there_does_no_harm(work: Work, tmp_path: Path) -> None:
    remove_worktree(work.repository, tmp_path / "never")
    assert (work.root / "a.txt").exists()


def test_what_git_refuses_is_an_error_in_words(work: Work, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("mine")
    with pytest.raises(RepositoryError, match="worktree failed"):
        add_worktree(work.repository, tmp_path / "full", "HEAD")
    assert (tmp_path / "full/file").read_text() == "mine"


def test_many_are_made_at_once(work: Work) -> None:
    from concurrent.futures import ThreadPoolExecutor

    paths = [work.repository.state_dir / "work" / str(number) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: add_worktree(work.repository, path, "HEAD"), paths))
        assert all((path / "a.txt").exists() for path in paths)
        list(pool.map(lambda path: remove_worktree(work.repository, path), paths))
    assert _listed(work) == 1
