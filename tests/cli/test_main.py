from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import COMMANDS, EXPERIMENTS, Standing, root

ROOT = Path(__file__).parent.parent.parent


def gitml(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gitml", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def everything() -> list[tuple[str, click.Command, str]]:
    found = []
    for prefix, entries in (("", COMMANDS), ("exp ", EXPERIMENTS)):
        group = root if not prefix else root.get_command(click.Context(root), "exp")
        assert isinstance(group, click.Group)
        for name, entry in entries.items():
            command = group.get_command(click.Context(group), name)
            assert command is not None
            found.append((prefix + name, command, entry.summary))
    return found


def test_the_commands_are_those_of_the_design() -> None:
    assert set(COMMANDS) == {"init", "exp", "check", "report", "fsck", "gc", "doctor"}
    assert set(EXPERIMENTS) == {
        *("run", "list", "show", "diff", "apply", "note", "tag", "hide"),
        *("push", "pull", "recover", "rerun"),
    }


def test_a_groups_help_says_what_each_commands_own_help_says() -> None:
    for name, command, summary in everything():
        assert command.help is not None
        assert command.help.strip().splitlines()[0] == summary, name


def test_every_command_has_examples_that_parse() -> None:
    for name, command, _ in everything():
        if name == "exp":
            continue
        assert isinstance(command, ExampleCommand)
        assert command.examples, name
        for example in command.examples:
            assert example.startswith(f"gitml {name}")
            words = shlex.split(example)[len(f"gitml {name}".split()) :]
            command.make_context(name, words, obj=Standing()).close()


def test_the_front_door_is_light() -> None:
    code = (
        "import sys; from gitml.cli.main import main; status = main(['--help']);"
        "heavy = {'torch', 'dvc', 'numpy', 'rich', 'yaml', 'tabulate', 'msgspec', 'sqlite3'};"
        "print(sorted(heavy & set(sys.modules)), status, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == "[] 0"
    assert "Commands:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["exp", "rnu"], "There is no command 'rnu'. Did you mean 'run'?"),
        (["run"], "There is no command 'run'. Did you mean 'exp run'?"),
        (["exp", "list", "--lmit", "3"], "'--limit'"),
        (["-C", "/does/not/exist", "doctor"], "/does/not/exist is not a folder"),
        (["exp", "show"], "Missing argument 'EXP'"),
        (["exp", "run", "--force", "--on-duplicate", "fail", "true"], "contradict"),
        (["exp", "run", "--on-duplicate", "maybe", "true"], "'maybe'"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    done = gitml(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert hint.startswith("hint: `gitml")


def test_no_command_is_wrong_usage(tmp_path: Path) -> None:
    done = gitml(cwd=tmp_path)
    assert done.returncode == 2
    assert "Usage: gitml" in done.stderr


def test_version() -> None:
    done = gitml("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("gitml ")


def test_outside_of_a_repository_there_is_a_hint(tmp_path: Path) -> None:
    for arguments in (["exp", "list"], ["check", "--", "true"], ["exp", "run", "true"]):
        done = gitml(*arguments, cwd=tmp_path, GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
        assert done.returncode == 2
        assert "is not in a Git repository." in done.stderr
        assert "hint: Run `gitml init`" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "resume", "command"),
    [
        (
            ["python", "a.py", "--resume", "-S", "x"],
            None,
            ("python", "a.py", "--resume", "-S", "x"),
        ),
        (["--resume"], "", ()),
        (["--resume", "calm-fox"], "calm-fox", ()),
        (["--resume", "--", "python", "a.py"], "", ("python", "a.py")),
        (["--", "-odd", "--", "x"], None, ("-odd", "--", "x")),
        ([], None, ()),
    ],
)
def test_options_of_the_command_belong_to_the_command(
    words: list[str], resume: str | None, command: tuple[str, ...]
) -> None:
    from gitml.cli.run import command as run

    with run.make_context("run", words, obj=Standing()) as ctx:
        assert (ctx.params["resume"], ctx.params["words"]) == (resume, command)


def test_a_command_starts_without_the_typing_module_that_msgspec_asks_for() -> None:
    code = (
        "import sys; from gitml.cli.main import root; import click;"
        "context = click.Context(root);"
        "assert root.get_command(context, 'check');"
        "assert 'msgspec' in sys.modules and 'typing_extensions' not in sys.modules;"
        "import typing_extensions; assert typing_extensions.Buffer"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
