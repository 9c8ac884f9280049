"""`gitml exp list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from gitml.cli import output
from gitml.cli.formats import Form, format_options
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing
from gitml.cli.progress import progress

if TYPE_CHECKING:
    from gitml.operations.listing import Listing

# More is no table that anybody reads; documents for programs have all.
SHOWN = 100


@click.command(
    name="list",
    cls=ExampleCommand,
    examples=(
        "gitml exp list",
        "gitml exp list --sort -metrics.accuracy --limit 10",
        "gitml exp list --where 'params.lr < 0.1 and metrics.accuracy > 0.9'",
        "gitml exp list --all --columns experiment,study,accuracy,lr --csv",
    ),
)
@click.option("--study", metavar="S", default="", help="A study; by default the branch's own.")
@click.option("--all", "all_studies", is_flag=True, help="The experiments of every study.")
@click.option("--where", metavar="EXPR", default="", help="Only experiments that match.")
@click.option("--sort", metavar="[-]KEY", default="", help="Order; - puts the largest first.")
@click.option("--columns", metavar="NAMES", default="", help="Columns, separated by commas.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    help=f"At most N experiments; 0 is all of them.  [default: {SHOWN} in tables]",
)
@click.option("--hidden", is_flag=True, help="Hidden experiments, too.")
@format_options
@click.pass_obj
def command(
    standing: Standing,
    study: str,
    all_studies: bool,
    where: str,
    sort: str,
    columns: str,
    limit: int | None,
    hidden: bool,
    form: Form | None,
) -> int:
    """Show the table of experiments.

    The newest come first, and metrics before those settings that differ. Columns are named
    `metrics.accuracy`, `params.lr`, or just `accuracy` and `lr`; besides there are experiment,
    study, created, status, author, mail, tags, notes, seconds, commit, base, fingerprint and
    problem.
    """
    if study and all_studies:
        raise click.UsageError("--study and --all contradict each other.")
    from gitml.operations.listing import list_experiments

    if limit is None and form in (None, "md"):
        limit = SHOWN
    with progress("reading") as report:
        listing = list_experiments(
            standing.start,
            study=study,
            all_studies=all_studies,
            where=where,
            sort=sort,
            limit=limit or None,
            hidden=hidden,
            progress=report,
        )
    output.notes(listing.problems)
    if form == "json":
        from gitml.views import documents

        output.emit_json(documents.experiments(listing.rows))
        return 0
    _print(listing, [name.strip() for name in columns.split(",") if name.strip()], form)
    return 0


def _print(listing: Listing, columns: list[str], form: Literal["md", "csv"] | None) -> None:
    from gitml.views import experiments, table

    primary = listing.primary
    everything = form == "csv"
    found = experiments.listed(listing.rows, columns, primary=primary, everything=everything)
    if form != "csv" and listing.active:
        running = experiments.active(listing.active)
        top = table.render(running, form or "text", width=output.width(), colour=output.colour())
        output.emit(f"{top.text}\n")
    if not listing.rows:
        output.plain_note(experiments.nothing(listing))
        return
    if form is not None:
        output.emit(table.render(found.table, form).text)
        return
    rendered = table.text(found.table, width=output.width(), colour=output.colour())
    output.emit(rendered.text)
    for line in experiments.remarks(listing, found, rendered):
        output.plain_note(line)
