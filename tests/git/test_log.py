"""Reading lines of commits: in order, streamed, and never confused by what a message holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitml.errors import RepositoryError
from gitml.git.commits import commit_tree
from gitml.git.log import Commit, list_refs, read_commit, walk_line
from tests.git.work import Work


def _chain(work: Work, start: list[str], count: int, label: str) -> list[str]:
    git = work.repository.git
    tree = work.git("rev-parse", "HEAD^{tree}")
    made = []
    for number in range(count):
        start = [commit_tree(git, tree, start, f"{label} {number}\n")]
        made += start
    return made


def _joins(commit: Commit) -> tuple[str, ...]:
    return commit.parents[1:] if commit.message.startswith("join") else ()


def _walk(work: Work, tip: str, known: set[str] | None = None) -> list[str]:
    found = walk_line(work.repository.git, tip, known=known or set(), branches=_joins)
    return [commit.message.strip() for commit in found]


def test_a_line_is_walked_newest_first_and_never_into_a_base(work: Work) -> None:
    git = work.repository.git
    tree = work.git("rev-parse", "HEAD^{tree}")
    head = work.git("rev-parse", "HEAD")
    tip = commit_tree(git, tree, [], "root\n")
    for number in range(3):
        tip = commit_tree(git, tree, [tip, head], f"experiment {number}\n")
    assert _walk(work, tip) == ["experiment 2", "experiment 1", "experiment 0", "root"]


def test_what_joins_brought_in_is_walked_once(work: Work) -> None:
    git = work.repository.git
    tree = work.git("rev-parse", "HEAD^{tree}")
    (root,) = _chain(work, [], 1, "root")
    left = _chain(work, [root], 3, "left")
    right = _chain(work, [root], 2, "right")
    third = _chain(work, [right[0]], 2, "third")
    first = commit_tree(git, tree, [left[-1], right[-1]], "join a\n")
    second = commit_tree(git, tree, [third[-1], first], "join b\n")
    walked = _walk(work, second)
    assert len(walked) == len(set(walked))
    assert set(walked) == {
        "join b", "join a", "root 0",
        *(f"left {n}" for n in range(3)), *(f"right {n}" for n in range(2)),
        *(f"third {n}" for n in range(2)),
    }  # fmt: skip
    assert walked.index("third 1") < walked.index("third 0") < walked.index("right 0")


def test_a_known_commit_ends_its_line(work: Work) -> None:
    chain = _chain(work, [], 50, "c")
    assert _walk(work, chain[-1], {chain[46]}) == ["c 49", "c 48", "c 47"]
    assert _walk(work, chain[-1], {chain[-1]}) == []


def test_a_walk_may_be_left_at_any_time(work: Work) -> None:
    chain = _chain(work, [], 30, "c")
    walk = walk_line(work.repository.git, chain[-1], known=set(), branches=_joins)
    assert next(walk).message == "c 29\n"
    walk.close()


def test_a_tip_that_does_not_exist_is_an_error_in_words(work: Work) -> None:
    with pytest.raises(RepositoryError, match="can't be read"):
        _walk(work, "12" * 20)
    with pytest.raises(RepositoryError, match="can't be read"):
        _walk(work, "--output=x")


def test_a_commit_is_read_with_all_of_its_fields(work: Work) -> None:
    git = work.repository.git
    tree = work.git("rev-parse", "HEAD^{tree}")
    head = work.git("rev-parse", "HEAD")
    message = "subject ✓\n\nbody\twith\n\n\nmany lines\n\nTrailer: x\n"
    oid = commit_tree(git, tree, [head], message)
    found = read_commit(git, oid)
    assert found is not None
    assert (found.oid, found.tree, found.parents) == (oid, tree, (head,))
    assert (found.author, found.mail) == ("Ada Lovelace", "ada@example.org")
    assert found.message == message
    assert found.committed >= found.authored > 1_600_000_000
    assert read_commit(git, "HEAD~5") is None
    assert read_commit(git, "HEAD:a.txt") is None
    assert read_commit(git, "--output=x") is None


def test_the_users_settings_of_git_log_change_nothing(work: Work) -> None:
    chain = _chain(work, [], 3, "c")
    plain = list(walk_line(work.repository.git, chain[-1], known=set(), branches=_joins))
    for name, value in {
        "log.showSignature": "true",
        "log.decorate": "full",
        "format.pretty": "oneline",
        "color.ui": "always",
        "log.mailmap": "true",
        "log.date": "relative",
        "i18n.logOutputEncoding": "ISO-8859-1",
    }.items():
        work.git("config", name, value)
    work.git("notes", "add", "-m", "a note", chain[-1])
    again = list(walk_line(work.repository.git, chain[-1], known=set(), branches=_joins))
    assert again == plain


def test_messages_and_names_of_any_bytes_are_read(work: Work) -> None:
    tree = work.git("rev-parse", "HEAD^{tree}")
    raw = (
        f"tree {tree}\n".encode()
        + b"author N\xe9 <n\xe9@x> 99999999999999999999 +0000\n"
        + b"committer  <> 0 +0000\n\nna\xefve \x1b[31m\r\n"
    )
    oid = work.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=raw)
    found = read_commit(work.repository.git, oid)
    assert found is not None
    assert "\x1b[31m" in found.message
    assert isinstance(found.authored, int)
    empty = work.git("commit-tree", tree, stdin=b"")
    assert read_commit(work.repository.git, empty) is not None


def test_a_message_is_utf8_whatever_encoding_the_repository_prefers(work: Work) -> None:
    work.git("config", "i18n.commitEncoding", "ISO-8859-1")
    git = work.repository.git
    oid = commit_tree(git, work.git("rev-parse", "HEAD^{tree}"), [], "größe … ✓\n")
    found = read_commit(git, oid)
    assert found is not None
    assert found.message == "größe … ✓\n"


def test_references_are_found_at_and_below_a_pattern(work: Work) -> None:
    head = work.git("rev-parse", "HEAD")
    names = ["heads/exp/a", "remotes/origin/exp/b", "remotes/team/fork/exp/c", "heads/expert"]
    for name in names:
        work.git("update-ref", f"refs/{name}", head)
    git = work.repository.git
    assert set(list_refs(git, "refs/heads/exp")) == {"refs/heads/exp/a"}
    assert set(list_refs(git, "refs/remotes/*/exp")) == {"refs/remotes/origin/exp/b"}
    assert set(list_refs(git, "refs/remotes/*/*/exp")) == {"refs/remotes/team/fork/exp/c"}
    assert list_refs(git, "refs/heads/main") == {"refs/heads/main": head}
    assert list_refs(git, "refs/nothing") == {}


def test_a_reference_to_a_missing_object_hides_no_other(work: Work) -> None:
    path = work.root / ".git/refs/heads/exp/broken"
    path.parent.mkdir()
    path.write_text("12" * 20 + "\n")
    work.git("update-ref", "refs/heads/exp/fine", "HEAD")
    found = list_refs(work.repository.git, "refs/heads/exp")
    assert "refs/heads/exp/fine" in found


def test_a_sha256_line_is_walked(tmp_path: Path) -> None:
    work = Work(tmp_path / "work", object_format="sha256")
    work.commit("begin", a__txt="a\n")
    chain = _chain(work, [], 3, "c")
    assert len(chain[0]) == 64
    assert _walk(work, chain[-1]) == ["c 2", "c 1", "c 0"]
