"""`gitml gc`."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

from gitml.cli import output
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing
from gitml.cli.progress import Bars, progress

if TYPE_CHECKING:
    from gitml.operations.gc_values import Drop, Forecast, GcRequest

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_DURATION = re.compile(r"([0-9]{1,9})\s*([smhdw])", re.ASCII)


def _seconds(ctx: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    """Return the seconds of a stretch of time such as `30d`."""
    if text is None:
        return None
    found = _DURATION.fullmatch(text.strip())
    if found is None and text.strip() != "0":
        raise click.BadParameter(f"{text!r} is no stretch of time such as 30d, 12h or 2w.", ctx)
    return float(found[1]) * _SECONDS[found[2]] if found else 0.0


@click.command(
    name="gc",
    cls=ExampleCommand,
    examples=(
        "gitml gc",
        "gitml gc --keep-best 5 --older-than 30d --yes",
        "gitml gc sweep --drop checkpoints --keep-where 'metrics.accuracy > 0.95'",
        "gitml gc --remote store --drop unreferenced",
    ),
)
@click.argument("studies", metavar="[STUDY]...", nargs=-1)
@click.option(
    "--drop",
    metavar="WHAT",
    default="checkpoints,weights",
    show_default=True,
    help="What goes of experiments that aren't kept: weights, checkpoints, all (outputs), data; "
    "and unreferenced: what no commit names.",
)
@click.option(
    "--keep-best",
    metavar="K",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Keep the best K of each study by its primary metric; the champion always is kept, and "
    "all of a study whose best isn't known.",
)
@click.option(
    "--keep-last",
    metavar="N",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Keep the newest N of each study.",
)
@click.option(
    "--keep-tagged/--no-keep-tagged", default=True, help="Keep those with a tag or a note."
)
@click.option("--keep-where", metavar="EXPR", default="", help="Keep those that match.")
@click.option(
    "--older-than", metavar="AGE", callback=_seconds, help="Keep younger ones: 30d, 12h, 2w."
)
@click.option(
    "--also-unpushed", is_flag=True, help="Also remove what no DVC remote has; it is named first."
)
@click.option(
    "--shared-cache", is_flag=True, help="Clean a cache that other projects or people may use."
)
@click.option(
    "--remote", metavar="NAME", default="", help="Clean this DVC remote instead of the cache."
)
@click.option(
    "--also-published",
    is_flag=True,
    help="With --remote: also remove what experiments need that others have.",
)
@click.option("--deep", is_flag=True, help="Read the remote's copies again before relying on them.")
@click.option(
    "--min-age",
    metavar="AGE",
    callback=_seconds,
    help="Leave what was stored less than this ago.  [default: 1h; 1d with --remote]",
)
@click.option("--yes", is_flag=True, help="Remove without asking.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print the forecast and what was done.")
@click.pass_obj
def command(
    standing: Standing,
    studies: tuple[str, ...],
    drop: str,
    keep_best: int,
    keep_last: int,
    keep_tagged: bool,
    keep_where: str,
    older_than: float | None,
    also_unpushed: bool,
    shared_cache: bool,
    remote: str,
    also_published: bool,
    deep: bool,
    min_age: float | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Free storage of what experiments no longer need.

    Champions, the best and the newest of each study, what tags, branches, stashes and work trees
    need, and runs that aren't recorded yet are kept. Of the others weights and checkpoints go
    that the DVC remote has. No commit is removed. First comes a forecast; nothing is removed
    without --yes or an answer at the terminal.
    """
    from gitml.operations.gc_values import HOUR, GcRequest

    if also_published and not remote:
        raise click.UsageError("--also-published is about a remote: name it with --remote.")
    if yes and dry_run:
        raise click.UsageError("--yes and --dry-run contradict each other.")
    request = GcRequest(
        start=standing.start,
        studies=tuple(study.removeprefix("exp/") for study in studies),
        keep_best=keep_best,
        keep_last=keep_last,
        keep_tagged=keep_tagged,
        keep_where=keep_where,
        older_than=older_than or 0.0,
        drop=_drops(drop),
        also_unpushed=also_unpushed,
        also_published=also_published,
        shared_cache=shared_cache,
        remote=remote,
        min_age=min_age if min_age is not None else HOUR * (24 if remote else 1),
        deep=deep,
    )
    return _carry_out(request, yes=yes, dry_run=dry_run, as_json=as_json)


def _carry_out(request: GcRequest, *, yes: bool, dry_run: bool, as_json: bool) -> int:
    from gitml.operations.gc import collect, forecast
    from gitml.views import gc as view

    with Bars() as bars:
        found = forecast(request, output.note, bars.open)
    if not as_json:
        output.emit(view.render(found, width=output.width(), colour=output.colour()))
    output.notes(found.notes)
    done = None
    if not dry_run and found.objects and _agreed(found, yes=yes, as_json=as_json):
        with progress("removing") as report:
            done = collect(request, found, report)
    if as_json:
        output.emit_json(view.document(found, done))
    elif done is not None:
        output.emit(f"\n{view.collected(done, found)}")
    elif found.objects:
        output.note("Nothing was removed." if dry_run else "Nothing was removed; --yes does it.")
    return 0


def _agreed(found: Forecast, *, yes: bool, as_json: bool) -> bool:
    if yes:
        return True
    if as_json or not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm("Remove it?", default=False, err=True)


def _drops(text: str) -> tuple[Drop, ...]:
    from gitml.operations.gc_values import DROPS

    known = {str(name): name for name in DROPS}
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"{name!r} can't be dropped; there are {', '.join(known)}.", param_hint="--drop"
            )
    return tuple(dict.fromkeys(known[name] for name in names))
