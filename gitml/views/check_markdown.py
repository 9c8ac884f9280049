"""The answers of `gitml check` as Markdown that fits into a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gitml.views import values
from gitml.views.check import SAME, handle
from gitml.views.markdown import code, fenced, prose, table, within

if TYPE_CHECKING:
    from gitml.comparison.result import Metric
    from gitml.history.rows import Row
    from gitml.inputs.difference import Difference
    from gitml.operations.check import CheckResult
    from gitml.operations.check_champion import Rivals
    from gitml.operations.check_examine import Examined
    from gitml.operations.check_since import SinceResult

# By which a bot finds the comment that it wrote before.
MARK = "<!-- gitml check -->"

_METRICS = 30
_DIFFERENCES = 30
_EXPERIMENTS = 100
_PROBLEMS = 100
_NOTES = 10


def check(result: CheckResult) -> str:
    """Return the answer: what becomes of the job, the recorded metrics, and what differs."""
    blocks = [MARK, f"### gitml check: {result.outcome}", _sentence(result)]
    row = result.nearest
    if row is not None:
        against = _against(result.rivals)
        blocks += [against] if against else [_metrics(row)]
        blocks += _differences(result.differences)
        if result.duplicate or result.applied is not None:
            blocks += ["**Its files**", f"```sh\ngitml exp apply {handle(row)}\n```"]
    if result.explanation is not None:
        from gitml.views import explanation, sheet

        blocks.append("**Why**")
        blocks.append(fenced(sheet.text(explanation.sections(result.explanation), width=100)))
    return within([*blocks, *_notes(result.notes)])


def since(result: SinceResult) -> str:
    """Return the answer: every experiment that was added, what is wrong, and the champion."""
    word = "passed" if result.ok else "blocked"
    blocks = [MARK, f"### gitml check: {word}", prose(_count(result))]
    if result.experiments:
        rows = [_row(one) for one in result.experiments[:_EXPERIMENTS]]
        blocks.append(table(("experiment", "study", "inputs", "metrics", ""), rows))
        blocks += _more(len(result.experiments), _EXPERIMENTS, "experiments")
    blocks += _problems(result)
    blocks += [_against(result.rivals)] if result.rivals else []
    return within([*[block for block in blocks if block], *_notes(result.notes)])


def _sentence(result: CheckResult) -> str:
    level = code(result.level)
    if result.nearest is None:
        return f"{level}: no recorded experiment is near."
    row = result.nearest
    who = f", {values.time(row.created)} by {code(row.author)}" if row.author else ""
    where = f"{code(row.experiment)} ({code(values.commit(row.commit))} on "
    where += f"{code(f'exp/{row.study}')}{who})"
    if result.applied is not None:
        said = "The work tree is that of" if result.level in SAME else "The work tree came from"
        return f"{level}: {said} {where}, and this is what it scored."
    if result.level in SAME:
        return f"{level}: these inputs were recorded before as {where}."
    return f"{level}: the nearest recorded experiment is {where}."


def _metrics(row: Row) -> str:
    names = sorted(row.metrics, key=lambda name: name != row.primary)[:_METRICS]
    if not names:
        return ""
    rows = [(code(name), _value(row.metrics[name])) for name in names]
    return table(("metric", code(row.experiment)), rows)


def _against(rivals: Rivals | None) -> str:
    """Return the metrics beside the champion's, empty where there is nothing to compare."""
    if rivals is None or rivals.champion is None or rivals.comparison is None:
        return ""
    comparison = rivals.comparison
    champion, challenger = code(rivals.champion.experiment), code(rivals.challenger.experiment)
    head = f"**Against the champion of {code(f'exp/{rivals.study}')}**: {champion} is the best of "
    head += f"the others by {code(rivals.metric)} ({rivals.goal})."
    if not comparison.comparable:
        head += " Their metrics were not measured on the same data, so there is no verdict."
    shown = comparison.metrics[:_METRICS]
    rows = [_metric(metric, comparison.comparable) for metric in shown]
    titles = ("metric", champion, challenger, "change", "")
    return f"{head}\n\n{table(titles, rows)}" if rows else head


def _metric(metric: Metric, comparable: bool) -> tuple[str, ...]:
    known = [
        values.MISSING if gone else _value(value)
        for value, gone in zip(metric.values, metric.missing, strict=True)
    ]
    step = values.change(*metric.values) if metric.change is not None else ""
    word = {True: "▲ better", False: "▼ worse", None: ""}[metric.better if comparable else None]
    name = code(metric.name)
    return (f"**{name}**" if metric.primary else name, *known, step, word)


def _differences(found: Sequence[Difference]) -> list[str]:
    if not found:
        return []
    ordered = sorted(found, key=lambda item: not item.counts)
    rows = [
        (
            code(item.input),
            code(item.name),
            _value(item.recorded),
            _value(item.planned),
            "" if item.counts else "doesn't count",
        )
        for item in ordered[:_DIFFERENCES]
    ]
    titles = ("input", "name", "recorded", "planned", "")
    return [
        "**What differs**",
        table(titles, rows),
        *_more(len(ordered), _DIFFERENCES, "differences"),
    ]


def _row(one: Examined) -> tuple[str, ...]:
    errors = sum(problem.severity == "error" for problem in one.problems)
    warnings = len(one.problems) - errors
    said = [values.plural(errors, "error")] if errors else []
    said += [values.plural(warnings, "warning")] if warnings else []
    row = one.row
    primary = row.primary if row.primary in row.metrics else next(iter(row.metrics), "")
    scored = f"{code(primary)} {_value(row.metrics[primary])}" if primary else ""
    near = f" {code(one.nearest.experiment)}" if one.nearest is not None else ""
    return (
        f"{code(row.experiment)} {code(values.commit(row.commit))}",
        code(row.study),
        f"{one.level}{near}",
        scored,
        ", ".join(said) or "ok",
    )


def _problems(result: SinceResult) -> list[str]:
    found = [
        (one.row.experiment, problem) for one in result.experiments for problem in one.problems
    ]
    found = [("", problem) for problem in result.problems] + found
    if not found:
        return []
    found.sort(key=lambda pair: pair[1].severity != "error")
    rows = [
        (code(name), f"{problem.severity}: {problem.code}", prose(problem.message))
        for name, problem in found[:_PROBLEMS]
    ]
    titles = ("experiment", "", "what")
    return ["**What is wrong**", table(titles, rows), *_more(len(found), _PROBLEMS, "problems")]


def _count(result: SinceResult) -> str:
    from gitml.views.check_since import headline

    return headline(result)


def _notes(notes: Iterable[str]) -> list[str]:
    listed = list(notes)
    lines = [f"- {prose(note)}" for note in listed[:_NOTES]]
    return ["\n".join(lines), *_more(len(listed), _NOTES, "notes")] if lines else []


def _more(count: int, shown: int, what: str) -> list[str]:
    return [f"… and {count - shown} more {what} (`--json` has all)."] if count > shown else []


def _value(value: object) -> str:
    """Return a value: numbers as they are, any text as code."""
    if value is None:
        return values.MISSING
    if isinstance(value, bool | int | float):
        return values.scalar(value)
    return code(str(value))
