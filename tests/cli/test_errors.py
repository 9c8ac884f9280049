from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import click
import pytest

from gitml.cli import errors
from gitml.errors import StorageError


def end(
    error: BaseException, folder: Path, capsys: pytest.CaptureFixture[str], *, debug: bool = False
) -> tuple[int, str]:
    def work() -> int:
        raise error

    status = errors.guard(work, debug=lambda: debug, start=lambda: folder)
    captured = capsys.readouterr()
    assert captured.out == ""
    return status, captured.err


def test_what_a_user_can_mend_is_an_error_and_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = end(StorageError("No space.", hint="Free some."), tmp_path, capsys)
    assert (status, said) == (2, "error: No space.\nhint: Free some.\n")


def test_a_message_of_many_lines_with_escapes_becomes_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said = end(StorageError("git said:\n  \x1b[2Jno\n\n  way"), tmp_path, capsys)
    assert said == "error: git said: \\x1b[2Jno way\n"


def test_an_interrupt_is_130(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert end(KeyboardInterrupt(), tmp_path, capsys) == (130, "interrupted\n")
    assert end(click.Abort(), tmp_path, capsys)[0] == 130


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "There is no space left to write (/x/y)."),
        (errno.EDQUOT, "There is no space left to write (/x/y)."),
        (errno.EROFS, "Read-only file system (/x/y)."),
        (errno.EACCES, "Permission denied (/x/y)."),
        (errno.EMFILE, "Too many open files (/x/y)."),
    ],
)
def test_what_the_system_refuses_is_said_plainly(
    number: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, shown = end(OSError(number, "whatever", "/x/y"), tmp_path, capsys)
    assert status == 2
    assert shown.splitlines()[0] == f"error: {said}"
    assert shown.splitlines()[1].startswith("hint: ")


def test_a_bug_is_one_line_and_its_report_is_kept_in_the_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    status, said = end(ZeroDivisionError("division\nby zero"), tmp_path, capsys)
    assert status == 70
    assert said.count("\n") == 1
    assert said.startswith("error: This is a bug in gitml: ZeroDivisionError: division by zero.")
    assert "--debug" in said
    (report,) = (tmp_path / ".git" / "gitml" / "bugs").iterdir()
    assert str(report) in said
    assert "Traceback" in report.read_text()


def test_a_bug_outside_of_a_repository_is_still_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = end(KeyError("x"), tmp_path / "missing", capsys)
    assert (status, said.count("\n")) == (70, 1)


def test_debug_shows_tracebacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for error in (StorageError("no"), RuntimeError("bug"), OSError(errno.EIO, "bad")):
        _, said = end(error, tmp_path, capsys, debug=True)
        assert "Traceback (most recent call last)" in said
