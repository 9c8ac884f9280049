"""Processes that log to one history: killed ones, forks, spawned ones, and many at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gitml.outputs.history import HistoryLine, parse, read_file
from tests.conftest import Project

ROOT = Path(__file__).parents[2]
PROCESSES = 8
LINES = 3000


def _env(run: Path | None = None) -> dict[str, str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "GITML_OUTSIDE_DIR": ""}
    return {**env, "GITML_RUN_DIR": str(run)} if run else env


def _python(folder: Path, script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=folder, env=_env(folder), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _recorded(project: Project, name: str = "exp/main") -> list[HistoryLine]:
    return parse(project.git("show", f"{name}:.gitml/history.jsonl").encode())


ENDLESS = """
import gitml, os
step = 0
while True:
    step += 1
    gitml.log(step=step, loss=1 / step)
    os.write(1, b"%d\\n" % step)
"""


def test_a_process_that_is_killed_has_lost_no_line_that_was_logged(tmp_path: Path) -> None:
    for number in range(6):
        folder = tmp_path / str(number)
        folder.mkdir()
        process = _python(folder, ENDLESS)
        assert process.stdout is not None
        for _ in range(200 * (number + 1)):
            said = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        said = (said + process.stdout.read()).split()[-1]
        process.wait()
        raw = (folder / "history.jsonl").read_bytes()
        assert raw.endswith(b"\n")
        steps = [line.step for line in read_file(folder / "history.jsonl")]
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) >= int(said) >= 200 * (number + 1)


MANY = """
import gitml, sys
rank, count = int(sys.argv[1]), int(sys.argv[2])
names = {f"{'long_' * rank}metric{rank}": 0.5, "rank": rank}
for step in range(count):
    gitml.log(names, step=step)
"""


def test_eight_processes_that_log_at_once_interleave_whole_lines(tmp_path: Path) -> None:
    ranks = [_python(tmp_path, MANY, str(rank), str(LINES)) for rank in range(PROCESSES)]
    for process in ranks:
        assert process.wait(60) == 0
    raw = (tmp_path / "history.jsonl").read_bytes().split(b"\n")
    assert raw.pop() == b"" and len(raw) == PROCESSES * LINES
    found: dict[int, list[int]] = {}
    for line in map(json.loads, raw):
        assert set(line) == {
            "step",
            "time",
            "rank",
            f"{'long_' * line['rank']}metric{line['rank']}",
        }
        found.setdefault(line["rank"], []).append(line["step"])
    assert found == {rank: list(range(LINES)) for rank in range(PROCESSES)}


FORKED = """
import os, sys, threading
import gitml
gitml.log(step=0, who="parent")
for number in range(3):
    if os.fork() == 0:
        if number == 1:  # as daemons do
            os.closerange(3, 100)
            data = os.open("data.bin", os.O_WRONLY | os.O_CREAT)
            os.write(data, b"mine")
        os.chdir("/")
        threads = [threading.Thread(target=gitml.log, kwargs={"step": step, "who": f"child{number}"})
                   for step in range(1, 5)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        gitml.summary[f"child{number}"] = number
        os._exit(0)
for number in range(3):
    os.wait()
gitml.log(step=5, who="parent")
assert gitml.summary == {f"child{number}": number for number in range(3)}
"""
SPAWNED = """
import multiprocessing, sys
import gitml
def work(rank):
    for step in range(50):
        gitml.log(step=step, who=f"rank{rank}")
if __name__ == "__main__":
    gitml.log(step=0, who="parent")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(rank,)) for rank in range(2)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    assert all(worker.exitcode == 0 for worker in workers)
"""


def _who(lines: list[HistoryLine]) -> dict[str, list[int | None]]:
    found: dict[str, list[int | None]] = {}
    for line in lines:
        found.setdefault(str(line.values["who"]), []).append(line.step)
    return {who: sorted(steps, key=lambda step: step or 0) for who, steps in found.items()}


@pytest.mark.parametrize("outside", [False, True])
def test_forks_log_to_the_history_of_their_parent(tmp_path: Path, outside: bool) -> None:
    run = tmp_path / "run"
    if not outside:
        run.mkdir()
    subprocess.run([sys.executable, "-c", FORKED], cwd=tmp_path, env=_env(run), check=True)
    (file,) = (tmp_path / ".gitml/outside").glob("*/history.jsonl") if outside else [run / "history.jsonl"]  # fmt: skip
    children = {f"child{number}": [1, 2, 3, 4] for number in range(3)}
    assert _who(read_file(file)) == {"parent": [0, 5], **children}
    assert (tmp_path / "data.bin").read_bytes() == b"mine"


def test_spawned_workers_are_recorded_with_the_run_that_began_them(project: Project) -> None:
    project.write("train.py", SPAWNED)
    project.run()
    ranks = {f"rank{rank}": list(range(50)) for rank in range(2)}
    assert _who(_recorded(project)) == {"parent": [0], **ranks}
