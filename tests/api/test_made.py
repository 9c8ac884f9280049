"""Files of several processes, names that lead elsewhere, and the folder outside of a run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import gitml
from gitml.api import made as making
from gitml.api.place import OUTSIDE_VARIABLE, RUN_VARIABLE, writing_folder
from gitml.errors import ArtifactError
from gitml.outputs import made
from gitml.storage.paths import why_unsafe
from tests.api.made_files import left_over, run

__all__ = ["run"]


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../x", "a/../../x", "/etc/x", "a//b", "a/", "\\\\server\\x", "a\0b", "a\nb",
        "\x1b[31m", ".hidden", "a/.git/x", ".parts/x", "CON", "con.csv", "nul/x", "x.dvc/y",
        "dvc.yaml/a", " a", "a ", "a./b", "x" * 201, "é" * 101, "a/" * 20 + "b", "\udcff", "\u202e",
        None, 7, b"x",
    ],
    ids=repr,
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused_and_leave_nothing(run: Path, name: Any) -> None:
    for log in (
        lambda: gitml.log_table([[1]], name),
        lambda: gitml.log_importance({"a": 1}, name),
        lambda: gitml.log_predictions([1], [1], [1], name=name),
        lambda: gitml.log_explanations([1], [[1]], name=name),
        lambda: gitml.log_figure({"data": []}, name),
    ):
        with pytest.raises(ArtifactError, match="name"):
            log()
    assert os.listdir(run) == []


@given(st.text(max_size=30))
@example("GIT~1")
@example("ok/\uff0egit")
def test_an_accepted_name_is_one_that_a_check_accepts(name: str) -> None:
    if not made.why_no_name(name):
        assert not why_unsafe(f".gitml/plots/{name}")
        assert os.path.normpath(name) == name


def test_what_fails_half_way_leaves_what_was_logged_before(run: Path) -> None:
    path = gitml.log_table([[1]], "t")
    before = path.read_bytes()

    def breaks(file: Any) -> None:
        file.write(b"half")
        raise KeyError

    with pytest.raises(KeyError):
        making.write("tables", "t.csv", breaks)
    assert path.read_bytes() == before and not left_over(run)


LOGS = """\
import sys, gitml
value = sys.argv[1]
print(gitml.log_table([[value]], "t"), flush=True)
if len(sys.argv) > 2:
    sys.stdin.readline()
    print(gitml.log_table([[value + "!"]], "t"), flush=True)
"""


def start(run: Path, value: str, *more: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LOGS, value, *more],
        env={**os.environ, RUN_VARIABLE: str(run), **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    return out.split()


def test_a_process_that_runs_is_never_overwritten_and_one_that_ended_is(run: Path) -> None:
    first = start(run, "one", "waits")
    assert first.stdout
    place = Path(first.stdout.readline().strip())
    second = Path(end(start(run, "two"))[0])
    assert place.read_text() == "0\none\n" and second.read_text() == "0\ntwo\n"
    assert second.parent == run / "made/tables/.parts/t.csv" and made.LABEL.match(second.name)
    assert end(first) == [str(place)] and place.read_text() == "0\none!\n"
    third = Path(end(start(run, "three"))[0])
    assert third == place and place.read_text() == "0\nthree\n"


def test_every_rank_has_a_place_of_its_own(run: Path) -> None:
    ranks = [
        start(run, f"rank {rank}", RANK=str(rank), WORLD_SIZE="3", LOCAL_RANK="0")
        for rank in range(3)
    ]
    places = [Path(end(process)[0]) for process in ranks]
    assert places[0] == run / "made/tables/t.csv"
    assert [place.name for place in places[1:]] == ["rank1", "rank2"]
    assert [p.read_text() for p in places] == [f"0\nrank {rank}\n" for rank in range(3)]
    again = end(start(run, "again", RANK="1", WORLD_SIZE="3"))
    assert again == [str(places[1])] and places[1].read_text() == "0\nagain\n"


def test_the_only_process_of_a_launcher_is_no_rank(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert making.rank() is None
    monkeypatch.delenv("RANK")
    monkeypatch.setenv("SLURM_PROCID", "5")
    monkeypatch.setenv("SLURM_NTASKS", "8")
    assert making.rank() == 5
    monkeypatch.setenv("SLURM_NTASKS", "8(x2)")
    assert making.rank() is None


def test_forked_workers_keep_what_each_of_them_logged(run: Path) -> None:
    script = (
        "import gitml, os, time\n"
        "gate, back = os.pipe()\n"
        "for number in range(4):\n"
        "    if os.fork() == 0:\n"
        "        gitml.log_table([[number]], 't')\n"
        "        os.write(back, b'x')\n"
        "        time.sleep(30)\n"
        "import signal\n"
        "for _ in range(4): os.read(gate, 1)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "os.killpg(0, signal.SIGTERM)\n"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, RUN_VARIABLE: str(run)},
        check=True,
        start_new_session=True,
        timeout=60,
    )
    parts = list((run / "made/tables/.parts/t.csv").iterdir())
    found = [path.read_text() for path in (run / "made/tables/t.csv", *parts)]
    assert sorted(found) == [f"0\n{number}\n" for number in range(4)]


def test_outside_of_a_run_threads_that_begin_at_once_share_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN_VARIABLE, "")
    monkeypatch.setenv(OUTSIDE_VARIABLE, "")
    monkeypatch.chdir(tmp_path)
    begin = threading.Barrier(16)
    found: list[Path] = []

    def work() -> None:
        begin.wait()
        found.append(writing_folder())

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16 and len(set(found)) == 1


def test_outside_of_a_run_each_start_of_a_script_has_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(OUTSIDE_VARIABLE, raising=False)
    for _ in range(2):
        env = {name: value for name, value in os.environ.items() if name != RUN_VARIABLE}
        subprocess.run([sys.executable, "-c", LOGS, "x"], cwd=tmp_path, env=env, check=True)
    tables = list(tmp_path.glob(".gitml/outside/*/made/tables/t.csv"))
    assert [table.read_text() for table in tables] == ["0\nx\n"] * 2
    assert (tmp_path / ".gitml/outside/.gitignore").read_text() == "*\n"


def test_nothing_but_the_standard_library_is_imported(tmp_path: Path) -> None:
    script = (
        "import sys, gitml\n"
        "gitml.log_table([{'a': 1.5, 'b': 'x'}], 't')\n"
        "gitml.log_predictions(['a', 'b'], [0, 1], [1, 1], scores=[[.5, .5], [.1, .9]])\n"
        "gitml.log_importance({'a': 1})\n"
        "gitml.log_explanations([1, 2], [[1, 2], [3, 4]])\n"
        "gitml.log_explanations(range(100), [[1.5] * 501] * 100, name='large')\n"
        "gitml.log_figure({'data': [], 'layout': {}})\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(tops - sys.stdlib_module_names - {'gitml', '__main__', 'sitecustomize'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {os.getcwd()!r})\n{script}"],
        cwd=tmp_path,
        env={**os.environ, RUN_VARIABLE: str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[]\n", done.stderr
    assert len(list((tmp_path / "made").rglob("*.*sv"))) == 3


def test_a_run_that_goes_on_starts_an_empty_folder_and_keeps_the_old_one(run: Path) -> None:
    for number in range(3):
        gitml.log_table([[number]], "t")
        made.set_aside(run)
    made.set_aside(run)
    gitml.log_table([[3]], "t")
    texts = [(folder / "tables/t.csv").read_text() for folder in made.folders(run)]
    assert texts == [f"0\n{number}\n" for number in range(4)]
