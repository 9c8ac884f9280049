"""Trees edited without Git are what Git would have built."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitml.git.objects import write_blob
from gitml.git.tree_edit import edit_tree
from gitml.git.trees import build_tree
from tests.git.work import Work

FILE = "100644"
# `a-b` and `a.b` stand before the folder `a` in Git's order, and `a0` behind it.
_PART = st.sampled_from(["a", "a-b", "a.b", "a0", "b"])
_PATH = st.lists(_PART, min_size=1, max_size=3).map("/".join)
_CHANGES = st.dictionaries(_PATH, st.sampled_from([None, FILE, "100755"]), max_size=6)


def _of_files(paths: list[str]) -> list[str]:
    """Leave out what can't be beside another: a file where a folder is."""
    return [path for path in paths if not any(other.startswith(f"{path}/") for other in paths)]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(paths=st.lists(_PATH, max_size=6, unique=True), wanted=_CHANGES)
def test_git_builds_the_same_tree(
    work: Work, paths: list[str], wanted: dict[str, str | None]
) -> None:
    git, index = work.repository.git, work.repository.state_dir / "build.index"
    oid = write_blob(git, b"x")
    begun: dict[str, tuple[str, str] | None] = dict.fromkeys(_of_files(paths), (FILE, oid))
    base = build_tree(git, index, work.git("mktree"), begun)
    there = _of_files([path for path, mode in wanted.items() if mode])
    changes = {
        path: (mode, write_blob(git, path.encode())) if mode else None
        for path, mode in wanted.items()
        if not mode or path in there
    }
    edited = edit_tree(git, base, changes)
    assert edited in (None, build_tree(git, index, base, changes))
    # A file in a folder's place, while files of that folder are named too, is left to Git.
    mixed = any(other.startswith(f"{path}/") for path in there for other in changes)
    assert edited is not None or mixed


def test_trees_are_sound_and_durable(work: Work) -> None:
    git = work.repository.git
    oid = write_blob(git, b"new\n")
    tree = edit_tree(git, work.git("rev-parse", "HEAD^{tree}"), {".gitml/log.txt": (FILE, oid)})
    assert tree is not None
    assert work.files(tree)[".gitml/log.txt"] == b"new\n"
    work.git("fsck", "--strict", "--no-dangling")


@pytest.mark.parametrize(
    "path",
    ["../x", "/abs", ".git/x", "a/.GIT/x", "a//b", "", ".", "x/", "git~1/x", "a\0b", ".git /x",
     ".git./x", ".gitmodules", "ok/.git::$INDEX_ALLOCATION/x", "new\nline", "caf\udce9", "ä"],
)  # fmt: skip
def test_what_git_may_refuse_is_left_to_git(work: Work, path: str) -> None:
    git = work.repository.git
    changes = {path: (FILE, write_blob(git, b"x"))}
    assert edit_tree(git, work.git("rev-parse", "HEAD^{tree}"), changes) is None


def test_links_and_what_is_not_there_or_packed_are_left_to_git(work: Work) -> None:
    git, tree = work.repository.git, work.git("rev-parse", "HEAD^{tree}")
    oid = write_blob(git, b"x")
    assert edit_tree(git, tree, {"x": ("120000", oid)}) is None
    assert edit_tree(git, tree, {"x": (FILE, "12" * 20)}) is None
    assert edit_tree(git, "12" * 20, {"x": (FILE, oid)}) is None
    assert edit_tree(git, tree, {"x": (FILE, oid)}) is not None
    work.git("repack", "-adq")
    assert edit_tree(git, tree, {"x": (FILE, oid)}) is None


def test_a_damaged_tree_is_left_to_git(work: Work) -> None:
    git, tree = work.repository.git, work.git("rev-parse", "HEAD^{tree}")
    oid = write_blob(git, b"x")
    file: Path = work.root / ".git/objects" / tree[:2] / tree[2:]
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:20])
    assert edit_tree(git, tree, {"x": (FILE, oid)}) is None


def test_nothing_left_is_the_empty_tree(work: Work) -> None:
    git, tree = work.repository.git, work.git("rev-parse", "HEAD^{tree}")
    assert edit_tree(git, tree, dict.fromkeys(work.files(tree))) == work.git("mktree")
