"""The front door: the groups of commands, the global options, and the way in."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from gitml.cli.errors import guard
from gitml.cli.lazy import Entry, LazyGroup

EXPERIMENTS = {
    "run": Entry("gitml.cli.run:command", "Run a command and record it as one experiment."),
    "list": Entry("gitml.cli.listing:command", "Show the table of experiments."),
    "show": Entry("gitml.cli.show:command", "Show everything about one experiment."),
    "diff": Entry("gitml.cli.diff:command", "Compare experiments."),
    "apply": Entry("gitml.cli.apply:command", "Bring an experiment's files into the work tree."),
    "rerun": Entry("gitml.cli.rerun:command", "Run an experiment again: does it reproduce?"),
    "note": Entry("gitml.cli.annotate:note", "Add a note to an experiment."),
    "tag": Entry("gitml.cli.annotate:tag", "Add tags to an experiment."),
    "hide": Entry("gitml.cli.annotate:hide", "Leave an experiment out of tables."),
    "push": Entry("gitml.cli.share:push", "Send studies and their artifacts to the team."),
    "pull": Entry("gitml.cli.share:pull", "Fetch studies and their artifacts from the team."),
    "recover": Entry("gitml.cli.recover:command", "Record runs whose recording was interrupted."),
}

COMMANDS = {
    "init": Entry("gitml.cli.init:command", "Make a project, or set up an existing one."),
    "exp": Entry("gitml.cli.main:experiments", "Run, find and compare experiments."),
    "report": Entry(
        "gitml.cli.report:command", "Write a report of many experiments: one HTML file."
    ),
    "check": Entry("gitml.cli.check:command", "Would running this repeat a recorded experiment?"),
    "fsck": Entry("gitml.cli.fsck:command", "Check every experiment, pointer and object."),
    "gc": Entry("gitml.cli.gc:command", "Free storage of what experiments no longer need."),
    "doctor": Entry("gitml.cli.doctor:command", "Say what is wrong here, and how to mend it."),
}


class Standing:
    """What the global options say; filled in while they are parsed.

    Attributes:
        folder: What `-C` says; empty for the current folder.
        debug: Whether errors come with their tracebacks.
    """

    __slots__ = ("debug", "folder")

    def __init__(self) -> None:
        self.folder = ""
        self.debug = False

    @property
    def start(self) -> Path:
        """The folder that the command works in, absolute."""
        return Path.cwd() / self.folder


def _show_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"gitml {version('gitml')}")
    except PackageNotFoundError:
        click.echo("gitml (not installed)")
    ctx.exit()


def _enter(ctx: click.Context, _parameter: click.Parameter, folder: str) -> str:
    if folder and not ctx.resilient_parsing and not Path(folder).is_dir():
        raise click.BadParameter(f"{folder} is not a folder.", ctx)
    return folder


@click.group(
    name="gitml",
    cls=LazyGroup,
    entries=COMMANDS,
    groups=("exp",),
    context_settings={"max_content_width": 100},
)
@click.option("-C", "folder", metavar="DIR", default="", callback=_enter, help="Work in DIR.")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version.",
)
@click.pass_obj
def root(standing: Standing, folder: str, debug: bool) -> None:
    """Git is the experiment tracker: every training run becomes one commit.

    \b
    Examples:
      gitml init
      gitml exp run -- python train.py --lr 0.1
      gitml exp list --sort -metrics.accuracy
      gitml exp diff
    """  # noqa: D301
    standing.folder, standing.debug = folder, debug


@click.group(name="exp", cls=LazyGroup, entries=EXPERIMENTS)
def experiments() -> None:
    """Run, find and compare experiments.

    EXP is an experiment's name, any Git revision of it, `latest`, `best`, `STUDY:latest` or
    `STUDY:best`.

    \b
    Examples:
      gitml exp run -S optimizer.lr=0.1
      gitml exp show latest
    """  # noqa: D301


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        argv: The words after `gitml`; those of the process when None.
    """
    standing = Standing()
    words = list(sys.argv[1:] if argv is None else argv)

    def work() -> int:
        if "_GITML_COMPLETE" in os.environ:
            root.main(words, prog_name="gitml", obj=standing)
        with root.make_context("gitml", words, obj=standing) as ctx:
            status = root.invoke(ctx)
        return status if isinstance(status, int) else 0

    return guard(work, debug=lambda: standing.debug, start=lambda: standing.start)


def enter() -> NoReturn:
    """Run the command line as a program of its own, and leave.

    Everything is written and closed by now; taking the interpreter apart, module by module, would
    only take as long as a short command itself.
    """
    status = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # nobody reads it any more
            continue
    os._exit(status)


if __name__ == "__main__":
    enter()
