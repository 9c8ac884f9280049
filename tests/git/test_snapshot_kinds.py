"""The snapshot in every kind of repository: sparse, split, linked, nested, filtered, unborn."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitml.errors import RepositoryError
from tests.git.work import BEGIN, Work


def test_a_submodule_is_recorded_as_the_commit_that_is_checked_out_there(
    work: Work, tmp_path: Path
) -> None:
    library = Work(tmp_path / "library")
    first = library.commit("one", one__txt="1\n")
    allow = ("-c", "protocol.file.allow=always")
    work.git(*allow, "submodule", "--quiet", "add", str(library.root), "vendored")
    work.commit("add submodule")
    assert work.files(work.snapshot().tree)["vendored"] == first.encode()
    inside = Work(work.root / "vendored", init=False)
    second = inside.commit("two", two__txt="2\n")
    inside.write("one.txt", "dirty\n")
    taken = work.snapshot()
    assert work.files(taken.tree)["vendored"] == second.encode()
    assert "vendored" in taken.status.changed


def test_a_submodule_whose_changes_git_is_told_to_ignore_is_recorded_all_the_same(
    work: Work, tmp_path: Path
) -> None:
    library = Work(tmp_path / "library")
    library.commit("one", one__txt="1\n")
    allow = ("-c", "protocol.file.allow=always")
    work.git(*allow, "submodule", "--quiet", "add", str(library.root), "vendored")
    work.git("config", "-f", ".gitmodules", "submodule.vendored.ignore", "all")
    work.commit("add submodule")
    second = Work(work.root / "vendored", init=False).commit("two", two__txt="2\n")
    assert work.files(work.snapshot().tree)["vendored"] == second.encode()


def test_repositories_inside_are_left_out_and_named(work: Work) -> None:
    Work(work.root / "without-commits").write("x.txt")
    Work(work.root / "with-commits").commit("x", x__txt="x\n")
    taken = work.snapshot()
    assert work.files(taken.tree) == BEGIN
    assert set(taken.status.untracked) == {"with-commits/", "without-commits/"}


def test_a_repository_inside_that_took_a_files_place_does_no_harm(work: Work) -> None:
    (work.root / "a.txt").unlink()
    Work(work.root / "a.txt").commit("x", x__txt="x\n")
    files = work.files(work.snapshot().tree)
    assert "a.txt" not in files
    assert files["folder/b.txt"] == b"b\n"


def test_a_repository_without_commits_works(empty: Work) -> None:
    taken = empty.snapshot()
    assert empty.files(taken.tree) == {}
    empty.write("staged.txt", "s\n")
    empty.git("add", "staged.txt")
    empty.write("untracked.txt", "u\n")
    before = empty.user_state()
    taken = empty.snapshot()
    assert empty.files(taken.tree) == {"staged.txt": b"s\n", "untracked.txt": b"u\n"}
    assert empty.user_state() == before


def test_a_clone_without_a_checkout_is_as_empty_as_it_looks(work: Work, tmp_path: Path) -> None:
    work.git("clone", "-q", "--no-checkout", str(work.root), str(tmp_path / "clone"))
    clone = Work(tmp_path / "clone", init=False)
    clone.write("new.txt", "n\n")
    assert clone.files(clone.snapshot().tree) == {"new.txt": b"n\n"}
    assert not (clone.root / ".git/index").exists()


def test_a_detached_head_works(work: Work) -> None:
    work.git("switch", "-q", "--detach")
    work.write("a.txt", "edited\n")
    assert work.files(work.snapshot().tree)["a.txt"] == b"edited\n"
    assert work.repository.branch == ""


def test_a_linked_work_tree_has_its_own_snapshot(work: Work, tmp_path: Path) -> None:
    work.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "side")
    linked = Work(tmp_path / "linked", init=False)
    linked.write("a.txt", "in the linked one\n")
    work.write("a.txt", "in the main one\n")
    before = work.user_state(), linked.user_state()
    assert linked.files(linked.snapshot().tree)["a.txt"] == b"in the linked one\n"
    assert work.files(work.snapshot().tree)["a.txt"] == b"in the main one\n"
    assert (work.user_state(), linked.user_state()) == before


def test_it_is_the_whole_repository_wherever_one_stands(work: Work) -> None:
    work.write("folder/new.txt", "n\n")
    work.write("a.txt", "edited\n")
    assert work.snapshot("folder").tree == work.snapshot().tree


def test_what_a_sparse_checkout_leaves_out_stays_in_it(work: Work) -> None:
    work.commit("more", **{"folder/b.txt": "b\n", "wide/c.txt": "c\n", "wide/deep/d.txt": "d\n"})
    work.git("sparse-checkout", "set", "--cone", "folder")
    assert not (work.root / "wide").exists()
    assert work.snapshot().tree == work.git("rev-parse", "HEAD^{tree}")
    work.write("folder/b.txt", "edited\n")
    work.write("wide/new.txt", "outside of the cone\n")
    files = work.files(work.snapshot().tree)
    assert files["wide/deep/d.txt"] == b"d\n"
    assert files["folder/b.txt"] == b"edited\n"
    assert files["wide/new.txt"] == b"outside of the cone\n"


def test_a_sparse_index_is_understood(work: Work) -> None:
    work.commit("more", **{"wide/c.txt": "c\n", "wide/deep/d.txt": "d\n"})
    work.git("sparse-checkout", "set", "--cone", "--sparse-index", "folder")
    before = work.user_state()
    work.write("folder/new.txt", "n\n")
    files = work.files(work.snapshot().tree)
    assert files["wide/c.txt"] == b"c\n"
    assert files["folder/new.txt"] == b"n\n"
    (work.root / "folder/new.txt").unlink()
    assert work.user_state()["index"] == before["index"]


@pytest.mark.parametrize("option", ["--assume-unchanged", "--skip-worktree"])
def test_edits_hidden_from_git_are_in_it_since_the_run_sees_them(work: Work, option: str) -> None:
    work.git("update-index", option, "a.txt", "folder/b.txt")
    assert work.snapshot().status.changed == ()
    work.write("a.txt", "hidden edit\n")
    before = work.user_state()
    taken = work.snapshot()
    assert work.files(taken.tree)["a.txt"] == b"hidden edit\n"
    assert taken.status.changed == ("a.txt",)
    assert work.user_state() == before


def test_line_endings_are_converted_as_git_add_would(work: Work) -> None:
    work.git("config", "core.autocrlf", "true")
    work.git("config", "core.safecrlf", "true")
    work.write("windows.txt", b"one\r\ntwo\r\n")
    work.write("mixed.txt", b"one\r\ntwo\n")
    files = work.files(work.snapshot().tree)
    assert files["windows.txt"] == files["mixed.txt"] == b"one\ntwo\n"


def test_a_split_index_is_understood_and_leaves_nothing_behind(work: Work) -> None:
    work.git("config", "core.splitIndex", "true")
    work.git("update-index", "--split-index")
    for number in range(30):
        work.write(f"many/{number}.txt", str(number))
    work.write("a.txt", "edited\n")
    before = work.user_state()
    files = work.files(work.snapshot().tree)
    assert files["a.txt"] == b"edited\n"
    assert len(files) == 33
    assert work.user_state() == before


def test_a_required_filter_whose_program_is_missing_says_so(work: Work) -> None:
    work.commit("attributes", **{".gitattributes": "*.bin filter=big\n"})
    work.git("config", "filter.big.clean", "no-such-program-anywhere")
    work.git("config", "filter.big.required", "true")
    work.write("new.bin", "b\n")
    with pytest.raises(RepositoryError, match=r"clean filter.*big") as caught:
        work.snapshot()
    assert "needs" in caught.value.hint
    assert "\n  File" not in str(caught.value)


def test_a_required_filter_that_fails_for_a_tracked_file_says_so(work: Work) -> None:
    work.write("old.bin", "b\n")
    work.commit("attributes", **{".gitattributes": "*.bin filter=big\n"})
    work.git("config", "filter.big.clean", "false")
    work.git("config", "filter.big.required", "true")
    work.write("old.bin", "c\n")
    with pytest.raises(RepositoryError, match="filter"):
        work.snapshot()


def test_a_clean_filter_is_applied(work: Work) -> None:
    work.commit("attributes", **{".gitattributes": "*.up filter=up\n"})
    work.git("config", "filter.up.clean", "tr a-z A-Z")
    work.write("x.up", "text\n")
    assert work.files(work.snapshot().tree)["x.up"] == b"TEXT\n"


def test_a_sha256_repository_works(tmp_path: Path) -> None:
    work = Work(tmp_path / "work", object_format="sha256")
    work.commit("begin", a__txt="a\n", b__txt="b\n")
    (work.root / "b.txt").unlink()
    work.write("new.txt", "n\n")
    taken = work.snapshot()
    assert len(taken.tree) == 64
    assert work.files(taken.tree) == {"a.txt": b"a\n", "new.txt": b"n\n"}


def test_the_snapshot_is_independent_of_the_users_settings(work: Work) -> None:
    plain = work.snapshot().tree
    for name, value in {
        "status.showUntrackedFiles": "no",
        "status.relativePaths": "true",
        "status.renames": "copies",
        "core.quotePath": "true",
        "color.ui": "always",
    }.items():
        work.git("config", name, value)
    assert work.snapshot().tree == plain
    work.write("folder/new.txt", "n\n")
    assert "folder/new.txt" in work.files(work.snapshot("folder").tree)
