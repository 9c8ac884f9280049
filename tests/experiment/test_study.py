"""Writing to a study: all of an experiment or nothing of it, however many write at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitml import faults
from gitml.errors import RepositoryError
from gitml.experiment.message import compose, parse
from gitml.experiment.names import branch_of
from gitml.experiment.study import record_event, record_experiment, require_free_branch
from gitml.git.commits import read_ref
from gitml.git.log import Commit, read_commit, walk_line
from tests.experiment.making import make_record
from tests.git.work import Work

REF = branch_of("main")


@pytest.fixture(params=["sha1", "sha256"])
def work(request: pytest.FixtureRequest, tmp_path: Path) -> Work:
    """A repository with one commit, in each object format."""
    made = Work(tmp_path / "work", object_format=request.param)
    made.commit("begin", a__txt="a\n")
    return made


def record(work: Work, name: str, **more: object) -> str:
    repository = work.repository
    tree = work.git("rev-parse", "HEAD^{tree}")
    message = compose(make_record(name=name))
    return record_experiment(
        repository, "main", tree, repository.head, message, sign=False, **more  # type: ignore[arg-type]
    )  # fmt: skip


def line(work: Work) -> list[Commit]:
    git = work.repository.git
    return list(walk_line(git, read_ref(git, REF), known=set(), branches=lambda _: ()))


def names(work: Work) -> list[str]:
    found = [parse(commit.message).trailers.get("Gitml-Experiment", "") for commit in line(work)]
    return [name for name in found if name]


def in_child(action: Callable[[], object]) -> int:
    """Do something in a process of its own, and return the process."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    return child


