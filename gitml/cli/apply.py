"""`gitml exp apply`."""

from __future__ import annotations

import click

from gitml.cli import output
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing
from gitml.cli.progress import progress


@click.command(
    name="apply",
    cls=ExampleCommand,
    examples=("gitml exp apply brave-otter", "gitml exp apply best --commit"),
)
@click.argument("experiment", metavar="EXP")
@click.option("--commit", is_flag=True, help="Also make one commit on the current branch.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.pass_obj
def command(standing: Standing, experiment: str, commit: bool, as_json: bool) -> int:
    """Bring an experiment's files into the work tree.

    Artifacts come from storage. Changes that are not committed are never overwritten.
    """
    from gitml.operations.apply import apply
    from gitml.views import documents, sentences

    with progress("fetching") as report:
        done = apply(standing.start, experiment, commit=commit, progress=report)
    output.notes(done.notes)
    if as_json:
        output.emit_json(documents.plain(done))
    else:
        output.emit(sentences.applied(done))
    return 0
