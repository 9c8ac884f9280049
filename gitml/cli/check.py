"""`gitml check`."""

from __future__ import annotations

import click

from gitml.cli import output
from gitml.cli.errors import DONE, FOUND
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing


@click.command(
    name="check",
    cls=ExampleCommand,
    context_settings={"allow_interspersed_args": False},
    examples=(
        "gitml check",
        "gitml check -S optimizer.lr=0.1",
        "gitml check --level replicate -- python train.py --seed 2",
    ),
)
@click.option(
    "-S", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a setting; +KEY adds one."
)
@click.option(
    "--level",
    metavar="L",
    default="equivalent",
    show_default=True,
    help="The loosest sameness that blocks: identical, equivalent, replicate, re-environment "
    "or near.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.argument("words", metavar="[--] [CMD]...", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(
    standing: Standing,
    overrides: tuple[str, ...],
    level: str,
    as_json: bool,
    words: tuple[str, ...],
) -> int:
    """Would running this repeat a recorded experiment?

    Nothing is run. The exit status is 1 when it would, and 0 when it wouldn't.
    """
    from gitml.operations.check import CheckRequest, check
    from gitml.views import check as view
    from gitml.views import documents

    result = check(CheckRequest(start=standing.start, argv=words, overrides=overrides, level=level))
    output.notes(result.notes)
    if as_json:
        output.emit_json(documents.check_result(result))
    else:
        output.emit(view.render(result, colour=output.colour()))
    return FOUND if result.blocked else DONE
