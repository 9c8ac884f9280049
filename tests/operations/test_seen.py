"""Asking "seen before?": nothing that a run depended on is overlooked, wherever it lies."""

from __future__ import annotations

import json
import os
from itertools import product
from pathlib import Path

import pytest

from gitml.inputs.sameness import Difference
from gitml.operations import seen
from gitml.operations.check import CheckRequest, check
from tests.conftest import Project

TOP = Path(__file__).parents[2]


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    """A repository in which `python train.py` is the command, with nothing in it."""
    project = Project(tmp_path / "project")
    project.root.mkdir()
    project.git("init", "-q")
    project.write("gitml.yaml", "command: python train.py\n")
    project.gitml("init")
    return project


def _check(project: Project, *words: str, **env: str) -> tuple[str, list[str]]:
    done = project.gitml("check", "--json", *words, status=None, **env)
    answer = json.loads(done.stdout)
    return answer["level"], [f"{one['input']} {one['name']}" for one in answer["differences"]]


def test_a_module_outside_of_the_repository_counts_by_its_syntax(
    bare: Project, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    module = shared / "common.py"
    module.write_text("VALUE = 1\n")
    bare.write("train.py", "import common\nprint('loss', common.VALUE)\n")
    env = {"PYTHONPATH": f"{shared}{os.pathsep}{TOP}"}
    warned = bare.gitml("exp", "run", "--name", "one", **env).stderr
    assert "common.py is imported but not versioned" in warned
    assert _check(bare, **env) == ("identical", [])
    module.write_text("VALUE = 1  # a remark\n")
    assert _check(bare, **env) == ("equivalent", [f"code {module}"])
    module.write_text("VALUE = 2\n")
    assert _check(bare, **env) == ("near", [f"code {module}"])
    module.unlink()
    assert _check(bare, **env) == ("near", [f"code {module}"])


def test_a_new_file_in_a_listed_folder_outside_of_the_repository_counts(
    bare: Project, tmp_path: Path
) -> None:
    images = tmp_path / "images" / "cats"
    images.mkdir(parents=True)
    (images / "1.png").write_bytes(b"x")
    bare.write(
        "train.py",
        "import pathlib, sys\n"
        f"found = pathlib.Path({str(tmp_path)!r}, 'images').rglob('*.png')\n"
        "print('loss', sum(len(path.read_bytes()) for path in found))\n",
    )
    bare.run()
    assert _check(bare)[0] == "identical"
    (images / "2.png").write_bytes(b"y")
    assert _check(bare) == ("near", [f"data {images}/"])
    (images / "2.png").unlink()
    assert _check(bare)[0] == "identical"
    (images.parent / "dogs").mkdir()
    assert _check(bare) == ("near", [f"data {images.parent}/"])


def test_a_tracked_file_that_is_read_and_then_overwritten_is_an_input(bare: Project) -> None:
    bare.write("state.txt", "1")
    bare.write(
        "train.py",
        "import pathlib\n"
        "state = pathlib.Path('state.txt')\n"
        "number = int(state.read_text())\n"
        "state.write_text(str(number + 1))\n"
        "print('loss', number)\n",
    )
    bare.git("add", "-A")
    bare.git("commit", "-qm", "begin")
    bare.run()
    assert _check(bare) == ("near", ["data state.txt"])
    bare.write("state.txt", "1")
    assert _check(bare) == ("identical", [])


def test_a_checkpoint_that_is_overwritten_leaves_nothing_to_be_equal_to(bare: Project) -> None:
    bare.write(".gitignore", "last.txt\n")
    bare.write("last.txt", "1")
    bare.write(
        "train.py",
        "import pathlib\n"
        "state = pathlib.Path('last.txt')\n"
        "number = int(state.read_text()) if state.exists() else 0\n"
        "state.write_text(str(number + 1))\n"
        "print('loss', number)\n",
    )
    done = bare.gitml("exp", "run")
    assert "last.txt was read and then overwritten" in done.stderr
    assert _check(bare) == ("near", ["data last.txt"])


def test_what_another_command_wrote_is_no_input_of_this_one(bare: Project) -> None:
    bare.write("train.py", "print('loss', 1)\n")
    bare.write("report.py", "open('report.txt', 'w').write('all is well')\n")
    bare.git("add", "-A")
    bare.git("commit", "-qm", "begin")
    bare.run()
    bare.run("--", "python", "report.py")
    bare.git("add", "-A")
    bare.git("commit", "-qm", "with the report")
    assert _check(bare) == ("identical", [])


def test_what_another_command_wrote_counts_where_a_run_read_it(bare: Project) -> None:
    bare.write("features.py", "open('features.txt', 'w').write('1 2 3')\n")
    bare.write("train.py", "print('loss', len(open('features.txt').read()))\n")
    bare.run("--", "python", "features.py")
    bare.git("add", "-A")
    bare.git("commit", "-qm", "with features")
    bare.run()
    assert _check(bare) == ("identical", [])
    bare.write("features.txt", "1 2 3 4")
    assert _check(bare) == ("near", ["code features.txt"])
    changed = bare.run()
    assert changed["reused"] is False


def test_a_folder_for_outputs_that_holds_something_else_is_not_just_an_output(
    bare: Project,
) -> None:
    bare.write(
        "train.py",
        "import pathlib, sys\n"
        "place = pathlib.Path(sys.argv[2])\n"
        "place.mkdir(exist_ok=True)\n"
        "before = (place / 'last.txt')\n"
        "print('loss', len(before.read_text()) if before.exists() else 0)\n"
        "before.write_text('x')\n",
    )
    bare.write(".gitignore", "/elsewhere\n/runs\n")
    command = ("--", "python", "train.py", "--out")
    bare.run(*command, "runs")
    assert _check(bare, *command, "new-place")[0] == "equivalent"
    bare.write("elsewhere/last.txt", "of an older training")
    assert _check(bare, *command, "elsewhere") == ("near", ["settings args.out"])


def test_what_is_tracked_since_is_found_again(project: Project) -> None:
    project.write(".gitignore", "/table.bin\n")
    project.write("table.bin", "abc")
    project.write("train.py", "print('loss', len(open('table.bin').read()))\n")
    first = project.run("-S", "lr=0.2")
    project.write(
        "table.bin.dvc",
        "outs:\n- md5: 900150983cd24fb0d6963f7d28e17f72\n  size: 3\n  hash: md5\n"
        "  path: table.bin\n",
    )
    again = project.run("-S", "lr=0.2")
    assert (again["reused"], again["level"]) == (True, "equivalent")
    assert again["commit"] == first["commit"]


def test_a_forced_repeat_says_what_it_repeats(bare: Project) -> None:
    bare.write("train.py", "print('loss', 0.5)\n")
    bare.run("--name", "first")
    assert "identical: the same inputs as first" in bare.gitml("exp", "run", "--force").stderr


def test_the_nearest_is_found_though_another_one_has_as_many_other_settings(bare: Project) -> None:
    bare.write("gitml.yaml", "command: python train.py\nseeds: [seed]\n")
    bare.write("params.yaml", "lr: 0.1\nwidth: 8\nseed: 1\n")
    bare.write("train.py", "print('loss', open('params.yaml').read().count('1'))\n")
    bare.run("--name", "same-code")
    bare.write("train.py", "print('loss', 2 + len(open('params.yaml').read()))\n")
    bare.run("--name", "other-code", "-S", "lr=0.2")
    bare.write("train.py", "print('loss', open('params.yaml').read().count('1'))\n")
    # The newer one comes first, and differs in a file, too.
    answer = bare.json("check", "-S", "lr=0.3")
    assert answer["level"] == "near"
    assert answer["nearest"]["experiment"] == "same-code"


def test_neighbours_that_are_not_compared_are_no_nearer(
    bare: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare.write("gitml.yaml", "command: python train.py\nseeds: [seed]\n")
    bare.write("params.yaml", "lr: 0.1\nwidth: 8\nseed: 1\n")
    bare.write("train.py", "print('loss', len(open('params.yaml').read()))\n")
    for lr, width, seed in ((0.1, 8, 1), (0.2, 8, 2), (0.2, 9, 3), (0.4, 9, 1)):
        bare.run("-S", f"lr={lr}", "-S", f"width={width}", "-S", f"seed={seed}")

    def answers() -> list[tuple[str, str, tuple[Difference, ...]]]:
        found = []
        for lr, width in product((0.2, 0.3), (8, 9)):
            settings = (f"lr={lr}", f"width={width}", "seed=9")
            answer = check(CheckRequest(bare.root, overrides=settings))
            assert answer.nearest is not None
            found.append((answer.level, answer.nearest.experiment, answer.differences))
        return found

    pruned = answers()
    monkeypatch.setattr(seen, "_is_no_nearer", lambda *_: False)
    assert answers() == pruned
    assert {level for level, _, _ in pruned} == {"near", "replicate"}
