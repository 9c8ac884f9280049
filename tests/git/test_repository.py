"""Finding the repository, wherever one stands and whatever the folders are called."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import gitml
from gitml.errors import NotFoundError, RepositoryError
from gitml.git.repository import (
    configuration,
    discover,
    in_progress,
    require_identity,
    require_work_tree,
    truthy,
    unmerged_paths,
)
from tests.git.work import Work


@pytest.mark.parametrize(
    "name", ["plain", "with space", "new\nline", "ends in newline\n", "grün-✓", "-option", "a'b\"c"]
)
def test_a_repository_is_found_whatever_its_folders_are_called(tmp_path: Path, name: str) -> None:
    work = Work(tmp_path / name)
    work.commit("begin", a__txt="a\n")
    inside = work.root / "sub" / name / "deep\n\nest"
    inside.mkdir(parents=True)
    for start in (work.root, inside):
        found = discover(start)
        assert found.root == work.root.resolve()
        assert found.git_dir == found.common_dir == work.root.resolve() / ".git"
        assert found.head == work.git("rev-parse", "HEAD")
        assert (found.branch, found.bare, found.object_format) == ("main", False, "sha1")
    assert work.snapshot().tree == work.git("rev-parse", "HEAD^{tree}")


def test_a_folder_that_is_no_utf8_is_found(tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    work = Work(root)
    work.write("a.txt")
    assert discover(root).root == root.resolve()
    assert work.snapshot().status.untracked == ("a.txt",)


def test_a_link_to_a_folder_inside_leads_to_the_repository(work: Work, tmp_path: Path) -> None:
    os.symlink(work.root / "folder", tmp_path / "link")
    assert discover(tmp_path / "link").root == work.root.resolve()


def test_the_innermost_repository_counts(work: Work) -> None:
    inner = Work(work.root / "inner")
    inner.write("deep/x.txt")
    assert discover(inner.root / "deep").root == inner.root.resolve()


def test_a_linked_work_tree_shares_its_common_folder(work: Work, tmp_path: Path) -> None:
    work.git("worktree", "add", "-q", str(tmp_path / "linked\nhere"), "-b", "side")
    found = discover(tmp_path / "linked\nhere")
    assert found.branch == "side"
    assert found.common_dir == work.root.resolve() / ".git"
    assert found.git_dir != found.common_dir
    assert found.state_dir == discover(work.root).state_dir


def test_a_bare_repository_can_be_read_and_not_run_in(work: Work, tmp_path: Path) -> None:
    work.git("clone", "-q", "--bare", str(work.root), str(tmp_path / "bare.git"))
    found = discover(tmp_path / "bare.git")
    assert found.bare
    assert found.root == (tmp_path / "bare.git").resolve()
    assert found.head == work.git("rev-parse", "HEAD")
    with pytest.raises(RepositoryError, match="bare") as caught:
        require_work_tree(found)
    assert "Clone" in caught.value.hint


def test_inside_of_the_git_folder_one_is_told_to_leave_it(work: Work) -> None:
    with pytest.raises(RepositoryError, match="inside a Git folder"):
        discover(work.root / ".git")


def test_outside_of_a_repository_one_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        discover(tmp_path)
    assert "gitml init" in caught.value.hint


def test_a_folder_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="could not be started"):
        discover(tmp_path / "nowhere")


def test_what_a_surrounding_git_hook_set_does_not_mislead(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Work(tmp_path / "other")
    other.commit("other", o__txt="o\n")
    for name, value in {
        "GIT_DIR": str(other.root / ".git"),
        "GIT_WORK_TREE": str(other.root),
        "GIT_INDEX_FILE": str(other.root / ".git/index"),
        "GIT_OBJECT_DIRECTORY": str(other.root / ".git/objects"),
        "GIT_PREFIX": "sub/",
        "GIT_NAMESPACE": "elsewhere",
        "GIT_LITERAL_PATHSPECS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    found = discover(work.root)
    assert found.root == work.root.resolve()
    work.write("a.txt", "edited\n")
    taken = work.snapshot()
    for name in list(os.environ):
        if name.startswith("GIT_") and name != "GIT_CONFIG_NOSYSTEM":
            monkeypatch.delenv(name)
    assert work.files(taken.tree)["a.txt"] == b"edited\n"
    assert other.git("status", "--porcelain") == ""


def test_it_works_from_a_hook_of_another_repository(work: Work, tmp_path: Path) -> None:
    other = Work(tmp_path / "other")
    code = (
        "from pathlib import Path; from gitml.git.repository import discover; "
        "print(discover(Path()).root, file=open('root.txt', 'w'))"
    )
    source = Path(gitml.__file__).parent.parent
    hook = other.write(
        ".git/hooks/post-commit",
        f"#!/bin/sh\ncd '{work.root}' && PYTHONPATH='{source}' '{sys.executable}' -c \"{code}\"\n",
    )
    hook.chmod(0o755)
    other.commit("fires the hook", x__txt="x\n")
    assert (work.root / "root.txt").read_text().strip() == str(work.root.resolve())


def test_unborn_detached_and_packed_heads_are_read(empty: Work, work: Work) -> None:
    assert (empty.repository.head, empty.repository.branch) == ("", "main")
    head = work.git("rev-parse", "HEAD")
    work.git("pack-refs", "--all")
    assert (work.repository.head, work.repository.branch) == (head, "main")
    work.git("switch", "-q", "--detach")
    assert (work.repository.head, work.repository.branch) == (head, "")
    work.git("switch", "-qc", "feature/x y".replace(" ", "-"))
    assert work.repository.branch == "feature/x-y"
    work.git("switch", "-q", "--orphan", "fresh")
    assert (work.repository.head, work.repository.branch) == ("", "fresh")


def test_a_sha256_repository_is_known_as_such(tmp_path: Path) -> None:
    work = Work(tmp_path / "work", object_format="sha256")
    work.commit("begin", a__txt="a\n")
    found = work.repository
    assert found.object_format == "sha256"
    assert len(found.head) == len(found.zero) == 64


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("merge", "other"), "a merge"),
        (("rebase", "other"), "a rebase"),
        (("cherry-pick", "other"), "a cherry-pick"),
        (("revert", "--no-edit", "HEAD~1"), "a revert"),
        (("bisect", "start"), "a bisect"),
    ],
)
def test_what_git_is_in_the_middle_of_is_named(
    work: Work, command: tuple[str, ...], what: str
) -> None:
    work.git("switch", "-qc", "other")
    work.commit("theirs", a__txt="theirs\n")
    work.git("switch", "-q", "main")
    work.commit("ours", a__txt="ours\n")
    work.commit("ours again", a__txt="ours again\n")
    assert in_progress(work.repository) == ""
    work.run(*command)
    assert in_progress(work.repository) == what
    if what != "a bisect":
        assert unmerged_paths(work.repository) == ["a.txt"]


def test_configuration_is_read_as_git_reads_it(work: Work) -> None:
    work.git("config", "section.several", "one")
    work.git("config", "--add", "section.several", "two\nlines")
    with (work.root / ".git/config").open("a") as file:
        file.write("[commit]\n\tgpgSign\n[tag]\n\tgpgSign =\n[x]\n\tnumber = 2\n\tzero = 0\n")
    found = configuration(work.repository)
    assert found["section.several"] == "two\nlines"
    assert truthy(found["commit.gpgsign"])
    assert not truthy(found["tag.gpgsign"])
    assert truthy(found["x.number"])
    assert not truthy(found["x.zero"])
    assert not truthy(found.get("x.missing"))
    for key in ("commit.gpgsign", "tag.gpgsign", "x.number", "x.zero"):
        said = work.git("config", "--type=bool", key)
        assert truthy(found[key]) == (said == "true")


def test_a_missing_identity_is_noticed_before_hours_of_training(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = work.repository
    require_identity(repository, configuration(repository))
    work.git("config", "user.useConfigOnly", "true")
    work.git("config", "user.name", "")
    with pytest.raises(RepositoryError, match="who you are") as caught:
        require_identity(repository, configuration(repository))
    assert "user.name" in caught.value.hint
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Grace")
    with pytest.raises(RepositoryError, match="who you are"):
        require_identity(repository, configuration(repository))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Grace")
    require_identity(repository, configuration(repository))
