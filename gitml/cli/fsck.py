"""`gitml fsck`."""

from __future__ import annotations

import click

from gitml.cli import output
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing
from gitml.cli.progress import Bars

_DEFAULT = "(default)"


@click.command(
    name="fsck",
    cls=ExampleCommand,
    examples=(
        "gitml fsck",
        "gitml fsck --fast",
        "gitml fsck main --remote --deep",
        "gitml fsck --repair",
    ),
)
@click.argument("studies", metavar="[STUDY]...", nargs=-1)
@click.option(
    "--fast", is_flag=True, help="Read no object: only whether it is there, and its size."
)
@click.option(
    "--remote",
    metavar="[NAME]",
    is_flag=False,
    flag_value=_DEFAULT,
    help="Look for everything on this DVC remote, too; the default one without a name.",
)
@click.option("--deep", is_flag=True, help="With --remote: read what is there, downloading it.")
@click.option(
    "--repair", is_flag=True, help="Set corrupt objects aside, and bring sound copies of them."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_obj
def command(
    standing: Standing,
    studies: tuple[str, ...],
    fast: bool,
    remote: str | None,
    deep: bool,
    repair: bool,
    as_json: bool,
) -> int:
    """Check every experiment, pointer and object.

    Records are compared with their commits, every object of the cache is read and hashed, and
    what is lost is listed with the experiments that need it and the places that still have it.
    Nothing is changed without --repair. The exit status is 1 when something is wrong, and 2 when
    it can't be told.
    """
    if deep and remote is None:
        raise click.UsageError("--deep is about the remote: add --remote.")
    if deep and fast:
        raise click.UsageError("--fast reads no object, and --deep reads them all.")
    from gitml.operations.fsck import fsck
    from gitml.operations.fsck_values import FsckRequest
    from gitml.views import fsck as view

    request = FsckRequest(
        start=standing.start,
        studies=tuple(study.removeprefix("exp/") for study in studies),
        fast=fast,
        remote=remote is not None,
        name="" if remote in (None, _DEFAULT) else str(remote),
        deep=deep,
        repair=repair,
    )
    with Bars() as bars:
        found = fsck(request, output.note, bars.open)
    output.notes(found.notes)
    if as_json:
        output.emit_json(view.document(found))
    else:
        output.emit(view.render(found, width=output.width(), colour=output.colour()))
    return found.status
