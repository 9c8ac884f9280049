"""`gitml check`."""

from __future__ import annotations

from typing import Literal

import click

from gitml.cli import output
from gitml.cli.lazy import ExampleCommand
from gitml.cli.main import Standing


@click.command(
    name="check",
    cls=ExampleCommand,
    context_settings={"allow_interspersed_args": False},
    examples=(
        "gitml check",
        "gitml check -S optimizer.lr=0.1",
        "gitml check --explain -S optimizer.lr=0.1",
        "gitml check --level replicate -- python train.py --seed 2",
        "gitml check --on-duplicate skip --github",
        "gitml check --since origin/main --require-lock",
    ),
)
@click.option(
    "-S", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a setting; +KEY adds one."
)
@click.option(
    "--level",
    metavar="L",
    default="equivalent",
    show_default=True,
    help="The loosest sameness that blocks: identical, equivalent, replicate, re-environment "
    "or near.",
)
@click.option(
    "--since",
    metavar="REV",
    help="Check that every experiment that was added since REV is new, complete and sound.",
)
@click.option(
    "--unpushed",
    is_flag=True,
    help="As --since, about every experiment that no remote is known to have.",
)
@click.option("--study", metavar="S", default="", help="The study to look at.")
@click.option(
    "--explain", is_flag=True, help="Name the nearest experiments, and every input that differs."
)
@click.option(
    "--on-duplicate",
    type=click.Choice(["block", "skip"]),
    default="block",
    show_default=True,
    help="What a repeat does: block ends with status 1, skip with 0 and names what is recorded.",
)
@click.option(
    "--strict-lock",
    is_flag=True,
    help="Block also where the libraries differ from the project's lock.",
)
@click.option(
    "--require-lock",
    is_flag=True,
    help="With --since: every library must be pinned to a source with a hash.",
)
@click.option(
    "--allow-unpushed",
    is_flag=True,
    help="With --since: accept artifacts that only this machine has.",
)
@click.option("--remote", metavar="NAME", default="", help="Git remote that has the experiments.")
@click.option(
    "--fetch/--no-fetch",
    "fetch",
    default=None,
    help="Fetch the recorded experiments; by default in a clone that has only some of them.",
)
@click.option("--json", "form", flag_value="json", help="Print the answer as JSON.")
@click.option("--md", "form", flag_value="md", help="Print Markdown for a pull request's comment.")
@click.option(
    "--github", "form", flag_value="github", help="Print annotations and set outputs for GitHub."
)
@click.option(
    "--dotenv", metavar="FILE", default="", help="Also write GITML_… variables to FILE (GitLab)."
)
@click.argument("words", metavar="[--] [CMD]...", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(
    standing: Standing,
    overrides: tuple[str, ...],
    level: str,
    since: str | None,
    unpushed: bool,
    study: str,
    explain: bool,
    on_duplicate: Literal["block", "skip"],
    strict_lock: bool,
    require_lock: bool,
    allow_unpushed: bool,
    remote: str,
    fetch: bool | None,
    form: Literal["json", "md", "github"] | None,
    dotenv: str,
    words: tuple[str, ...],
) -> int:
    """Would running this repeat a recorded experiment?

    Nothing is run. The exit status is 1 when it would, 0 when it wouldn't, and 2 when that can't
    be told. With --since, the experiments that were added since a revision are checked instead.
    """
    from gitml.cli.check_reports import Reports, fetch_mode, refuse

    with Reports(github=form == "github", dotenv=dotenv, folder=standing.start) as reports:
        if since is not None or unpushed:
            if since is not None and unpushed:
                raise click.UsageError("--since and --unpushed are two questions: ask one.")
            given = {"-S": overrides, "A command": words, "--explain": explain}
            given["--strict-lock"] = strict_lock
            refuse(
                given, "is about a run that is planned, so it can't go with --since or --unpushed."
            )
            from gitml.operations.check_since import SinceRequest, check_since

            found = check_since(
                SinceRequest(
                    start=standing.start,
                    since=since or "",
                    unpushed=unpushed,
                    study=study,
                    level=level,
                    on_duplicate=on_duplicate,
                    require_lock=require_lock,
                    allow_unpushed=allow_unpushed,
                    remote=remote,
                    fetch=fetch_mode(fetch),
                ),
                output.note,
            )
            return reports.tell_since(found, form)
        given = {"--require-lock": require_lock, "--allow-unpushed": allow_unpushed}
        refuse(given, "is about experiments that are recorded, so it needs --since or --unpushed.")
        from gitml.operations.check import CheckRequest, check

        result = check(
            CheckRequest(
                start=standing.start,
                argv=words,
                overrides=overrides,
                level=level,
                study=study,
                on_duplicate=on_duplicate,
                champion=form in ("md", "github"),
                explain=explain,
                remote=remote,
                fetch=fetch_mode(fetch),
                strict_lock=strict_lock,
                report=reports.dotenv,
            ),
            output.note,
        )
        return reports.tell(result, form)
