"""`gitml.log` where the disk, the file or the program itself makes trouble."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import gitml
from gitml.api.history import HISTORY
from gitml.errors import MetricWarning
from tests.api.logged_lines import lines, run_folder, run_script


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with run_folder(tmp_path, monkeypatch) as path:
        yield path


def test_a_torn_line_does_not_tear_the_next_one(run: Path) -> None:
    (run / "history.jsonl").write_bytes(b'{"step":1,"loss":0.5}\n{"step":2,"lo')
    gitml.log(step=3, loss=0.25)
    assert [line.step for line in lines(run)] == [1, 3]


def test_a_descriptor_that_the_program_closed_is_not_written_to(run: Path) -> None:
    gitml.log(step=1, loss=1)
    os.close(HISTORY._file)
    with (run / "mine.bin").open("wb") as mine:
        assert mine.fileno() == HISTORY._file  # its number is in use again
        gitml.log(step=2, loss=2)
        mine.write(b"weights")
        gitml.log(step=3, loss=3)
    assert (run / "mine.bin").read_bytes() == b"weights"
    assert [line.step for line in lines(run)] == [1, 2, 3]


def test_a_history_that_is_deleted_begins_anew(run: Path) -> None:
    gitml.log(step=1, loss=1)
    (run / "history.jsonl").unlink()
    gitml.log(step=2, loss=2)
    gitml.log(step=3, loss=3)
    assert [line.step for line in lines(run)] == [2, 3]


def test_a_full_disk_is_said_once_and_the_history_goes_on_when_there_is_space(run: Path) -> None:
    (run / "history.jsonl").symlink_to("/dev/full")
    with pytest.warns(MetricWarning, match="No space left on device") as said:
        for step in range(10):
            gitml.log(step=step, loss=0.5)
    assert len(said) == 1
    (run / "history.jsonl").unlink()
    gitml.log(step=10, loss=0.5)
    assert [line.step for line in lines(run)] == [10]


LIMITED = """
import os, resource, sys, warnings
import gitml
warnings.simplefilter("always")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
gitml.log(step=0, loss=0.5)
before = size = 0
for step in range(1, 60):
    if step == 20:  # all lines have the same length from step 10 on
        room = int(sys.argv[1]) % (size - before)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, hard))
    if step == 40:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    gitml.log(step=step, loss=0.5, more=step)
    before, size = size, os.path.getsize("history.jsonl")
print("trained")
"""


@pytest.mark.parametrize("room", [0, 1, 30, -1])
def test_a_write_that_is_cut_short_loses_its_own_line_only(tmp_path: Path, room: int) -> None:
    done = run_script(tmp_path, LIMITED, str(room))
    assert done.stdout == "trained\n", done.stderr
    assert done.stderr.count("MetricWarning") == 1
    steps = [line.step for line in lines(tmp_path)]
    kept = [20] if room < 0 else []  # nothing but its newline was missing
    assert steps == [*range(20), *kept, *range(40, 60)]


def test_a_folder_that_cannot_be_made_does_not_end_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitml").write_text("in the way")
    with run_folder(tmp_path / "no such run", monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.warns(
            MetricWarning, match=r"can't be written to history.jsonl: .*\(.*/.gitml"
        ) as said:
            gitml.log(step=1, loss=0.5)
            gitml.log(step=2, loss=0.5)
        assert len(said) == 1
        assert dict(gitml.summary) == {}
