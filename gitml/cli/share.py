"""`gitml exp push` and `gitml exp pull`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitml.cli import output
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing
from gitml.cli.progress import progress

if TYPE_CHECKING:
    from gitml.operations.share import Shared


@click.command(
    name="push",
    cls=ExampleCommand,
    examples=("gitml exp push", "gitml exp push sweep --remote hub"),
)
@click.argument("studies", metavar="[STUDY]...", nargs=-1)
@click.option("--remote", metavar="NAME", default="", help="The Git remote.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.pass_obj
def push(standing: Standing, studies: tuple[str, ...], remote: str, as_json: bool) -> int:
    """Send studies and their artifacts to the team.

    Artifacts go to the DVC remote first and branches to the Git remote last. Nothing is
    rewritten or forced: what others recorded meanwhile is joined.
    """
    from gitml.operations import share

    with progress("sending") as report:
        done = share.push(standing.start, studies, remote=remote, progress=report)
    return _tell(done, "sent", as_json)


@click.command(
    name="pull", cls=ExampleCommand, examples=("gitml exp pull", "gitml exp pull main sweep")
)
@click.argument("studies", metavar="[STUDY]...", nargs=-1)
@click.option("--remote", metavar="NAME", default="", help="The Git remote.")
@click.option("--no-artifacts", is_flag=True, help="Leave the artifacts where they are.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.pass_obj
def pull(
    standing: Standing, studies: tuple[str, ...], remote: str, no_artifacts: bool, as_json: bool
) -> int:
    """Fetch studies and their artifacts from the team.

    Studies that went on in both places are joined; every experiment keeps its commit.
    """
    from gitml.operations import share

    with progress("fetching") as report:
        done = share.pull(
            standing.start,
            studies,
            remote=remote,
            artifacts=not no_artifacts,
            progress=report,
        )
    return _tell(done, "fetched", as_json)


def _tell(done: Shared, verb: str, as_json: bool) -> int:
    from gitml.views import documents, sentences

    output.notes(done.notes)
    if as_json:
        output.emit_json(documents.plain(done))
    else:
        output.emit(sentences.shared(done, verb))
    return 0
