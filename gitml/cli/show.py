"""`gitml exp show`."""

from __future__ import annotations

from typing import Literal

import click

from gitml.cli import output
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing


@click.command(
    name="show",
    cls=ExampleCommand,
    examples=("gitml exp show brave-otter", "gitml exp show best --json"),
)
@click.argument("experiment", metavar="EXP")
@click.option("--md", "form", flag_value="md", help="Print Markdown.")
@click.option("--json", "form", flag_value="json", help="Print JSON: the record.")
@click.pass_obj
def command(standing: Standing, experiment: str, form: Literal["md", "json"] | None) -> int:
    """Show everything about one experiment."""
    from gitml.operations.show import show

    shown = show(standing.start, experiment)
    if form == "json":
        from gitml.views import documents

        output.emit_json(documents.shown(shown))
        return 0
    from gitml.operations.curves import curves
    from gitml.views import record, sheet

    sections = record.sections(
        shown.record,
        row=shown.row,
        events=shown.events,
        history=curves(standing.start, shown.row.commit),
    )
    if form == "md":
        output.emit(sheet.markdown(sections))
    else:
        output.emit(sheet.text(sections, width=output.width(), colour=output.colour()))
    return 0
