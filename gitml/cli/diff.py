"""`gitml exp diff`."""

from __future__ import annotations

import click

from gitml.cli import output
from gitml.cli.formats import Form, format_options
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing
from gitml.cli.progress import progress


@click.command(
    name="diff",
    cls=ExampleCommand,
    examples=(
        "gitml exp diff",
        "gitml exp diff brave-otter",
        "gitml exp diff brave-otter calm-fox",
        "gitml exp diff brave-otter calm-fox odd-elk --md",
    ),
)
@click.argument("experiments", metavar="[EXP]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Also what is equal everywhere.")
@format_options
@click.pass_obj
def command(
    standing: Standing, experiments: tuple[str, ...], everything: bool, form: Form | None
) -> int:
    """Compare experiments.

    None named: the latest with the champion before it. One named: it with the champion. Two or
    more: side by side, each with the first.
    """
    from gitml.operations.diff import diff

    with progress("reading") as report:
        found = diff(standing.start, experiments, everything=everything, progress=report)
    if form == "json":
        from gitml.views import documents

        output.emit_json(documents.plain(found))
        return 0
    from gitml.views import comparison, sheet, table

    if form == "csv":
        output.emit(table.csv(comparison.flat(found)))
    elif form == "md":
        output.emit(sheet.markdown(comparison.sections(found)))
    else:
        sections = comparison.sections(found)
        output.emit(sheet.text(sections, width=output.width(), colour=output.colour()))
    return 0
