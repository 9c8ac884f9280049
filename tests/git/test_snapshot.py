"""The snapshot: the whole project as it is now, and nothing of the user's is moved."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gitml.errors import RepositoryError
from gitml.git.snapshot import read_status, take_snapshot
from tests.git.work import BEGIN, Work


def test_a_clean_work_tree_is_the_tree_of_its_commit(work: Work) -> None:
    before = work.user_state()
    taken = work.snapshot()
    assert taken.tree == work.git("rev-parse", "HEAD^{tree}")
    assert taken.too_large == {}
    assert work.user_state() == before


def test_edits_staged_or_not_and_untracked_files_are_in_it_and_ignored_ones_are_not(
    work: Work,
) -> None:
    work.write("a.txt", "edited\n")
    work.write("staged.txt", "staged\n")
    work.git("add", "staged.txt")
    work.write("staged.txt", "staged, then edited\n")
    work.write("new/deep/untracked.txt", "untracked\n")
    work.write("run.log", "ignored\n")
    work.git("rm", "-q", "folder/b.txt")
    before = work.user_state()
    taken = work.snapshot()
    assert work.files(taken.tree) == {
        "a.txt": b"edited\n",
        "staged.txt": b"staged, then edited\n",
        "new/deep/untracked.txt": b"untracked\n",
        ".gitignore": b"*.log\n",
    }
    assert taken.status.changed == ("a.txt", "staged.txt")
    assert taken.status.dropped == ("folder/b.txt",)
    assert taken.status.untracked == ("new/deep/untracked.txt",)
    assert work.user_state() == before


def test_the_stash_and_a_merge_in_progress_without_conflicts_stay_as_they_are(work: Work) -> None:
    work.write("a.txt", "stashed\n")
    work.git("stash")
    work.git("switch", "-qc", "other")
    work.commit("other", other__txt="o\n")
    work.git("switch", "-q", "main")
    work.commit("mine", mine__txt="m\n")
    work.git("merge", "-q", "--no-commit", "--no-ff", "other")
    work.write("a.txt", "edited in the middle\n")
    before = work.user_state()
    files = work.files(work.snapshot().tree)
    assert files["other.txt"] == b"o\n"
    assert files["a.txt"] == b"edited in the middle\n"
    assert (work.root / ".git/MERGE_HEAD").exists()
    assert work.user_state() == before


def test_a_file_taken_out_of_the_index_that_still_lies_there_is_in_it(work: Work) -> None:
    work.git("rm", "-q", "--cached", "a.txt")
    taken = work.snapshot()
    assert work.files(taken.tree) == BEGIN
    assert taken.status.dropped == ("a.txt",)


def test_an_ignored_file_taken_out_of_the_index_is_not_in_it(work: Work) -> None:
    work.write("kept.log", "tracked although ignored\n")
    work.git("add", "-f", "kept.log")
    work.commit()
    assert "kept.log" in work.files(work.snapshot().tree)
    work.git("rm", "-q", "--cached", "kept.log")
    taken = work.snapshot()
    assert "kept.log" not in work.files(taken.tree)
    assert taken.status.dropped == ("kept.log",)


def test_a_deleted_file_is_not_in_it(work: Work) -> None:
    (work.root / "a.txt").unlink()
    work.write("added.txt")
    work.git("add", "added.txt")
    (work.root / "added.txt").unlink()
    taken = work.snapshot()
    assert set(work.files(taken.tree)) == {"folder/b.txt", ".gitignore"}
    assert set(taken.status.deleted) == {"a.txt", "added.txt"}


def test_a_file_announced_with_intent_to_add_is_in_it(work: Work) -> None:
    work.write("later.txt", "content\n")
    work.write("gone.txt")
    work.git("add", "-N", "later.txt", "gone.txt")
    (work.root / "gone.txt").unlink()
    before = work.user_state()
    files = work.files(work.snapshot().tree)
    assert files == {**BEGIN, "later.txt": b"content\n"}
    assert work.user_state() == before


def test_exec_bits_and_symbolic_links_are_kept(work: Work) -> None:
    work.write("run.sh", "#!/bin/sh\n").chmod(0o755)
    (work.root / "a.txt").chmod(0o755)
    os.symlink("a.txt", work.root / "link")
    os.symlink("/nowhere/at/all", work.root / "dangling")
    os.symlink("folder", work.root / "to-folder")
    taken = work.snapshot()
    modes = work.modes(taken.tree)
    assert modes["run.sh"] == modes["a.txt"] == "100755"
    assert modes["link"] == modes["dangling"] == modes["to-folder"] == "120000"
    assert work.files(taken.tree)["dangling"] == b"/nowhere/at/all"


def test_a_file_may_take_the_place_of_a_folder_and_the_other_way_round(work: Work) -> None:
    (work.root / "folder/b.txt").unlink()
    (work.root / "folder").rmdir()
    work.write("folder", "a file now\n")
    (work.root / "a.txt").unlink()
    work.write("a.txt/inside", "a folder now\n")
    files = work.files(work.snapshot().tree)
    assert files == {
        "folder": b"a file now\n",
        "a.txt/inside": b"a folder now\n",
        ".gitignore": b"*.log\n",
    }


def test_a_folder_may_become_a_link_to_the_same_files_elsewhere(work: Work, tmp_path: Path) -> None:
    (work.root / "folder").rename(tmp_path / "scratch")
    os.symlink(tmp_path / "scratch", work.root / "folder")
    taken = work.snapshot()
    assert work.modes(taken.tree)["folder"] == "120000"
    assert "folder/b.txt" not in work.files(taken.tree)


def test_a_file_may_become_a_link_and_a_link_a_file(work: Work) -> None:
    os.symlink("folder", work.root / "link")
    work.commit()
    (work.root / "link").unlink()
    work.write("link", "a file\n")
    (work.root / "a.txt").unlink()
    os.symlink("folder/b.txt", work.root / "a.txt")
    modes = work.modes(work.snapshot().tree)
    assert (modes["link"], modes["a.txt"]) == ("100644", "120000")


def test_odd_names_are_kept_byte_for_byte(work: Work) -> None:
    names = [
        b"--option",
        b"-rf",
        b"new\nline",
        b"tab\there",
        b'"quoted"',
        b":(glob)**",
        b"back\\slash",
        b"trailing ",
        b"caf\xe9-latin1",
        "schön-✓".encode(),
        b"sp ace/in folder",
    ]
    for name in names:
        path = os.path.join(os.fsencode(work.root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).write_bytes(name)
    files = work.files(work.snapshot().tree)
    assert {os.fsencode(path): data for path, data in files.items() if path not in BEGIN} == {
        name: name for name in names
    }
    work.git("add", "-A")
    work.git("commit", "-qm", "odd names")
    for name in names[:4]:
        os.unlink(os.path.join(os.fsencode(work.root), name))
    left = work.files(work.snapshot().tree)
    assert {os.fsencode(path) for path in left if path not in BEGIN} == set(names[4:])


def test_ten_thousand_files_are_taken_in_seconds(work: Work) -> None:
    for number in range(100):
        folder = work.root / f"many/{number}"
        folder.mkdir(parents=True)
        for file in range(97):
            (folder / f"{file}.txt").write_text(f"{number} {file}")
    work.git("add", "-A")
    work.git("commit", "-qm", "many")
    for number in range(300):
        work.write(f"fresh/{number}.txt", str(number))
    work.write("many/1/1.txt", "edited\n")
    begun = time.monotonic()
    taken = work.snapshot()
    assert time.monotonic() - begun < 20
    assert len(work.modes(taken.tree)) == 10_003
    assert work.files(taken.tree)["many/1/1.txt"] == b"edited\n"


def test_large_untracked_files_are_left_out_and_named(work: Work) -> None:
    work.write("big.bin", b"x" * 2000)
    work.write("small.bin", b"x" * 10)
    work.write("a.txt", "tracked files are always in it " * 100)
    taken = work.snapshot(large=1000)
    assert taken.too_large == {"big.bin": 2000}
    assert set(work.files(taken.tree)) == {*BEGIN, "small.bin"}


def test_virtual_environments_are_left_out(work: Work) -> None:
    work.write("env/pyvenv.cfg", "home = /usr/bin\n")
    work.write("env/lib/deep/site.py", "x = 1\n")
    work.write("tools/own/pyvenv.cfg", "home = /usr/bin\n")
    work.write("tools/own/bin/python", "x\n")
    work.write("tools/kept.py", "x = 1\n")
    files = work.files(work.snapshot().tree)
    assert set(files) == {*BEGIN, "tools/kept.py"}


def test_what_is_named_to_be_left_out_is_left_out(work: Work) -> None:
    work.write("metrics.json", "{}\n")
    work.write("new.py", "x = 1\n")
    taken = work.snapshot(leave_out={"metrics.json", "a.txt"})
    assert set(work.files(taken.tree)) == {*BEGIN, "new.py"}


def test_conflicts_are_refused_and_nothing_is_touched(work: Work) -> None:
    work.git("switch", "-qc", "other")
    work.commit("theirs", a__txt="theirs\n")
    work.git("switch", "-q", "main")
    work.commit("ours", a__txt="ours\n")
    assert work.run("merge", "other").returncode == 1
    before = work.user_state()
    with pytest.raises(RepositoryError, match=r"a\.txt has conflicts"):
        work.snapshot()
    assert work.user_state() == before


def test_a_file_that_vanishes_after_git_listed_it_does_no_harm(work: Work) -> None:
    work.write("soon-gone.txt")
    work.write("a.txt", "edited\n")
    status = read_status(work.repository)
    (work.root / "soon-gone.txt").unlink()
    (work.root / "a.txt").unlink()
    index = work.repository.state_dir / "test.index"
    taken = take_snapshot(work.repository, index, large=1000, status=status)
    assert set(work.files(taken.tree)) == {"folder/b.txt", ".gitignore"}


def test_ignored_files_are_listed_on_request(work: Work) -> None:
    work.write("x.log")
    work.write("folder/deep/y.log")
    found = read_status(work.repository, ignored=True)
    assert set(found.ignored) == {"x.log", "folder/deep/y.log"}
    assert read_status(work.repository).ignored == ()
