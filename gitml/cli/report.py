"""`gitml report`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gitml.cli import output
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing
from gitml.cli.progress import progress

FILE = "report.html"


@click.command(
    name="report",
    cls=ExampleCommand,
    examples=(
        "gitml report",
        "gitml report --open",
        "gitml report baseline wide-nets -o studies.html",
        "gitml report --all --where 'metrics.accuracy > 0.9' -o good.html",
    ),
)
@click.argument("studies", metavar="[STUDY]...", nargs=-1)
@click.option("--all", "all_studies", is_flag=True, help="The experiments of every study.")
@click.option("--where", metavar="EXPR", default="", help="Only experiments that match.")
@click.option("--hidden", is_flag=True, help="Hidden experiments, too.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    default=2_000,
    show_default=True,
    help="At most the newest N experiments; 0 is all of them.",
)
@click.option(
    "-o",
    "--html",
    "file",
    metavar="FILE",
    default=FILE,
    show_default=True,
    help="Where to write it.",
)
@click.option("--force", is_flag=True, help="Replace a file that isn't a report.")
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
@click.pass_obj
def command(
    standing: Standing,
    studies: tuple[str, ...],
    all_studies: bool,
    where: str,
    hidden: bool,
    limit: int,
    file: str,
    force: bool,
    opened: bool,
) -> int:
    """Write a report of many experiments: one HTML file.

    It needs no network, and has the champions, the best so far, settings against results, curves
    and the table of all experiments; of the study of the branch when no STUDY is named. A report
    that compares experiments is written by `gitml exp diff A B --html FILE`.
    """
    if studies and all_studies:
        raise click.UsageError("STUDY and --all contradict each other.")
    from gitml.operations.report import gather
    from gitml.operations.report_file import check_place, write_report
    from gitml.views.report import overview

    path = Path(os.path.normpath(standing.start / file))
    check_place(path, force=force)
    with progress("reading") as report:
        found = gather(
            standing.start,
            studies,
            all_studies=all_studies,
            where=where,
            hidden=hidden,
            limit=limit,
            progress=report,
        )
    output.notes(found.problems)
    write_report(path, overview(found, command=_words(studies, all_studies, where)), force=force)
    output.emit(str(path))
    finish(path, opened=opened)
    return 0


def finish(path: Path, *, opened: bool = False) -> None:
    """Say what to know about a report that was written, and open it where that was asked."""
    from gitml.operations.report_file import recorded_with_the_next

    if recorded_with_the_next(path):
        output.note(
            f"Git doesn't ignore {path.name}, so the next experiment would record it: "
            "add it to .gitignore."
        )
    if opened:
        import webbrowser

        if not webbrowser.open(path.resolve().as_uri()):
            output.note("There is no browser here to open it with.")


def _words(studies: tuple[str, ...], all_studies: bool, where: str) -> str:
    """Return the command that makes the same report again."""
    import shlex

    words = ["gitml", "report", *studies, *(["--all"] if all_studies else [])]
    return shlex.join([*words, *(["--where", where] if where else [])])
