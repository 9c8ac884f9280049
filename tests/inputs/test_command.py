"""A command is a program and its settings; the spelling of neither counts."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.inputs.arguments import could_be_output, typed, written_only
from gitml.inputs.command import read_command
from gitml.values import Scalar


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("/venv/bin/python3.11 train.py", "python train.py"),
        ("python3 ./train.py", "python train.py"),
        ("python -u -B train.py", "python train.py"),
        ("python -O -W ignore -X dev train.py", "python -O -W ignore -X dev train.py"),
        ("pypy3 train.py", "python train.py"),
        ("python3.13t train.py", "python train.py"),
        ("python -m pkg.train", "python -m pkg.train"),
        ("python -mpkg", "python -m pkg"),
        ("python -c 'print(1)'", "python -c 'print(1)'"),
        ("python", "python"),
        ("uv run train.py", "python train.py"),
        ("uv run --with rich python train.py", "python train.py"),
        ("uv run -m pkg", "python -m pkg"),
        ("poetry run python train.py", "python train.py"),
        ("uv pip run", "uv pip run"),
        ("torchrun --nproc-per-node 2 train.py", "torchrun --nproc-per-node 2 train.py"),
        ("/usr/bin/torchrun ./train.py", "torchrun train.py"),
        ("accelerate launch --x 1 -m pkg", "accelerate launch --x 1 -m pkg"),
        (
            "python -m torch.distributed.run --nnodes 1 train.py",
            "python -m torch.distributed.run --nnodes 1 train.py",
        ),
        ("mpirun -n 4 python3 ./train.py", "mpirun -n 4 python train.py"),
        ("sh -c 'python a.py --lr 1; b'", "sh -c 'python a.py --lr 1; b'"),
        ("/bin/bash -lc 'a --lr 1'", "bash -lc 'a --lr 1'"),
        ("bash ./run.sh", "bash run.sh"),
        ("./run.sh", "./run.sh"),
        ("bin/run", "bin/run"),
        ("env A=1 python3 train.py", "env A=1 python train.py"),
        ("make train", "make train"),
        ("dvc repro", "dvc repro"),
        ("", ""),
    ],
)
def test_the_program_is_normalised(command: str, program: str) -> None:
    assert read_command(shlex.split(command)).program == tuple(shlex.split(program))


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        ("--lr 0.1", {"lr": 0.1}),
        ("--lr=0.1", {"lr": 0.1}),
        ("--lr 1e-3", {"lr": 0.001}),
        ("-lr 0.1", {"lr": 0.1}),
        ("-k 5", {"k": 5}),
        ("-k5", {"k": 5}),
        ("--amp", {"amp": True}),
        ("--no-amp", {"amp": False}),
        ("--no-op 5", {"no-op": 5}),
        ("--low -1 --high -1e-4", {"low": -1, "high": -0.0001}),
        ("--layers 8 4 2", {"layers": "[8, 4, 2]"}),
        ("--tag a --tag b", {"tag": '["a", "b"]'}),
        ("--name 007", {"name": "007"}),
        ("--name true", {"name": "true"}),
        ("--big 99999999999999999999", {"big": "99999999999999999999"}),
        ("--huge 1e999", {"huge": "1e999"}),
        ("--empty=", {"empty": ""}),
        ("model.lr=1e-3 +new=x ++forced=1", {"model.lr": 0.001, "new": "x", "forced": 1}),
        ("~gone", {"~gone": True}),
        ("db/sql=pg 'layers=[8,4]'", {"db/sql": "pg", "layers": "[8,4]"}),
        ("--flag model=x", {"flag": True, "model": "x"}),
        ("--date=2020-01-01", {"date": "2020-01-01"}),
        ("--max-steps 200", {"max-steps": 200}),
    ],
)
def test_arguments_are_typed_settings(arguments: str, settings: dict[str, Scalar]) -> None:
    reading = read_command(["python", "train.py", *shlex.split(arguments)])
    assert reading.program == ("python", "train.py")
    assert reading.args == {f"args.{name}": value for name, value in settings.items()}
    assert {k: type(v) for k, v in reading.args.items()} == {
        f"args.{name}": type(value) for name, value in settings.items()
    }


def test_positional_words_stay_in_the_program() -> None:
    reading = read_command(["python", "t.py", "fit", "--lr", "1", "data.csv", "--", "--x"])
    assert reading.program == ("python", "t.py", "fit", "[options]", "data.csv", "--", "--x")
    assert reading.args == {"args.lr": 1}


@pytest.mark.parametrize(
    ("arguments", "program"),
    [
        ("big.py --lr 1 --seed 2", "big.py"),
        ("--lr 1 --seed 2 big.py", "[options] big.py"),
        ("--seed 2 --lr 1 big.py", "[options] big.py"),
        ("--lr 1 big.py --seed 2", "[--lr] big.py"),
        ("--seed 2 big.py --lr 1", "[--seed] big.py"),
        ("--lr 1 a.py --seed 2 b.py", "[--lr] a.py [--seed] b.py"),
        ("a.py b.py --lr 1", "a.py b.py"),
        ("lr=1 big.py seed=2", "[--lr] big.py"),
        ("--config c.yaml --lr 1", ""),
        ("--lr 1 --config c.yaml", "[options] [--config]"),
        ("--lr 1 --config=c.yaml --seed 2", "[--lr] [--config]"),
        ("--lr 1 --lr 2 big.py", "[options] big.py"),
        ("--lr 1 big.py --lr 2", "[--lr] big.py"),
        ("--lr 1 --data c.csv", ""),
    ],
)
def test_options_before_a_file_of_options_are_told_from_those_after_it(
    arguments: str, program: str
) -> None:
    reading = read_command(["python", "t.py", *arguments.split()])
    assert " ".join(reading.program[2:]) == program


def test_the_arguments_behind_a_launcher_are_settings_of_the_script() -> None:
    reading = read_command(["torchrun", "--nproc-per-node=2", "train.py", "--lr", "1"])
    assert reading.program == ("torchrun", "--nproc-per-node=2", "train.py")
    assert reading.args == {"args.lr": 1}


@pytest.mark.parametrize(
    ("word", "folder", "project", "found"),
    [
        ("train.py", "", "", "train.py"),
        ("train.py", "sub", "", "sub/train.py"),
        ("../train.py", "sub", "", "train.py"),
        ("train.py", "sub", "sub", "train.py"),
        ("../train.py", "sub", "sub", "../train.py"),
        ("/repo/sub/train.py", "", "sub", "train.py"),
        ("/elsewhere/train.py", "", "sub", "/elsewhere/train.py"),
        ("../../train.py", "sub", "", "../../train.py"),
    ],
)
def test_the_script_is_relative_to_the_project(
    word: str, folder: str, project: str, found: str
) -> None:
    assert read_command(["python", word], folder, project, "/repo").program[1] == found


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("python train.py data.csv", "train.py"),
        ("python bin/train data.csv", "bin/train"),
        ("bash run.sh", ""),
        ("python -m pkg data.csv", ""),
        ("python -c x", ""),
        ("python", ""),
        ("./train data.csv", ""),
    ],
)
def test_only_python_scripts_are_scripts(command: str, script: str) -> None:
    assert read_command(shlex.split(command)).script == script


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), max_size=8))
def test_any_words_can_be_read(words: list[str]) -> None:
    reading = read_command(words, "sub", "", "/r")
    assert all(name.startswith("args.") for name in reading.args)


@given(st.integers(-(10**17), 10**17), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_type(whole: int, real: float) -> None:
    assert typed(str(whole)) == whole and isinstance(typed(str(whole)), int)
    assert typed(repr(real)) == real and isinstance(typed(repr(real)), float)


@pytest.mark.parametrize(
    ("name", "value", "could"),
    [
        ("args.output-dir", "seven", True),
        ("args.out", "out/7", True),
        ("args.data", "data/train.csv", True),
        ("args.save_path", "m", True),
        ("args.lr", 0.1, False),
        ("args.model", "resnet", False),
        ("args.out", 7, False),
    ],
)
def test_arguments_that_could_name_outputs(name: str, value: Scalar, could: bool) -> None:
    assert could_be_output(name, value) is could


def test_an_argument_counts_unless_the_run_only_wrote_there() -> None:
    args: dict[str, Scalar] = {
        "args.out": "out/7",
        "args.log": "/var/log/x.txt",
        "args.data-dir": "data/set",
        "args.here": "./",
        "args.save": "out",
        "args.resume": "out/7/state.pt",
        "args.mode": "out",
    }
    wrote = {"/p/out/7/sub/m.pt", "/var/log/x.txt", "/p/data/set/cache.bin"}
    assert written_only(args, wrote, "/p") == {"args.out", "args.log", "args.save"}
    # What it read first is an input, and so is the folder around it.
    read = {"/p/out/7/state.pt"}
    assert written_only(args, {*wrote, *read}, "/p", read) == {"args.log"}
