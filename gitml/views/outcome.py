"""What came of `gitml exp run`, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitml.views import sentences, values
from gitml.views.values import paint

if TYPE_CHECKING:
    from gitml.operations.run import RunResult

_TAIL_LINES = 10
_SAME = ("identical", "equivalent")


def summary(result: RunResult, *, refused: bool = False, colour: bool = False) -> str:
    """Return the lines for standard output.

    Args:
        result: What came of the run.
        refused: It was recorded before, and `--on-duplicate fail` was asked for.
        colour: Whether colours are wanted.
    """
    if refused or result.reused:
        return _recorded_before(result, refused=refused, colour=colour)
    if result.status == "planned":
        return _planned(result)
    name = paint(values.escape(result.experiment), "strong", colour=colour)
    if result.status == "interrupted":
        return f"{name} was interrupted after {values.duration(result.seconds)}; nothing recorded."
    if not result.commit:
        return f"{name} failed after {values.duration(result.seconds)}; nothing recorded."
    where = f"{values.commit(result.commit)} on exp/{values.escape(result.study)}"
    took = values.duration(result.seconds)
    lines = [f"{name} {result.status} in {took}, recorded as {where}"]
    primary = result.record.primary if result.record else ""
    lines += sentences.labelled(
        [
            ("metrics", sentences.metrics(result.metrics, primary)),
            ("artifacts", _artifacts(result)),
            ("inputs", _inputs(result)),
        ]
    )
    return "\n".join(lines)


def failure(result: RunResult) -> str:
    """Return what standard error says about a command that failed: status and end of its log."""
    status = result.exit_status
    said = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    lines = [f"The command {said}."]
    tail = [values.escape(line) for line in result.tail.splitlines()][-_TAIL_LINES:]
    if tail:
        lines += ["Last lines of its output:", *(f"  {line}" for line in tail)]
    if not result.commit:
        lines.append("A failed experiment is recorded only with --keep-failed.")
    return "\n".join(lines)


def _recorded_before(result: RunResult, *, refused: bool, colour: bool) -> str:
    name = paint(values.escape(result.experiment), "strong", colour=colour)
    row = result.nearest
    where = sentences.who(row) if row is not None else values.commit(result.commit)
    said = f"{name} ({where}) recorded these inputs before; nothing was run"
    lines = [f"{said} (--on-duplicate fail)." if refused else f"Reused: {said}."]
    primary = result.record.primary if result.record else ""
    lines += sentences.labelled(
        [
            ("metrics", sentences.metrics(result.metrics, primary)),
            ("inputs", _inputs(result)),
            ("files", f"gitml exp apply {values.escape(result.experiment)}"),
            ("anyway", "gitml exp run --force …"),
        ]
    )
    return "\n".join(lines)


def _planned(result: RunResult) -> str:
    lines = [f"It would run, and be recorded on exp/{values.escape(result.study)}."]
    return "\n".join([*lines, *sentences.labelled([("inputs", _inputs(result))])])


def _inputs(result: RunResult) -> str:
    """Say how the inputs relate to the nearest recorded experiment."""
    text = sentences.differences(result.differences) if result.differences else ""
    if result.level in _SAME:
        return f"{result.level}: {text}" if text else result.level
    if result.nearest is None:
        return result.level
    nearest = values.escape(result.nearest.experiment)
    said = f"{result.level}: nearest is {nearest}"
    return f"{said} ({text})" if text else said


def _artifacts(result: RunResult) -> str:
    if result.record is None:
        return ""
    shown = [
        f"{artifact.path} ({values.size(artifact.size)})"
        for artifact in result.record.artifacts
        if artifact.role not in ("metrics", "history", "log")
    ]
    return values.listing(shown, 4)
