"""The answer of `gitml check --since`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitml.views import sentences, values
from gitml.views import table as tables
from gitml.views.table import FIXED, Cell, Column, Table
from gitml.views.values import paint

if TYPE_CHECKING:
    from gitml.operations.check_champion import Rivals
    from gitml.operations.check_examine import Examined
    from gitml.operations.check_since import SinceResult
    from gitml.operations.soundness import Problem

_SHOWN = 200


def headline(result: SinceResult) -> str:
    """Return how many experiments were added, and how many of them are sound."""
    count, bad = len(result.experiments), sum(not one.ok for one in result.experiments)
    since = f"since {values.escape(result.since[:80])}" if result.since else "that no remote has"
    if not count:
        text = f"no experiment was added {since}" if result.since else f"no experiment {since}"
    elif bad:
        text = f"{bad:,} of {values.plural(count, 'experiment')} {since} can't be accepted"
    else:
        verb = "is" if count == 1 else "are"
        text = f"{values.plural(count, 'experiment')} {since} {verb} new, complete and sound"
    if result.problems:
        text += f", and {values.plural(len(result.problems), 'problem')} with branches"
    return text


def render(result: SinceResult, *, width: int = 0, colour: bool = False) -> str:
    """Return the answer: a line for each experiment, what is wrong, and the champion."""
    word = "passed" if result.ok else paint("blocked", "bad", colour=colour)
    blocks = [f"{word}: {headline(result)}"]
    if result.experiments:
        shown = result.experiments[:_SHOWN]
        table = Table(_COLUMNS, tuple(_row(one) for one in shown))
        blocks.append(tables.text(table, width=width, colour=colour).text)
        more = len(result.experiments) - len(shown)
        blocks += [f"… and {more} more (--json has all)"] if more else []
    problems = [_problem(problem, "", colour=colour) for problem in result.problems]
    problems += [
        _problem(problem, one.row.experiment, colour=colour)
        for one in result.experiments
        for problem in one.problems
    ]
    blocks.append("\n".join(problems))
    blocks.append(_champion(result.rivals) if result.rivals else "")
    return tables.joined(blocks)


_COLUMNS = (
    Column("experiment", keep=FIXED),
    Column("commit", keep=70),
    Column("study", keep=60),
    Column("inputs", keep=90),
    Column("nearest", keep=50),
    Column("metrics", keep=80),
    Column("", keep=FIXED),
)


def _row(one: Examined) -> tuple[Cell | str, ...]:
    row = one.row
    errors = sum(problem.severity == "error" for problem in one.problems)
    warnings = len(one.problems) - errors
    said = [values.plural(errors, "error")] if errors else ["ok"]
    said += [values.plural(warnings, "warning")] if warnings else []
    primary = row.primary if row.primary in row.metrics else next(iter(row.metrics), "")
    scored = {primary: row.metrics[primary]} if primary else {}
    return (
        row.experiment,
        Cell(values.commit(row.commit), row.commit),
        row.study,
        one.level or values.MISSING,
        one.nearest.experiment if one.nearest is not None else values.MISSING,
        Cell(sentences.metrics(scored)),
        Cell(", ".join(said), None, "bad" if errors else "good"),
    )


def _problem(problem: Problem, name: str, *, colour: bool) -> str:
    bad = problem.severity == "error"
    word = paint(problem.severity, "bad" if bad else "strong", colour=colour)
    about = f"{values.escape(name)}: " if name else ""
    return f"{word} ({problem.code}): {about}{values.escape(problem.message)}"


def _champion(rivals: Rivals) -> str:
    """Return the primary metric of the best added experiment beside the champion's."""
    best = values.escape(rivals.challenger.experiment)
    metric = values.escape(rivals.metric)
    scored = values.scalar(rivals.challenger.metrics.get(rivals.metric))
    study = f"exp/{values.escape(rivals.study)}"
    if rivals.champion is None:
        return f"{best} is the best of {study}: {metric} {scored}."
    other = values.escape(rivals.champion.experiment)
    before = values.scalar(rivals.champion.metrics.get(rivals.metric))
    comparison = rivals.comparison
    if comparison is not None and not comparison.comparable:
        return (
            f"{best} has {metric} {scored}, and the champion of {study}, {other}, {before}; "
            "they were not measured on the same data."
        )
    rows = comparison.metrics if comparison is not None else ()
    better = next((row.better for row in rows if row.primary), None)
    word = {True: "is better than", False: "is worse than", None: "is as good as"}[better]
    return f"{best} {word} {other}, the champion of {study}: {metric} {scored} after {before}."
