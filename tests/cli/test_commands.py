"""The promises about processes: streams, exit statuses, imports."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def recorded(project: Project) -> Project:
    """A project with two experiments: low (lr 0.1) and high (lr 0.5)."""
    project.run("--name", "low")
    project.run("--name", "high", "-S", "lr=0.5")
    return project


def test_tables_go_to_standard_output_and_notes_to_standard_error(recorded: Project) -> None:
    done = recorded.gitml("exp", "list")
    head, _, first, second = done.stdout.splitlines()
    assert head.split()[:3] == ["experiment", "created", "accuracy"]
    assert "lr" in head
    assert (first.split()[0], second.split()[0]) == ("high", "low")
    assert "the same in all: seed 1" in done.stderr


def test_every_format_tells_the_same(recorded: Project) -> None:
    document = recorded.json("exp", "list")
    rows = list(csv.DictReader(io.StringIO(recorded.gitml("exp", "list", "--csv").stdout)))
    lines = recorded.gitml("exp", "list", "--md").stdout.splitlines()
    assert [row["experiment"] for row in document] == ["high", "low"]
    assert [row["experiment"] for row in rows] == ["high", "low"]
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["high", "low"]
    assert float(rows[0]["metrics.accuracy"]) == document[0]["metrics"]["accuracy"]
    assert rows[0]["params.seed"] == "1"


def test_columns_and_limits_are_the_users(recorded: Project) -> None:
    done = recorded.gitml("exp", "list", "--columns", "experiment,lr", "--limit", "1")
    assert done.stdout.splitlines()[0].split() == ["experiment", "lr"]
    assert done.stdout.splitlines()[2].split() == ["high", "0.5"]
    assert "1 of 2 experiments" in done.stderr
    wrong = recorded.gitml("exp", "list", "--columns", "acuracy", status=2)
    assert "accuracy" in wrong.stderr


def test_a_terminal_of_any_width_gets_lines_that_fit(recorded: Project) -> None:
    for width in (40, 80, 120):
        for arguments in (["exp", "list"], ["exp", "show", "low"], ["exp", "diff"]):
            done = recorded.gitml(*arguments, COLUMNS=str(width))
            if arguments[1] != "show":
                assert max(map(len, done.stdout.splitlines())) <= max(width, 66), arguments
    assert max(map(len, recorded.gitml("exp", "list", COLUMNS="40").stdout.splitlines())) <= 40


def test_nothing_heavy_is_imported_to_read(recorded: Project) -> None:
    heavy = {"torch", "dvc", "numpy", "rich", "yaml", "git"}
    for arguments in (["exp", "list"], ["exp", "list", "--json"], ["exp", "show", "low"]):
        code = (
            "import sys; from gitml.cli.main import main; status = main(sys.argv[1:]);"
            f"print(sorted({heavy!r} & set(sys.modules)), status, file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=recorded.root,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.splitlines()[-1] == "[] 0", arguments


def test_a_reader_that_goes_away_is_no_error(recorded: Project) -> None:
    for arguments in ("exp list", "exp show low", "exp list --json"):
        shell = f"{sys.executable} -m gitml {arguments} | true; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", shell],
            cwd=recorded.root,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr.replace("the same in all: seed 1\n", "")) == (0, "")


def test_a_command_needs_no_dashes_and_keeps_its_own_options(project: Project) -> None:
    project.write("echo.py", "import sys\nprint(sys.argv[1:])\n")
    for words in (["--"], []):
        done = project.gitml(
            *("exp", "run", "--force", *words, "python", "echo.py"),
            *("-S", "x=1", "--json", "--", "--study", "other"),
        )
        assert "['-S', 'x=1', '--json', '--', '--study', 'other']" in done.stdout
    assert project.git("for-each-ref", "--format=%(refname)", "refs/heads/exp").split() == [
        "refs/heads/exp/main"
    ]


def test_json_is_the_last_line_of_what_a_run_prints(project: Project) -> None:
    done = project.gitml("exp", "run", "--json")
    *printed, last = done.stdout.splitlines()
    assert printed[0].startswith("step 0: loss")
    assert json.loads(last)["status"] == "completed"


@pytest.mark.parametrize(
    ("code", "status"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 15)", 143)]
)
def test_a_failing_command_ends_gitml_with_its_own_status(
    project: Project, code: str, status: int
) -> None:
    program = f"import os, sys; print('so far', flush=True); {code}"
    done = project.gitml("exp", "run", "--", "python", "-c", program, status=status)
    assert "so far" in done.stdout
    assert "  so far" in done.stderr
    assert "--keep-failed" in done.stderr
    document = project.run("--", "python", "-c", program, status=status)
    assert (document["status"], document["commit"]) == ("failed", None)


def test_an_interrupted_run_is_130_and_says_how_to_go_on(project: Project) -> None:
    project.write("slow.py", "import time\nprint('up', flush=True)\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "gitml", "exp", "run", "python", "slow.py"],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "--resume" in said
    assert "gitml" not in said.partition("Traceback")[2].partition("KeyboardInterrupt")[0]


def test_a_run_that_goes_on_is_on_top_of_the_list(recorded: Project) -> None:
    recorded.write(
        "slow.py", "import time\nprint('epoch 3: loss 0.5', flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "gitml", "exp", "run", "--name", "slow", "python", "slow.py"],
        cwd=recorded.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        lines = recorded.gitml("exp", "list").stdout.splitlines()
        assert lines[2].split()[0] == "slow"
        assert "running" in lines[2]
        assert [line.split()[0] for line in lines[-2:]] == ["high", "low"]
        assert len(recorded.json("exp", "list")) == 2
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def test_check_exits_1_only_when_it_blocks(recorded: Project) -> None:
    blocked = recorded.gitml("check", "-S", "lr=0.5", status=1)
    assert blocked.stdout.startswith("blocked: identical, recorded by high")
    assert "Ada Lovelace" in blocked.stdout
    assert "--force" in blocked.stdout
    passed = recorded.gitml("check", "-S", "seed=2")
    assert passed.stdout.startswith("passed: replicate")
    recorded.gitml("check", "-S", "seed=2", "--level", "replicate", status=1)
    wrong = recorded.gitml("check", "--level", "same", status=2)
    assert "identical" in wrong.stderr


def test_notes_tags_and_hiding_show_in_tables(recorded: Project) -> None:
    recorded.gitml("exp", "note", "low", "too slow")
    recorded.gitml("exp", "tag", "low", "baseline", "old")
    shown = recorded.gitml("exp", "show", "low").stdout
    assert "too slow" in shown
    assert "baseline" in recorded.gitml("exp", "list").stdout
    recorded.gitml("exp", "hide", "low")
    assert "low" not in recorded.gitml("exp", "list").stdout
    assert "low" in recorded.gitml("exp", "list", "--hidden").stdout
    recorded.gitml("exp", "hide", "low", "--undo")
    assert "low" in recorded.gitml("exp", "list").stdout
    document = recorded.json("exp", "show", "low")
    assert document["notes"] == ["too slow"]
    assert document["tags"] == ["baseline", "old"]


def test_nothing_to_show_says_what_to_do(project: Project) -> None:
    done = project.gitml("exp", "list")
    assert done.stdout == ""
    assert "gitml exp run" in done.stderr
    assert project.json("exp", "list") == []
    project.run("--study", "sweep")
    assert "sweep (1)" in project.gitml("exp", "list").stderr
    assert "sweep" not in project.gitml("exp", "list", "--all").stderr


def test_names_that_nobody_has_get_a_hint(recorded: Project) -> None:
    for arguments in (["exp", "show", "hihg"], ["exp", "apply", "hihg"], ["exp", "diff", "hihg"]):
        done = recorded.gitml(*arguments, status=2)
        error, hint = done.stderr.splitlines()
        assert error.startswith("error: ")
        assert "high" in hint


def test_another_folder_can_be_named(recorded: Project, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gitml", "-C", "project", "exp", "show", "best", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["name"] == "high"


def test_init_tells_what_it_made_and_what_it_kept(tmp_path: Path) -> None:
    project = Project(tmp_path)
    done = project.gitml("init", "fresh")
    assert str(tmp_path / "fresh") in done.stdout
    assert "gitml.yaml" in done.stdout
    document = project.json("init", "fresh")
    assert document["created"] == []


def test_doctor_exits_1_when_something_is_wrong(project: Project) -> None:
    assert "Nothing is wrong." in project.gitml("doctor").stdout
    assert project.json("doctor")["healthy"] is True
    project.git("branch", "exp")
    assert project.json("doctor", status=1)["healthy"] is False
    assert "git branch -m exp" in project.gitml("doctor", status=1).stdout


def test_debug_shows_where_an_error_came_from(project: Project) -> None:
    plain = project.gitml("exp", "show", "nothing", status=2)
    debug = project.gitml("--debug", "exp", "show", "nothing", status=2)
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr


def test_a_full_disk_is_one_clear_line(project: Project) -> None:
    done = project.gitml("exp", "run", status=2, GITML_FAULT="commit.written:enospc")
    assert "space" in done.stderr
    assert "Traceback" not in done.stderr


def test_colours_are_for_terminals_only(recorded: Project) -> None:
    assert "\x1b" not in recorded.gitml("exp", "diff", NO_COLOR="", FORCE_COLOR="1").stdout
