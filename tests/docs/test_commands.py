"""Commands shown in the documentation run, and print what the pages say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).resolve().parents[2]


def _load(name: str) -> ModuleType:
    path = TOP / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"gitml_scripts_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


transcripts = _load("transcripts")


@pytest.mark.parametrize("page", transcripts.pages(), ids=lambda page: page.stem)
def test_commands_on_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    commands = transcripts.commands_of(page.read_text(encoding="utf-8"))
    answers = transcripts.run(commands, tmp_path)
    assert not list(transcripts.differences(commands, answers))


def test_there_are_pages_with_commands() -> None:
    names = {page.stem for page in transcripts.pages()}
    assert {"README", "tutorial", "existing-script", "sharing-with-a-team", "ci"} <= names


def test_what_changes_from_run_to_run_is_masked() -> None:
    shown = "brave-otter completed in 5.2 s, recorded as afcfabd on exp/main\n"
    printed = "witty-wren completed in 12 s, recorded as 0a12b3c on exp/main\n"
    assert transcripts.same(shown, printed)
    assert not transcripts.same(shown, printed.replace("completed", "failed"))


def test_an_ellipsis_stands_for_a_part_of_a_line_or_for_lines() -> None:
    assert transcripts.same("a … z\n", "a b c z\n")
    assert transcripts.same("a\n…\nz\n", "a\nb\nc\nz\n")
    assert transcripts.same("a\n…\n", "a\n")
    assert not transcripts.same("a … z\n", "a b c\n")
    assert not transcripts.same("a\n", "a\nb\n")


def test_a_page_is_split_into_commands() -> None:
    page = (
        "<!-- file: a/b.txt -->\n```text\nhello\n```\n"
        "```console\n$ cat a/b.txt\nhello\n$ false   # exit status 1\n```\n"
        "```sh\nnot run\n```\n"
    )
    found = transcripts.commands_of(page)
    assert [command.status for command in found] == [0, 0, 1]
    assert found[1].shown == "hello\n"


def test_a_command_that_prints_something_else_is_found(tmp_path: Path) -> None:
    commands = transcripts.commands_of("```console\n$ echo a\nb\n$ true   # exit status 1\n```\n")
    found = list(transcripts.differences(commands, transcripts.run(commands, tmp_path)))
    assert len(found) == 2


def test_indented_lines_of_a_loose_block_may_differ(tmp_path: Path) -> None:
    page = "<!-- loose -->\n```console\n$ printf 'Curves\\n  1\\n\\nPlots\\n'\nCurves\n  2\nPlots\n```\n"
    commands = transcripts.commands_of(page)
    assert not list(transcripts.differences(commands, transcripts.run(commands, tmp_path)))
    other = transcripts.commands_of(page.replace("\nPlots\n", "\nTables\n"))
    (tmp_path / "other").mkdir()
    assert list(transcripts.differences(other, transcripts.run(other, tmp_path / "other")))
