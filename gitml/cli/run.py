"""`gitml exp run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import click

from gitml.cli import output
from gitml.cli.errors import DONE, FOUND, INTERRUPTED
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing

if TYPE_CHECKING:
    from gitml.operations.run import RunResult

_Duplicate = Literal["reuse", "restore", "fail", "run"]
_DUPLICATES = click.Choice(["reuse", "restore", "fail", "run"])


@click.command(
    name="run",
    cls=ExampleCommand,
    # What comes after the first word of the command belongs to the command.
    context_settings={"allow_interspersed_args": False},
    examples=(
        "gitml exp run",
        "gitml exp run -S optimizer.lr=0.1 -S epochs=5",
        "gitml exp run -- python train.py --lr 0.1",
        "gitml exp run --strict-lock",
        "gitml exp run --isolated --study sweep --name wide -- python train.py --width 64",
    ),
)
@click.option(
    "-S", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a setting; +KEY adds one."
)
@click.option("--study", metavar="S", default="", help="Record on the branch exp/S.")
@click.option("--name", metavar="N", default="", help="Name the experiment.")
@click.option(
    "--on-duplicate", type=_DUPLICATES, help="When it was recorded before.  [default: reuse]"
)
@click.option("--force", is_flag=True, help="Run although it was recorded before.")
@click.option("--isolated", is_flag=True, help="Run in a work tree of its own.")
@click.option(
    "--resume",
    metavar="[NAME]",
    is_flag=False,
    flag_value="",
    help="Go on with an interrupted run (the latest one).",
)
@click.option("--no-capture", is_flag=True, help="Leave the terminal to the command.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and do nothing.")
@click.option("--keep-failed", is_flag=True, help="Record it even if the command fails.")
@click.option(
    "--strict-lock",
    is_flag=True,
    help="Refuse to run where the libraries differ from the project's lock.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, on the last line.")
@click.argument("words", metavar="[--] [CMD]...", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(
    standing: Standing,
    overrides: tuple[str, ...],
    study: str,
    name: str,
    on_duplicate: str | None,
    force: bool,
    isolated: bool,
    resume: str | None,
    no_capture: bool,
    dry_run: bool,
    keep_failed: bool,
    strict_lock: bool,
    as_json: bool,
    words: tuple[str, ...],
) -> int:
    """Run a command and record it as one experiment.

    Without CMD the command of gitml.yaml runs. An experiment that was recorded before is shown
    instead of run again. The exit status is the command's own when it failed.
    """
    if force and on_duplicate not in (None, "run"):
        raise click.UsageError(f"--force and --on-duplicate {on_duplicate} contradict each other.")
    from gitml.operations.run import RunRequest, run

    request = RunRequest(
        start=standing.start,
        argv=words,
        overrides=overrides,
        study=study,
        name=name,
        on_duplicate="run" if force else cast(_Duplicate, on_duplicate or "reuse"),
        isolated=isolated,
        resume=resume,
        capture=not no_capture,
        dry_run=dry_run,
        keep_failed=keep_failed,
        strict_lock=strict_lock,
    )
    said: set[str] = set()

    def say(text: str) -> None:
        said.add(text.removeprefix("warning: "))
        output.note(text)

    result = run(request, say)
    output.notes(f"warning: {text}" for text in result.warnings if text not in said)
    refused = on_duplicate == "fail" and result.status == "planned" and bool(result.commit)
    _report(result, refused=refused, as_json=as_json)
    return FOUND if refused else _exit_status(result)


def _report(result: RunResult, *, refused: bool, as_json: bool) -> None:
    from gitml.views import documents, outcome

    if result.exit_status and result.status != "interrupted" and not result.reused:
        output.plain_note(outcome.failure(result))
    if as_json:
        output.emit_json(documents.run_result(result), pretty=False)
    else:
        output.emit(outcome.summary(result, refused=refused, colour=output.colour()))


def _exit_status(result: RunResult) -> int:
    """Return the command's own status when it failed; 128+n for signal n."""
    if result.reused or result.status == "planned":
        return DONE
    status = 128 - result.exit_status if result.exit_status < 0 else result.exit_status
    if result.status == "completed":
        return status
    return status or (INTERRUPTED if result.status == "interrupted" else FOUND)
