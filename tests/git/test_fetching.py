"""Fetching no more than is needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.history_maker import make_experiments, new_repository
from gitml.errors import RepositoryError
from gitml.git.command import Git, no_hooks
from gitml.git.fetching import (
    COMMITS_ONLY,
    cut_off,
    fetch_commits,
    fetch_objects,
    folders_of,
    follows,
    may_lack_objects,
    missing,
)
from gitml.git.log import read_commits
from gitml.git.repository import Repository, configuration, discover
from gitml.history.index import open_index
from gitml.operations.fetching import bring_records, bring_studies

GitIn = Callable[..., str]


@pytest.fixture
def server(tmp_path: Path, git_in: GitIn) -> Repository:
    repository = new_repository(tmp_path / "server")
    make_experiments(repository, 5)
    git_in(repository.root, "config", "uploadpack.allowFilter", "true")
    return repository


def _clone(server: Repository, place: Path, git_in: GitIn, *options: str) -> Repository:
    git_in(server.root, "clone", "-q", *options, f"file://{server.root}", str(place))
    return discover(place)


def test_a_shallow_clone_gets_all_commits_of_a_study_and_nothing_else(
    server: Repository, tmp_path: Path, git_in: GitIn
) -> None:
    clone = _clone(server, tmp_path / "clone", git_in, "--depth=1")
    assert cut_off(clone) == {server.head} and not may_lack_objects(configuration(clone))
    fetch_commits(clone, configuration(clone), "origin", "exp/")
    line = git_in(clone.root, "rev-list", "--first-parent", "origin/exp/main").split()
    assert line == git_in(server.root, "rev-list", "--first-parent", "exp/main").split()
    assert may_lack_objects(configuration(clone))
    commits = read_commits(clone.git, line)
    assert [commit.oid for commit in commits] == line
    trees = [commit.tree for commit in commits[:-1]]
    assert missing(clone.git, [*trees, *line]) == trees


def test_missing_objects_come_together_and_alone(
    server: Repository, tmp_path: Path, git_in: GitIn
) -> None:
    clone = _clone(server, tmp_path / "clone", git_in, "--filter=tree:0")
    tree = git_in(server.root, "rev-parse", "exp/main^{tree}")
    other = git_in(server.root, "rev-parse", "exp/main~1^{tree}")
    assert folders_of(clone.git, [tree]) == {tree: {}}
    fetch_objects(clone, "origin", [tree, other, tree], "exp/", leave_out=COMMITS_ONLY)
    held = folders_of(clone.git, [tree, other])
    assert held[tree].keys() >= {".gitml", "train.py"} and held[tree] != held[other]
    assert held[tree][".gitml"][0] == "40000" and held[tree]["train.py"][0] == "100644"
    folder = held[tree][".gitml"][1]
    assert missing(clone.git, [folder, tree]) == [folder]
    fetch_objects(clone, "origin", [folder], "exp/")
    assert "experiment.json" in folders_of(clone.git, [folder])[folder]
    with pytest.raises(RepositoryError):
        fetch_objects(clone, "origin", ["1" * 40], "exp/")


def test_the_records_of_many_experiments_take_a_handful_of_requests(
    server: Repository, tmp_path: Path, git_in: GitIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_experiments(server, 60, start=5)
    clone = _clone(server, tmp_path / "clone", git_in, "--depth=1")
    asked: list[str] = []
    run = Git.run

    def counting(git: Git, *arguments: str, **options: object) -> bytes:
        asked.extend(word for word in arguments if word == "fetch")
        return run(git, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Git, "run", counting)
    brought = bring_studies(clone, "", "auto", lambda _: None)
    assert (brought.remote, brought.lean) == ("origin", True)
    with open_index(clone) as index:
        assert not any(row.complete for row in index.rows())
        bring_records(clone, index, brought)
        rows = index.rows()
    assert len(rows) == 65 and all(row.complete and row.metrics for row in rows)
    assert len(asked) == 4
    git_in(clone.root, "remote", "set-url", "origin", "file:///nowhere")
    with open_index(clone) as index:
        bring_records(clone, index, brought)  # nothing is missing any more


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        (["+refs/heads/*:refs/remotes/origin/*"], True),
        (["+refs/*:refs/*"], True),
        (["+refs/heads/main:refs/remotes/origin/main"], False),
        (["refs/heads/exp/*:refs/remotes/origin/exp/*", "+refs/heads/main:refs/x"], True),
        (["+refs/heads/release/*:refs/remotes/origin/release/*"], False),
        ([], False),
    ],
)
def test_whether_a_plain_fetch_would_bring_the_studies(
    server: Repository, git_in: GitIn, specs: list[str], expected: bool
) -> None:
    git_in(server.root, "config", "remote.origin.url", "/somewhere")
    for spec in specs:
        git_in(server.root, "config", "--add", "remote.origin.fetch", spec)
    assert follows(server, configuration(server), "origin", "exp/") is expected


def test_no_hook_runs_and_the_environment_is_as_before(
    server: Repository, tmp_path: Path, git_in: GitIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = server.git_dir / "hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    for name, value in (("COUNT", "1"), ("KEY_0", "user.name"), ("VALUE_0", "Grace")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    before = dict(os.environ)
    with no_hooks():
        server.git.run("update-ref", "refs/heads/new", server.head)
        assert server.git.text("config", "user.name") == "Grace"
    assert not (tmp_path / "ran").exists()
    assert dict(os.environ) == before
    server.git.run("update-ref", "refs/heads/newer", server.head)
    assert (tmp_path / "ran").exists()