def ends(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_an_experiment_is_a_commit_with_the_line_and_the_base_as_parents(work: Work) -> None:
    before = work.user_state()
    base = work.git("rev-parse", "HEAD")
    first, second = record(work, "first"), record(work, "second")
    assert work.git("rev-parse", f"{second}^1", f"{second}^2").split() == [first, base]
    assert work.git("rev-parse", f"{first}^2") == base
    root = read_commit(work.repository.git, f"{first}^1")
    assert root is not None
    assert parse(root.message).kind == "root"
    assert names(work) == ["second", "first"]
    logbook = work.git("log", "--first-parent", "--format=%s", "exp/main").splitlines()
    assert [subject.partition(":")[0] for subject in logbook] == ["second", "first", "study"]
    assert work.git("diff", f"{second}^2", second) == ""
    assert work.user_state() == before


def test_a_study_begins_with_the_same_commit_in_every_repository(
    work: Work, tmp_path: Path
) -> None:
    other = Work(tmp_path / "other", object_format=work.repository.object_format)
    other.git("config", "user.name", "Somebody Else")
    other.commit("something else", z__txt="z\n")
    record(work, "one")
    record(other, "two")
    assert line(work)[-1].oid == line(other)[-1].oid


def test_without_a_commit_to_stand_on_there_is_no_second_parent(tmp_path: Path) -> None:
    empty = Work(tmp_path / "empty")
    empty.write("train.py")
    taken = empty.snapshot()
    message = compose(make_record(name="early"))
    oid = record_experiment(empty.repository, "main", taken.tree, "", message, sign=False)
    assert len(empty.git("rev-list", "--parents", "-1", oid).split()) == 2
    assert empty.files(oid) == {"train.py": b"x\n"}
    assert empty.repository.head == ""


@pytest.fixture
def packing(work: Work) -> Iterator[None]:
    """Meanwhile, somebody packs all references again and again."""
    done = threading.Event()

    def pack() -> None:
        while not done.wait(0.05):
            work.run("pack-refs", "--all", "--prune")

    beside = threading.Thread(target=pack)
    beside.start()
    yield
    done.set()
    beside.join()


@pytest.mark.usefixtures("packing")
def test_fifty_processes_that_record_at_once_lose_nothing(work: Work) -> None:
    before = work.user_state()
    count = 50 if work.repository.object_format == "sha1" else 15
    children = [in_child(lambda n=n: record(work, f"run-{n}")) for n in range(count)]  # type: ignore[misc]
    assert [ends(child) for child in children] == [0] * count
    assert sorted(names(work)) == sorted(f"run-{n}" for n in range(count))
    assert len(line(work)) == count + 1
    assert work.git("fsck", "--strict", "--no-dangling") == ""
    assert work.user_state() == before


def test_without_the_queue_the_swap_alone_loses_nothing(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.write(".git/gitml", "no folder, so no queue\n")
    children = [in_child(lambda n=n: record(work, f"run-{n}")) for n in range(12)]  # type: ignore[misc]
    assert [ends(child) for child in children] == [0] * 12
    assert sorted(names(work)) == sorted(f"run-{n}" for n in range(12))
    assert work.git("fsck", "--strict", "--no-dangling") == ""


@pytest.mark.parametrize(("point", "landed"), [("commit.written", False), ("commit.landed", True)])
def test_a_kill_leaves_the_branch_without_the_experiment_or_with_all_of_it(
    work: Work, point: str, landed: bool
) -> None:
    record(work, "before")
    before = work.user_state()

    def killed() -> None:
        os.environ[faults.VARIABLE] = f"{point}:kill"
        record(work, "killed")

    assert ends(in_child(killed)) == -signal.SIGKILL
    assert names(work) == (["killed", "before"] if landed else ["before"])
    assert work.git("fsck", "--strict", "--no-dangling") == ""
    assert work.user_state() == before
    record(work, "after")
    assert names(work)[0] == "after"


def test_disk_full_before_the_swap_leaves_the_branch_as_it_was(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(work, "before")
    monkeypatch.setattr(faults, "_passages", {})
    monkeypatch.setenv(faults.VARIABLE, "commit.written:enospc")
    with pytest.raises(OSError, match="No space"):
        record(work, "full")
    monkeypatch.delenv(faults.VARIABLE)
    assert names(work) == ["before"]
    record(work, "after")


def test_an_event_has_the_tree_of_what_it_follows_and_says_what_it_is_about(work: Work) -> None:
    before = work.user_state()
    about = record(work, "first")
    body = {"text": "looks good\n\nGitml-Experiment: forged", "score": float("nan")}
    event = record_event(work.repository, "main", "note", about, "first", body, sign=False)
    assert read_ref(work.repository.git, REF) == event
    assert work.git("rev-list", "--parents", "-1", event).split()[1:] == [about]
    assert work.git("rev-parse", f"{event}^{{tree}}") == work.git("rev-parse", f"{about}^{{tree}}")
    commit = read_commit(work.repository.git, event)
    assert commit is not None
    header = parse(commit.message)
    assert (header.event, header.trailers["Gitml-About"]) == ("note", about)
    assert header.body == {"text": "looks good\n\nGitml-Experiment: forged", "score": "NaN"}
    assert names(work) == ["first"]
    assert work.user_state() == before


def test_events_and_experiments_at_once_lose_nothing(work: Work) -> None:
    about = record(work, "first")

    def note(number: int) -> str:
        body = {"text": str(number)}
        return record_event(work.repository, "main", "note", about, "first", body, sign=False)

    children = [in_child(lambda n=n: note(n)) for n in range(6)]  # type: ignore[misc]
    children += [in_child(lambda n=n: record(work, f"run-{n}")) for n in range(6)]  # type: ignore[misc]
    assert [ends(child) for child in children] == [0] * 12
    assert len(line(work)) == 14


def test_a_branch_that_somebody_has_checked_out_is_never_moved(work: Work, tmp_path: Path) -> None:
    tip = record(work, "first")
    require_free_branch(work.repository, "main")
    work.git("worktree", "add", "-q", str(tmp_path / "looking"), "exp/main")
    for attempt in (
        lambda: require_free_branch(work.repository, "main"),
        lambda: record(work, "second"),
        lambda: record_event(work.repository, "main", "note", tip, "first", {}, sign=False),
    ):
        with pytest.raises(
            RepositoryError, match=r"exp/main is checked out in .*looking"
        ) as caught:
            attempt()
        assert "--study" in caught.value.hint
    assert read_ref(work.repository.git, REF) == tip
    assert Work(tmp_path / "looking", init=False).git("status", "--porcelain") == ""
    require_free_branch(work.repository, "other")


@pytest.mark.parametrize("remote", ["origin", "team/fork"])
def test_a_study_goes_on_where_a_remote_has_it(work: Work, remote: str) -> None:
    published = record(work, "published")
    work.git("update-ref", f"refs/remotes/{remote}/exp/main", published)
    work.git("update-ref", f"refs/remotes/{remote}/exp/main-two", work.git("rev-parse", "HEAD"))
    work.git("update-ref", "-d", REF)
    mine = record(work, "mine")
    assert work.git("rev-parse", f"{mine}^1") == published


def test_studies_do_not_get_into_each_others_way(work: Work) -> None:
    tree = work.git("rev-parse", "HEAD^{tree}")
    for study in ("a", "a.b", "main"):
        message = compose(make_record(name=f"in-{study}"))
        record_experiment(work.repository, study, tree, "", message, sign=False)
    assert names(work) == ["in-main"]
    assert len(work.git("for-each-ref", "refs/heads/exp").splitlines()) == 3
