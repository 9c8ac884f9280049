"""Trees: listed, compared, and built from changes without a work tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitml.errors import RepositoryError
from gitml.git.command import GitFailed
from gitml.git.objects import write_blob
from gitml.git.trees import build_tree, count_lines, diff_trees, list_tree, patch
from tests.git.work import Work

FILE = "100644"


@pytest.fixture(params=["sha1", "sha256"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Work:
    """A repository in each object format."""
    made = Work(tmp_path / "either", object_format=request.param)
    made.commit("begin", **{"a.txt": "a\n", "folder/b.txt": "b\n", "folder/c.txt": "c\n"})
    return made


def _build(work: Work, changes: dict[str, bytes | None], base: str | None = "HEAD^{tree}") -> str:
    git = work.repository.git
    found = {
        path: None if data is None else (FILE, write_blob(git, data))
        for path, data in changes.items()
    }
    tree = None if base is None else work.git("rev-parse", base)
    return build_tree(git, work.repository.state_dir / "build.index", tree, found)


def test_changes_are_added_and_deleted_and_the_rest_stays(either: Work) -> None:
    before = either.user_state()
    tree = _build(either, {"new/deep.txt": b"n\n", "a.txt": b"A\n", "folder/b.txt": None})
    assert either.files(tree) == {
        "a.txt": b"A\n",
        "folder/c.txt": b"c\n",
        "new/deep.txt": b"n\n",
    }
    assert either.user_state() == before


def test_a_file_takes_the_place_of_a_folder_and_the_other_way_round(either: Work) -> None:
    tree = _build(either, {"folder": b"file\n", "a.txt/inside": b"i\n"})
    assert either.files(tree) == {"folder": b"file\n", "a.txt/inside": b"i\n"}
    tree = _build(either, {"folder": b"f\n", "folder/b.txt": None, "folder/c.txt": None})
    assert either.files(tree) == {"a.txt": b"a\n", "folder": b"f\n"}


def test_deletions_alone_work_and_of_what_is_not_there_too(either: Work) -> None:
    tree = _build(either, {"folder/b.txt": None, "folder/c.txt": None, "never/was.txt": None})
    assert either.files(tree) == {"a.txt": b"a\n"}
    again = _build(either, {"a.txt": None}, base=None)
    assert either.files(again) == {}


def test_without_changes_it_is_the_same_tree(either: Work) -> None:
    assert _build(either, {}) == either.git("rev-parse", "HEAD^{tree}")


def test_modes_links_and_odd_names_are_kept(work: Work) -> None:
    git = work.repository.git
    oid = write_blob(git, b"target")
    changes: dict[str, tuple[str, str] | None] = {
        "run.sh": ("100755", oid),
        "link": ("120000", oid),
        "--option": (FILE, oid),
        "new\nline\t'x\"": (FILE, oid),
        "caf\udce9": (FILE, oid),
    }
    tree = build_tree(git, work.repository.state_dir / "i", work.git("mktree"), changes)
    assert {entry.path: (entry.mode, entry.oid) for entry in list_tree(git, tree)} == changes


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../b", "/abs", ".git/hooks/x", "a/.GIT/x", "a//b", "", ".", "x/", "git~1/x", "a\0b",
     ".git /x", ".git./x", "ok/.git::$INDEX_ALLOCATION/x"],
)  # fmt: skip
def test_paths_that_git_refuses_are_refused_in_words(work: Work, path: str) -> None:
    with pytest.raises(RepositoryError, match="can't store the path"):
        _build(work, {path: b"x", "fine.txt": b"y"})


def test_an_object_that_is_missing_is_an_error(work: Work) -> None:
    with pytest.raises(GitFailed):
        build_tree(
            work.repository.git,
            work.repository.state_dir / "i",
            work.git("rev-parse", "HEAD^{tree}"),
            {"x": (FILE, "12" * 20)},
        )


def test_a_tree_that_is_missing_is_an_error(work: Work) -> None:
    with pytest.raises(GitFailed):
        list_tree(work.repository.git, "12" * 20)
    with pytest.raises(GitFailed):
        list_tree(work.repository.git, "--output=x")


def test_differences_say_what_was_there_and_what_is(either: Work) -> None:
    old = either.git("rev-parse", "HEAD^{tree}")
    blob = either.git("rev-parse", "HEAD:a.txt")
    new = _build(either, {"new\nname": b"n\n", "a.txt": None, "folder/b.txt": b"b\nb\n"})
    changes = {change.path: change for change in diff_trees(either.repository.git, old, new)}
    assert set(changes) == {"new\nname", "a.txt", "folder/b.txt"}
    assert (changes["a.txt"].old, changes["a.txt"].new) == (blob, "")
    assert changes["new\nname"].old == ""
    assert count_lines(either.repository.git, old, new) == {
        "new\nname": (1, 0),
        "a.txt": (0, 1),
        "folder/b.txt": (1, 0),
    }


def test_binary_files_have_no_lines(work: Work) -> None:
    old = work.git("rev-parse", "HEAD^{tree}")
    new = _build(work, {"model.bin": bytes(range(256))})
    assert count_lines(work.repository.git, old, new) == {"model.bin": None}


def test_nothing_that_the_repository_names_is_started_to_compare(
    work: Work, tmp_path: Path
) -> None:
    marker = tmp_path / "started"
    work.git("config", "diff.evil.command", f"touch {marker}; :")
    work.git("config", "diff.evil.textconv", f"touch {marker}; cat")
    work.git("config", "diff.external", f"touch {marker}; :")
    old = work.git("rev-parse", "HEAD^{tree}")
    work.commit("evil", **{".gitattributes": "*.txt diff=evil\n", "a.txt": "changed\n"})
    git = work.repository.git
    new = work.git("rev-parse", "HEAD^{tree}")
    assert b"+changed" in patch(git, old, new, ["a.txt"])
    assert count_lines(git, old, new)["a.txt"] == (1, 1)
    diff_trees(git, old, new)
    assert not marker.exists()


def test_a_patch_of_some_paths_takes_them_literally(work: Work) -> None:
    old = work.git("rev-parse", "HEAD^{tree}")
    work.commit("more", **{"*.txt": "star\n", "a.txt": "changed\n", "--x": "x\n"})
    new = work.git("rev-parse", "HEAD^{tree}")
    git = work.repository.git
    text = patch(git, old, new, ["*.txt", "--x"])
    assert b"+star" in text
    assert b"+x" in text
    assert b"+changed" not in text


def test_a_submodule_that_moved_is_a_difference_whatever_the_settings(work: Work) -> None:
    work.git("config", "diff.ignoreSubmodules", "all")
    commit = work.git("rev-parse", "HEAD")
    old = work.git("rev-parse", "HEAD^{tree}")
    git = work.repository.git
    new = build_tree(git, work.repository.state_dir / "i", old, {"sub": ("160000", commit)})
    assert [change.path for change in diff_trees(git, old, new)] == ["sub"]
