"""Fault points: each of them fails as asked, at the passage that was asked for."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from gitml import faults


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_passages", {})
    monkeypatch.delenv(faults.VARIABLE, raising=False)


def test_without_the_variable_nothing_happens() -> None:
    for point in faults.POINTS:
        faults.reach(point)


def test_only_the_point_that_is_named_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(faults.VARIABLE, "commit.landed:raise")
    faults.reach("commit.written")
    with pytest.raises(RuntimeError, match=r"commit\.landed"):
        faults.reach("commit.landed")
    faults.reach("commit.landed")


def test_the_passage_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(faults.VARIABLE, "storage.copied:enospc:3")
    faults.reach("storage.copied")
    faults.reach("storage.copied")
    with pytest.raises(OSError, match="No space left") as caught:
        faults.reach("storage.copied")
    assert caught.value.errno == errno.ENOSPC


def test_a_delay_only_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(faults.time, "sleep", slept.append)
    monkeypatch.setenv(faults.VARIABLE, "run.started:sleep")
    faults.reach("run.started")
    assert len(slept) == 1


def test_a_kill_is_the_kind_that_nothing_survives() -> None:
    child = os.fork()
    if child == 0:
        try:
            os.environ[faults.VARIABLE] = "journal.closing:kill"
            faults.reach("journal.closing")
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
