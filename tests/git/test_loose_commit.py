"""Commits written without Git are what Git would have written."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from gitml.git.commits import commit_tree
from gitml.git.loose_commit import write_commit
from gitml.git.repository import configuration
from tests.git.work import Work

PERSON = {"user.name": "Ada Lovelace", "user.email": "ada@example.org"}


@pytest.fixture
def nobody(work: Work, monkeypatch: pytest.MonkeyPatch) -> Work:
    """A repository where the environment doesn't say who commits."""
    for role in ("AUTHOR", "COMMITTER"):
        for what in ("NAME", "EMAIL", "DATE"):
            monkeypatch.delenv(f"GIT_{role}_{what}", raising=False)
    return work


@pytest.fixture(autouse=True)
def _same_zone_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    monkeypatch.undo()
    time.tzset()


def _written(work: Work, message: str = "m\n", **config: str) -> str | None:
    tree = work.git("rev-parse", "HEAD^{tree}")
    settings = {key.replace("_", "."): value for key, value in config.items()} or PERSON
    return write_commit(
        work.repository.git, tree, [work.git("rev-parse", "HEAD")], message, settings
    )


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns"])
@pytest.mark.parametrize("message", ["subject\n\nbody\n\nA: b\n", "no end", "grün ✓\n"])
def test_git_writes_the_same_commit(
    nobody: Work, monkeypatch: pytest.MonkeyPatch, zone: str, message: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    git, parent = nobody.repository.git, nobody.git("rev-parse", "HEAD")
    tree = nobody.git("rev-parse", "HEAD^{tree}")
    nobody.git("config", "user.name", "Zoë O'Neil, PhD")
    nobody.git("config", "committer.email", "bot@example.org")
    nobody.git("config", "user.email", "zoe@example.org")
    config = configuration(nobody.repository)
    ours = write_commit(git, tree, [parent, parent], message, config)
    assert ours is not None
    seconds = nobody.git("show", "-s", "--format=%at", ours)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_DATE", f"@{seconds} {_offset(nobody, ours)}")
    assert commit_tree(nobody.repository.git, tree, [parent], message) == ours
    nobody.git("fsck", "--strict", "--no-dangling")


def _offset(work: Work, commit: str) -> str:
    return work.git("show", "-s", "--format=%ad", "--date=format:%z", commit)


@pytest.mark.parametrize(
    "config",
    [{"user_name": "A"}, {"user_email": "a@x"}, {"user_name": "", "user_email": "a@x"},
     {"user_name": "A.", "user_email": "a@x"}, {"user_name": "A <b", "user_email": "a@x"},
     {"user_name": " A", "user_email": "a@x"}, {"user_name": "A\nB", "user_email": "a@x"},
     {"user_name": "caf\udce9", "user_email": "a@x"}],
)  # fmt: skip
def test_what_git_would_mend_or_guess_is_left_to_git(nobody: Work, config: dict[str, str]) -> None:
    assert _written(nobody, **config) is None


def test_a_date_of_the_environment_is_left_to_git(
    nobody: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _written(nobody) is not None
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2001-01-01T00:00:00Z")
    assert _written(nobody) is None


def test_the_environment_comes_before_the_configuration(
    nobody: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Grace")
    commit = _written(nobody)
    assert commit is not None
    assert nobody.git("show", "-s", "--format=%an, %cn", commit) == "Grace, Ada Lovelace"
    monkeypatch.setenv("GIT_AUTHOR_NAME", "")
    assert _written(nobody) is None


def test_messages_and_trees_that_git_refuses_are_left_to_git(nobody: Work) -> None:
    assert _written(nobody, "a\0b") is None
    assert _written(nobody, "caf\udce9") is None
    git = nobody.repository.git
    assert write_commit(git, "12" * 20, [], "m\n", PERSON) is None
