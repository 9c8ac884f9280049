"""Branches travelling between clones: nothing lost, nothing rewritten, nothing forced."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gitml.errors import RepositoryError, UsageError
from gitml.experiment.message import compose_join, parse
from gitml.experiment.names import branch_of
from gitml.experiment.study import record_experiment
from gitml.git.commits import read_ref
from gitml.git.log import Commit, walk_line
from gitml.git.repository import configuration
from gitml.git.share import (
    choose_remote,
    fetch_branches,
    is_ancestor,
    join_branch,
    push_branches,
)
from tests.git.work import Work

REF = branch_of("main")
MESSAGE = "{name}: loss 0.1\n\nGitml-Experiment: {name}\nGitml-Fingerprint: sha256:00\n"


class Team:
    """A remote and any number of clones of it."""

    def __init__(self, folder: Path, clones: int, object_format: str = "sha1") -> None:
        seed = Work(folder / "seed", object_format=object_format)
        seed.commit("begin", a__txt="a\n")
        seed.git("clone", "-q", "--bare", str(seed.root), str(folder / "bare.git"))
        self.remote = Work(folder / "bare.git", init=False)
        self.clones = []
        for number in range(clones):
            seed.git("clone", "-q", str(self.remote.root), str(folder / f"clone{number}"))
            self.clones.append(Work(folder / f"clone{number}", init=False))


@pytest.fixture(params=["sha1", "sha256"])
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Team:
    """Three clones, in each object format."""
    return Team(tmp_path, 3, request.param)


def record(work: Work, name: str, study: str = "main") -> str:
    tree = work.git("rev-parse", "HEAD^{tree}")
    head = work.git("rev-parse", "HEAD")
    message = MESSAGE.format(name=name)
    return record_experiment(work.repository, study, tree, head, message, sign=False)


def pull(work: Work) -> str:
    theirs = fetch_branches(work.repository, "origin", "exp/").get("exp/main")
    return join_branch(work.repository, REF, theirs, compose_join("main")) if theirs else "none"


def push(work: Work) -> None:
    for _ in range(30):
        rejected = push_branches(work.repository, "origin", [REF])
        if not rejected:
            return
        assert rejected[0].diverged, rejected
        pull(work)
    raise AssertionError("never taken")


def _joined(commit: Commit) -> tuple[str, ...]:
    return commit.parents[1:] if parse(commit.message).event == "join" else ()


def experiments(work: Work, ref: str = REF) -> set[str]:
    git = work.repository.git
    line = walk_line(git, read_ref(git, ref), known=set(), branches=_joined)
    return {commit.oid for commit in line if parse(commit.message).kind == "experiment"}


def test_clones_that_diverged_end_with_everything_and_no_id_changed(team: Team) -> None:
    made: set[str] = set()
    for number, clone in enumerate(team.clones):
        made |= {record(clone, f"run-{number}-{i}") for i in range(3)}
    for clone in team.clones:
        push(clone)
    for clone in team.clones[::-1]:
        assert pull(clone) in ("forward", "same")
        made.add(record(clone, f"later-{clone.root.name}"))
    for clone in team.clones:
        push(clone)
    for clone in team.clones:
        pull(clone)
        assert experiments(clone) == made
        assert clone.git("status", "--porcelain") == ""
        assert clone.git("fsck", "--strict", "--no-dangling") == ""
    assert {read_ref(clone.repository.git, REF) for clone in team.clones} == {
        read_ref(team.remote.repository.git, REF)
    }


def test_joining_says_what_it_did_and_is_done_once(team: Team) -> None:
    ours, theirs = team.clones[:2]
    record(ours, "mine")
    push(ours)
    assert pull(theirs) == "new"
    assert pull(theirs) == "same"
    record(theirs, "newer")
    assert pull(theirs) == "ahead"
    record(ours, "newest")
    push(theirs)
    assert pull(ours) == "joined"
    assert pull(ours) == "ahead"
    push(ours)
    assert pull(theirs) == "forward"
    joined = theirs.git("log", "-1", "--format=%B", REF)
    assert parse(joined).event == "join"


def test_a_join_has_the_tree_and_first_parent_of_theirs(team: Team) -> None:
    ours, theirs = team.clones[:2]
    first = record(ours, "mine")
    second = record(theirs, "yours")
    push(theirs)
    assert pull(ours) == "joined"
    assert ours.git("rev-parse", f"{REF}^1") == second
    assert ours.git("rev-parse", f"{REF}^2") == first
    assert ours.git("rev-parse", f"{REF}^{{tree}}") == ours.git("rev-parse", f"{second}^{{tree}}")


def test_clones_that_push_at_the_same_moment_all_arrive(tmp_path: Path) -> None:
    team = Team(tmp_path, 4)
    children = []
    for number, clone in enumerate(team.clones):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for i in range(3):
                    record(clone, f"run-{number}-{i}")
                    push(clone)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert len(experiments(team.remote)) == 12


def test_a_study_begun_in_a_clone_goes_on_where_the_remote_is(team: Team) -> None:
    ours, theirs = team.clones[:2]
    first = record(ours, "first")
    push(ours)
    fetch_branches(theirs.repository, "origin", "exp/")
    second = record(theirs, "second")
    assert theirs.git("rev-parse", f"{second}^1") == first


def test_a_protected_branch_is_told_apart_from_one_that_moved(team: Team) -> None:
    clone = team.clones[0]
    record(clone, "mine")
    hook = team.remote.root / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'exp is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    (rejected,) = push_branches(clone.repository, "origin", [REF])
    assert rejected.ref == REF
    assert not rejected.diverged
    assert "hook declined" in rejected.reason
    hook.rename(hook.with_name("pre-receive"))
    (rejected,) = push_branches(clone.repository, "origin", [REF])
    assert not rejected.diverged


def test_a_push_never_forces_and_sends_no_tags(team: Team) -> None:
    ours, theirs = team.clones[:2]
    first = record(ours, "mine")
    push(ours)
    record(theirs, "yours")
    theirs.git("config", "push.followTags", "true")
    theirs.git("tag", "-a", "-m", "x", "model@v1.0.0", "exp/main")
    (rejected,) = push_branches(theirs.repository, "origin", [REF])
    assert rejected.diverged
    assert read_ref(team.remote.repository.git, REF) == first
    push(theirs)
    assert team.remote.git("tag", "--list") == ""


def test_many_branches_are_pushed_in_one_go(tmp_path: Path) -> None:
    team = Team(tmp_path, 1)
    clone = team.clones[0]
    tip = record(clone, "one")
    refs = [f"refs/heads/exp/study-{number}" for number in range(120)]
    lines = "".join(f"create {ref} {tip}\n" for ref in refs)
    clone.git("update-ref", "--stdin", stdin=lines.encode())
    assert push_branches(clone.repository, "origin", refs) == []
    assert len(fetch_branches(clone.repository, "origin", "exp/")) == 120


def test_a_branch_deleted_on_the_remote_is_gone_from_the_answer_and_kept_here(team: Team) -> None:
    clone = team.clones[0]
    tip = record(clone, "mine")
    push(clone)
    team.remote.git("update-ref", "-d", REF)
    assert fetch_branches(clone.repository, "origin", "exp/") == {}
    assert read_ref(clone.repository.git, REF) == tip


def test_fetching_touches_nothing_else_of_the_user(team: Team) -> None:
    ours, theirs = team.clones[:2]
    record(ours, "mine")
    push(ours)
    ours.git("tag", "v1", "exp/main")
    ours.git("push", "-q", "origin", "v1")
    theirs.git("config", "fetch.prune", "true")
    theirs.git("config", "fetch.pruneTags", "true")
    theirs.git("tag", "only-here")
    before = theirs.user_state()
    fetch_branches(theirs.repository, "origin", "exp/")
    after = theirs.user_state()
    assert not (theirs.root / ".git/FETCH_HEAD").exists()
    after["refs"] = [line for line in after["refs"] if "/origin/exp/" not in line]  # type: ignore[attr-defined]
    assert after == before


def test_a_single_branch_and_a_shallow_clone_get_every_study(team: Team, tmp_path: Path) -> None:
    ours = team.clones[0]
    made = {record(ours, f"run-{number}") for number in range(3)}
    push(ours)
    options = ("--depth=1", "--single-branch", "--branch=main")
    ours.git("clone", "-q", *options, f"file://{team.remote.root}", str(tmp_path / "shallow"))
    shallow = Work(tmp_path / "shallow", init=False)
    assert pull(shallow) == "new"
    assert experiments(shallow) == made
    mine = record(shallow, "mine")
    other = record(ours, "other")
    push(ours)
    push(shallow)
    assert experiments(team.remote) == made | {mine, other}


@pytest.mark.parametrize(
    "url",
    ["ext::sh -c touch% {marker}", "--upload-pack=touch {marker}", "-oProxyCommand=touch {marker}",
     "ssh://-oProxyCommand=touch%20{marker}/x", "fd::3"],
)  # fmt: skip
def test_an_address_that_starts_a_program_is_refused(work: Work, tmp_path: Path, url: str) -> None:
    marker = tmp_path / "marker"
    work.git("config", "protocol.ext.allow", "always")
    work.git("config", "remote.origin.url", url.format(marker=marker))
    work.git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    with pytest.raises(RepositoryError, match="Nothing could be fetched"):
        fetch_branches(work.repository, "origin", "exp/")
    with pytest.raises(RepositoryError, match="Nothing could be pushed"):
        push_branches(work.repository, "origin", ["refs/heads/main"])
    assert not marker.exists()


@pytest.mark.parametrize("name", ["--upload-pack=touch marker;", "-x", "--exec=touch marker"])
def test_a_remote_that_is_named_like_an_option_is_no_option(work: Work, name: str) -> None:
    work.git("config", f"remote.{name}.url", "/nowhere/at/all")
    config = configuration(work.repository)
    assert choose_remote(work.repository, config, name) == name
    with pytest.raises(RepositoryError):
        fetch_branches(work.repository, name, "exp/")
    with pytest.raises(RepositoryError):
        push_branches(work.repository, name, ["refs/heads/main"])
    assert not (work.root / "marker").exists()


def test_a_remote_that_does_not_answer_is_an_error_with_a_hint(work: Work) -> None:
    work.git("remote", "add", "origin", "/nowhere/at/all")
    begun = time.monotonic()
    with pytest.raises(RepositoryError, match="fetched from origin") as caught:
        fetch_branches(work.repository, "origin", "exp/")
    assert "git fetch origin" in caught.value.hint
    assert time.monotonic() - begun < 10


def test_the_remote_is_the_one_named_or_the_branchs_own_or_the_only_one(work: Work) -> None:
    def chosen(name: str = "") -> str:
        return choose_remote(work.repository, configuration(work.repository), name)

    with pytest.raises(UsageError, match="no Git remote") as caught:
        chosen()
    assert "git remote add" in caught.value.hint
    work.git("remote", "add", "team.fork", "/x")
    assert chosen() == "team.fork"
    work.git("remote", "add", "other", "/y")
    with pytest.raises(UsageError) as caught:
        chosen()
    assert "--remote" in caught.value.hint
    work.git("remote", "add", "origin", "/z")
    assert chosen() == "origin"
    work.git("config", "remote.pushDefault", "other")
    assert chosen() == "other"
    work.git("config", "branch.main.remote", "team.fork")
    assert chosen() == "team.fork"
    assert chosen("origin") == "origin"
    with pytest.raises(UsageError, match="no Git remote 'nobody'"):
        chosen("nobody")


def test_ancestry_that_can_not_be_read_is_an_error_and_not_a_no(work: Work) -> None:
    git = work.repository.git
    first = work.git("rev-parse", "HEAD")
    second = work.commit("two")
    assert is_ancestor(git, first, second)
    assert is_ancestor(git, first, first)
    assert not is_ancestor(git, second, first)
    with pytest.raises(RepositoryError):
        is_ancestor(git, "12" * 20, first)
