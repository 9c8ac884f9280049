"""`gitml exp recover`."""

from __future__ import annotations

import click

from gitml.cli import output
from gitml.cli.errors import DONE, FOUND
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing


@click.command(
    name="recover",
    cls=ExampleCommand,
    examples=("gitml exp recover", "gitml exp recover --json"),
)
@click.option("--json", "as_json", is_flag=True, help="Print what became of them as JSON.")
@click.pass_obj
def command(standing: Standing, as_json: bool) -> int:
    """Record runs whose recording was interrupted.

    A run whose command was cut off is kept, so that `gitml exp run --resume` can go on with it.
    The exit status is 1 when a run that ended could still not be recorded.
    """
    from gitml.operations.recover import recover
    from gitml.views import documents, sentences

    found = recover(standing.start, output.note)
    if as_json:
        output.emit_json(documents.plain(found))
    else:
        output.emit(sentences.recovered(found))
    return FOUND if any(item.outcome.startswith("not recorded") for item in found) else DONE
