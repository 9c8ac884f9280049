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
    examples=(
        "gitml exp show brave-otter",
        "gitml exp show best --json",
        "gitml exp show latest --inputs",
    ),
)
@click.argument("experiment", metavar="EXP")
@click.option(
    "--inputs", is_flag=True, help="Show all that determined its result, and why it was new."
)
@click.option("--md", "form", flag_value="md", help="Print Markdown.")
@click.option("--json", "form", flag_value="json", help="Print JSON: the record.")
@click.pass_obj
def command(
    standing: Standing, experiment: str, inputs: bool, form: Literal["md", "json"] | None
) -> int:
    """Show everything about one experiment.

    With --inputs: every input, and what differs from the nearest recorded experiments.
    """
    if inputs:
        return _show_inputs(standing, experiment, form)
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
        history=curves(standing.start, shown),
    )
    if form == "md":
        output.emit(sheet.markdown(sections))
    else:
        output.emit(sheet.text(sections, width=output.width(), colour=output.colour()))
    return 0


def _show_inputs(standing: Standing, experiment: str, form: Literal["md", "json"] | None) -> int:
    from gitml.operations.inputs_shown import show_inputs
    from gitml.views import inputs, sheet

    shown = show_inputs(standing.start, experiment)
    if form == "json":
        output.emit_json(inputs.document(shown))
    elif form == "md":
        output.emit(sheet.markdown(inputs.sections(shown)))
    else:
        sections = inputs.sections(shown)
        output.emit(sheet.text(sections, width=output.width(), colour=output.colour()))
    return 0
