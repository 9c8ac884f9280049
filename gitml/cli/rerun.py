"""`gitml exp rerun`."""

from __future__ import annotations

import click

from gitml.cli import output
from gitml.cli.errors import DONE, FOUND, INTERRUPTED
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing
from gitml.cli.progress import progress


@click.command(
    name="rerun",
    cls=ExampleCommand,
    examples=(
        "gitml exp rerun brave-otter",
        "gitml exp rerun best --here --tolerance 1e-3",
        "gitml exp rerun latest --dry-run",
    ),
)
@click.argument("experiment", metavar="EXP")
@click.option("--here", is_flag=True, help="Use the Python at hand, even if its libraries differ.")
@click.option("--python", metavar="PATH", default="", help="Use this Python.")
@click.option(
    "--tolerance",
    metavar="REL",
    type=float,
    default=1e-6,
    show_default=True,
    help="How much metrics may differ, as a part of their value.",
)
@click.option("--keep", is_flag=True, help="Keep the work tree that it ran in.")
@click.option("--no-record", is_flag=True, help="Don't add the verdict to the study.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, on the last line.")
@click.pass_obj
def command(
    standing: Standing,
    experiment: str,
    here: bool,
    python: str,
    tolerance: float,
    keep: bool,
    no_record: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Run an experiment again: does it reproduce?

    It runs in a work tree of its own, with the libraries of its lock file: the Python at hand
    where that has what the experiment imported, else an environment built for it. The verdict is
    added to the study. The exit status is 1 when it was not reproduced.
    """
    from gitml.operations.rerun import rerun
    from gitml.operations.rerun_request import RerunRequest
    from gitml.views import rerun as view

    request = RerunRequest(
        start=standing.start,
        name=experiment,
        here=here,
        python=python,
        tolerance=tolerance,
        keep=keep,
        dry_run=dry_run,
        record=not no_record,
    )
    with progress("fetching") as report:
        result = rerun(request, output.note, report)
    output.notes(f"warning: {text}" for text in result.notes)
    if result.exit_status and result.status == "compared" and (said := view.failure(result)):
        output.plain_note(said)
    output.notes(f"hint: {text}" for text in result.hints)
    if as_json:
        output.emit_json(view.document(result), pretty=False)
    else:
        output.emit(view.summary(result, colour=output.colour()))
    if result.status == "interrupted":
        return INTERRUPTED
    found = result.reproduction
    return FOUND if found is not None and found.verdict == "not reproduced" else DONE
