"""`gitml init`."""

from __future__ import annotations

from pathlib import Path

import click

from gitml.cli import output
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing


@click.command(
    name="init",
    cls=ExampleCommand,
    examples=("gitml init", "gitml init digits --template cnn"),
)
@click.argument("folder", metavar="[DIR]", required=False, default="")
@click.option("--template", metavar="NAME", help="Start from a complete project: mlp or cnn.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.pass_obj
def command(standing: Standing, folder: str, template: str | None, as_json: bool) -> int:
    """Make a project, or set up an existing one.

    Git and DVC are set up where they are missing, and gitml.yaml and ignore rules are written.
    Nothing that exists is overwritten.
    """
    from gitml.operations.init import initialise
    from gitml.views import documents, sentences

    done = initialise(standing.start / Path(folder), template)
    if as_json:
        output.emit_json(documents.initialised(done))
        return 0
    output.emit(sentences.initialised(done))
    output.notes(done.notes)
    return 0
