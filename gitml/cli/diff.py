"""`gitml exp diff`."""

from __future__ import annotations

from pathlib import Path
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
        "gitml exp diff brave-otter calm-fox --weights",
        "gitml exp diff brave-otter calm-fox --html comparison.html",
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
@click.option(
    "--weights", is_flag=True, help="Read the weights, and compare them element by element."
)
@click.option("--pull", is_flag=True, help="Download what the comparison needs.")
@click.option(
    "--html",
    "page",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a report: one HTML file with everything in it.",
)
@click.option("--force", is_flag=True, help="Let the report replace a file that is no report.")
@click.option("--open", "shown", is_flag=True, help="Open the report in a browser.")
@format_options
@click.pass_obj
def command(
    standing: Standing,
    experiments: tuple[str, ...],
    everything: bool,
    gate: str | None,
    weights: bool,
    pull: bool,
    page: Path | None,
    force: bool,
    shown: bool,
    form: Form | None,
) -> int:
    """Compare experiments.

    None named: the latest with the champion before it. One named: it with the champion. Two or
    more: side by side, each with the first.

    Where two were run with several seeds, a verdict says whether the second is better, or
    whether that can't be told from noise. Weights are compared by the summaries of their tensors,
    which need no download; predictions by the examples that both experiments have.
    """
    from gitml.operations.compare_contents import Wanted
    from gitml.operations.diff import diff

    if page is not None:
        from gitml.operations.report_file import check_place

        check_place(page, force=force)
    wanted = Wanted(weights=weights, embedded=page is not None, download=pull)
    with progress("comparing") as report:
        found = diff(
            standing.start,
            experiments,
            everything=everything,
            gate=gate,
            contents=wanted,
            progress=report,
        )
    _show(found, form, everything=everything)
    if page is not None:
        _write(found, page, force=force, shown=shown)
    if found.gate is None:
        return 0
    output.note(f"{'failed' if found.gate.failed else 'passed'}: {found.gate.sentence}")
    return int(found.gate.failed)


def _show(found: Comparison, form: Form | None, *, everything: bool) -> None:
    if form == "json":
        from gitml.views import documents

        output.emit_json(documents.comparison(found))
        return
    from gitml.views import comparison, sheet, table

    if form == "csv":
        output.emit(table.csv(comparison.flat(found)))
    elif form == "md":
        output.emit(sheet.markdown(comparison.sections(found, everything=everything)))
    else:
        width, plain = output.width(), not output.unicode()
        sections = comparison.sections(found, width=width, plain=plain, everything=everything)
        output.emit(sheet.text(sections, width=width, colour=output.colour()))


def _write(found: Comparison, page: Path, *, force: bool, shown: bool) -> None:
    import shlex

    from gitml.cli.report import finish
    from gitml.operations.report_file import write_report
    from gitml.views.report import html

    names = [one.experiment for one in found.experiments]
    command = shlex.join(["gitml", "exp", "diff", *names, "--html", str(page)])
    write_report(page, html(found, command=command), force=force)
    output.note(f"The report is {page}.")
    finish(page, opened=shown)
