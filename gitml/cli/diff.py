"""`gitml exp diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitml.cli import output
from gitml.cli.formats import Form, format_options
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing
from gitml.cli.progress import progress

if TYPE_CHECKING:
    from gitml.comparison.result import Comparison


@click.command(
    name="diff",
    cls=ExampleCommand,
    examples=(
        "gitml exp diff",
        "gitml exp diff brave-otter",
        "gitml exp diff brave-otter calm-fox",
        "gitml exp diff brave-otter calm-fox odd-elk --md",
        "gitml exp diff brave-otter calm-fox --fail-if-worse=accuracy:0.005",
    ),
)
@click.argument("experiments", metavar="[EXP]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Also what is equal everywhere.")
@click.option(
    "--fail-if-worse",
    "gate",
    metavar="[METRIC[:MARGIN]]",
    is_flag=False,
    flag_value="",
    default=None,
    help="End with status 1 if the second is worse by more than MARGIN, or can't be compared. "
    "By default, METRIC is the primary one, and MARGIN its smallest effect that matters.",
)
@format_options
@click.pass_obj
def command(
    standing: Standing,
    experiments: tuple[str, ...],
    everything: bool,
    gate: str | None,
    form: Form | None,
) -> int:
    """Compare experiments.

    None named: the latest with the champion before it. One named: it with the champion. Two or
    more: side by side, each with the first.

    Where two were run with several seeds, a verdict says whether the second is better, or
    whether that can't be told from noise.
    """
    from gitml.operations.diff import diff

    with progress("reading") as report:
        found = diff(standing.start, experiments, everything=everything, gate=gate, progress=report)
    _show(found, form)
    if found.gate is None:
        return 0
    output.note(f"{'failed' if found.gate.failed else 'passed'}: {found.gate.sentence}")
    return int(found.gate.failed)


def _show(found: Comparison, form: Form | None) -> None:
    if form == "json":
        from gitml.views import documents

        output.emit_json(documents.plain(found))
        return
    from gitml.views import comparison, sheet, table

    if form == "csv":
        output.emit(table.csv(comparison.flat(found)))
    elif form == "md":
        output.emit(sheet.markdown(comparison.sections(found)))
    else:
        sections = comparison.sections(found)
        output.emit(sheet.text(sections, width=output.width(), colour=output.colour()))
