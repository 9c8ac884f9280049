"""The runner: what reaches Git, and what is said when Git fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.errors import RepositoryError
from gitml.git.command import Git, GitFailed, clean_environment, join_nul, split_nul
from tests.git.work import Work


def test_a_failure_names_the_verb_and_what_git_said(work: Work) -> None:
    with pytest.raises(GitFailed, match=r"^git rev-parse failed: fatal: ") as caught:
        work.repository.git.run("-c", "core.abbrev=7", "rev-parse", "--verify", "no-such-thing")
    assert caught.value.status == 128


def test_a_folder_that_is_gone_and_a_nul_are_errors_in_words(tmp_path: Path, work: Work) -> None:
    with pytest.raises(RepositoryError, match="could not be started"):
        Git(tmp_path / "nowhere").run("status")
    with pytest.raises(RepositoryError, match="could not be started"):
        work.repository.git.run("rev-parse", "a\0b")


def test_a_git_that_waits_for_ever_is_ended(work: Work) -> None:
    work.git("config", "alias.wait", "!sleep 20")
    with pytest.raises(RepositoryError, match="git wait did not end within 0 s"):
        work.repository.git.run("-c", "a.b=c", "wait", timeout=0.3)


def test_nothing_that_redirects_git_or_traces_it_gets_through() -> None:
    env = clean_environment(
        {"GIT_DIR": "x", "GIT_TRACE": "1", "GIT_TRACE2_EVENT": "/x", "PATH": "/bin", "LANG": "de"}
    )
    assert not {"GIT_DIR", "GIT_TRACE", "GIT_TRACE2_EVENT"} & set(env)
    assert env["LC_ALL"] == "C"
    assert env["GIT_TERMINAL_PROMPT"] == "0"
    assert env["PATH"] == "/bin"


def test_the_users_own_list_of_transports_is_only_ever_narrowed() -> None:
    assert "ext" not in clean_environment({})["GIT_ALLOW_PROTOCOL"].split(":")
    assert clean_environment({"GIT_ALLOW_PROTOCOL": "https:ext"})["GIT_ALLOW_PROTOCOL"] == "https"


def test_a_private_index_may_be_named_relative_to_where_one_stands(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    private = work.repository.git.with_index(Path("private.index"))
    private.run("read-tree", "HEAD")
    assert (tmp_path / "private.index").exists()


@given(st.lists(st.binary(min_size=1).filter(lambda item: b"\0" not in item)))
def test_names_of_any_bytes_survive_the_way_to_git_and_back(items: list[bytes]) -> None:
    texts = split_nul(b"".join(item + b"\0" for item in items))
    assert join_nul(texts) == b"".join(item + b"\0" for item in items)
