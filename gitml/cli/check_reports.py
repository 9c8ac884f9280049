"""What `gitml check` tells: people, scripts, and the CI system that it runs in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

import click

from gitml.cli import output
from gitml.cli.errors import DONE, FOUND
from gitml.errors import GitmlError, UsageError

if TYPE_CHECKING:
    from gitml.operations.check import CheckResult
    from gitml.operations.check_since import SinceResult

Form = Literal["json", "md", "github"]


def fetch_mode(fetch: bool | None) -> Literal["auto", "always", "never"]:
    """Return what `--fetch`, `--no-fetch` or neither means."""
    return "auto" if fetch is None else "always" if fetch else "never"


def refuse(given: Mapping[str, object], why: str) -> None:
    """Refuse options that make no sense together.

    Raises:
        UsageError: (click's) if one is given.
    """
    for name, value in given.items():
        if value:
            raise click.UsageError(f"{name} {why}")


class Reports:
    """Takes the answer of a check to everybody who waits for it; a context manager.

    When the check can't be made, jobs that come after it learn that, too.

    Args:
        github: Whether GitHub Actions gets annotations, outputs and a summary.
        dotenv: File for GitLab's variables; empty for none.
        folder: Folder that the file is relative to.

    Attributes:
        dotenv: Where GitLab's variables go, or None.
    """

    def __init__(self, *, github: bool, dotenv: str, folder: Path) -> None:
        self._github = github
        self.dotenv = folder / dotenv if dotenv else None
        self._told = False

    def __enter__(self) -> Reports:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._told or not isinstance(error, GitmlError | click.ClickException):
            return
        from gitml.views import annotations

        hint = error.hint if isinstance(error, GitmlError) else ""
        if self._github:
            output.emit(annotations.error_command(str(error.message), hint))
        with suppress(UsageError):  # what went wrong first is what is told
            self._write(annotations.failed_outputs(), "")

    def tell(self, result: CheckResult, form: Form | None) -> int:
        """Tell the answer of a plain check and return the exit status."""
        from gitml.views import annotations, check_markdown, documents
        from gitml.views import check as view

        if form == "github":
            output.emit(annotations.check_commands(result))
        else:  # the text has the drift on a line of its own
            output.notes(one for one in result.notes if form or one != result.drift)
        if form == "json":
            output.emit_json(documents.check_result(result))
        elif form == "md":
            output.emit(check_markdown.check(result))
        elif form is None:
            output.emit(view.render(result, width=output.width(), colour=output.colour()))
        if self._reports:
            self._write(annotations.check_outputs(result), check_markdown.check(result))
        return FOUND if result.blocked else DONE

    def tell_since(self, result: SinceResult, form: Form | None) -> int:
        """Tell the answer of `--since` and return the exit status."""
        from gitml.views import annotations, check_markdown, check_since, documents

        if form == "github":
            output.emit(annotations.since_commands(result))
        else:
            output.notes(result.notes)
        if form == "json":
            output.emit_json(documents.since_result(result))
        elif form == "md":
            output.emit(check_markdown.since(result))
        elif form is None:
            output.emit(check_since.render(result, width=output.width(), colour=output.colour()))
        if self._reports:
            self._write(annotations.since_outputs(result), check_markdown.since(result))
        return DONE if result.ok else FOUND

    @property
    def _reports(self) -> bool:
        return self._github or self.dotenv is not None

    def _write(self, outputs: Mapping[str, str], summary: str) -> None:
        """Write all files that somebody reads.

        Raises:
            UsageError: if one can't be written: what comes after the check would go on blindly.
        """
        from gitml.views import annotations

        self._told = True
        if self.dotenv is not None:
            _put(self.dotenv, annotations.dotenv(outputs), "w")
        if self._github:
            _append("GITHUB_OUTPUT", annotations.output_file(outputs))
            _append("GITHUB_STEP_SUMMARY", f"{summary}\n" if summary else "")


def _append(variable: str, text: str) -> None:
    """Append to a file that GitHub's runner named in a variable, if it did."""
    place = os.environ.get(variable, "")
    if place and text:
        _put(Path(place), text, "a")


def _put(path: Path, text: str, mode: Literal["a", "w"]) -> None:
    try:
        with path.open(mode, encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"The answer can't be written to {path}: {error.strerror or error}.",
            hint="Name a file in a folder that exists and can be written.",
        ) from error
