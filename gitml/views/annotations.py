"""What CI systems read: GitHub's workflow commands and output files, GitLab's dotenv reports.

Names, metrics and messages may hold anything that somebody pushed. They can't end a line, close a
delimiter or start another command, and what scripts are likely to paste into a shell (the name of
an experiment, the metrics) holds nothing that a shell obeys.

Formats: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands and
https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gitml.values import Scalar, to_json
from gitml.views import sentences, values
from gitml.views.check import SAME, handle

if TYPE_CHECKING:
    from gitml.history.rows import Row
    from gitml.operations.check import CheckResult
    from gitml.operations.check_since import SinceResult
    from gitml.operations.soundness import Problem

Outputs = dict[str, str]

_MOST = 100
_LONGEST = 1_000
_NAMES = 8
# A dotenv report takes 5 kB in all.
_METRICS = 3_500


def error_command(message: str, hint: str = "") -> str:
    """Return the workflow command for a check that could not be made."""
    return _command("error", "gitml check", f"{message} {hint}".strip())


def check_commands(result: CheckResult) -> str:
    """Return the workflow commands of a plain check: one for the answer, one for each note."""
    lines = [_verdict(result)]
    lines += [_command("notice", "gitml check", note) for note in result.notes[:_MOST]]
    return "\n".join(lines)


def since_commands(result: SinceResult) -> str:
    """Return the workflow commands of `--since`: one for each problem, and one for the answer."""
    from gitml.views.check_since import headline

    found: list[tuple[str, Problem]] = [("", problem) for problem in result.problems]
    found += [
        (f"{handle(one.row)} ({values.commit(one.row.commit)}): ", problem)
        for one in result.experiments
        for problem in one.problems
    ]
    lines = [
        _command(problem.severity, f"gitml check: {problem.code}", f"{name}{problem.message}")
        for name, problem in found[:_MOST]
    ]
    if len(found) > _MOST:
        lines.append(_command("error", "gitml check", f"{len(found) - _MOST} more problems."))
    lines.append(_command("notice" if result.ok else "error", "gitml check", headline(result)))
    lines += [_command("notice", "gitml check", note) for note in result.notes[:_MOST]]
    return "\n".join(lines)


def check_outputs(result: CheckResult) -> Outputs:
    """Return what jobs after a plain check can ask for."""
    return {
        "result": result.outcome,
        "duplicate": _truth(result.duplicate),
        "level": result.level,
        **_about(result.nearest),
    }


def since_outputs(result: SinceResult) -> Outputs:
    """Return what jobs after `--since` can ask for; the experiment is the best of the added."""
    repeats = [
        problem.code == "duplicate" for one in result.experiments for problem in one.problems
    ]
    best = result.rivals.challenger if result.rivals is not None else None
    if best is None and result.experiments:
        best = result.experiments[-1].row
    levels = {one.row.commit: one.level for one in result.experiments}
    return {
        "result": "passed" if result.ok else "blocked",
        "duplicate": _truth(any(repeats)),
        "level": levels.get(best.commit, "") if best is not None else "",
        **_about(best),
        "experiments": str(len(result.experiments)),
        "unsound": str(sum(not one.ok for one in result.experiments)),
    }


def failed_outputs() -> Outputs:
    """Return what jobs after a check that could not be made can ask for."""
    return {"result": "error", "duplicate": "false", "level": "", **_about(None)}


def output_file(outputs: Mapping[str, str]) -> str:
    """Return the lines for GitHub's output file, each value between delimiters nobody can guess."""
    lines = []
    for name, value in outputs.items():
        end = f"gitml_{secrets.token_hex(16)}"
        lines += [f"{name}<<{end}", _one_line(value), end]
    return "".join(f"{line}\n" for line in lines)


def dotenv(outputs: Mapping[str, str]) -> str:
    """Return the lines of a dotenv report: `GITML_<NAME>=<value>`, never more than one a value."""
    return "".join(f"GITML_{name.upper()}={_one_line(value)}\n" for name, value in outputs.items())


def _about(row: Row | None) -> Outputs:
    if row is None:
        return {"experiment": "", "commit": "", "metrics": "{}"}
    return {
        "experiment": handle(row),
        "commit": row.commit,
        "metrics": _metrics(row.metrics, row.primary),
    }


def _metrics(found: Mapping[str, Scalar], primary: str) -> str:
    """Return metrics as JSON on one line, the primary one first, as many as there is room for.

    Whatever isn't a letter, a digit or harmless is escaped as JSON can.
    """
    parts: list[str] = []
    room = _METRICS
    for name in sorted(found, key=lambda one: one != primary):
        value = to_json(found[name])
        text = _quoted(value) if isinstance(value, str) else json.dumps(value)
        part = f"{_quoted(name)}:{text}"
        room -= len(part) + 1
        if room < 0:
            break
        parts.append(part)
    return "{" + ",".join(parts) + "}"


def _quoted(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    kept = (
        chr(c) if c < 128 and (chr(c).isalnum() or chr(c) in "._-/") else f"\\u{c:04x}"
        for c in codes
    )
    return '"' + "".join(kept) + '"'


def _verdict(result: CheckResult) -> str:
    row = result.nearest
    kind = "error" if result.blocked else "notice"
    title = f"gitml check: {result.outcome}"
    if row is None:
        return _command(kind, title, f"{result.level}: no recorded experiment is near.")
    verb = "recorded by" if result.level in SAME else "the nearest is"
    text = f"{result.level}: {verb} {handle(row)} ({sentences.who(row)})"
    scored = sentences.metrics(row.metrics, row.primary)
    text += f"; it scored {scored}" if scored else ""
    if result.differences:
        text += f"; differs in {sentences.differences(result.differences)}"
    if result.duplicate:
        text += f". Its files: gitml exp apply {handle(row)}"
    return _command(kind, title, text)


def _command(kind: str, title: str, message: str) -> str:
    """Return `::kind title=…::message` with what would end it or start another one escaped."""
    short = _one_line(message)
    short = short if len(short) <= _LONGEST else f"{short[: _LONGEST - 1]}…"
    head = _data(_one_line(title)).replace(":", "%3A").replace(",", "%2C")
    name = {"error": "error", "warning": "warning"}.get(kind, "notice")
    return f"::{name} title={head}::{_data(short)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _one_line(text: str) -> str:
    return values.escape(text)


def _truth(value: bool) -> str:
    return "true" if value else "false"
