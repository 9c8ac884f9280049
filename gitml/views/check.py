"""The answer of `gitml check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitml.experiment.names import is_name
from gitml.views import sentences, values
from gitml.views.values import Tone, paint

if TYPE_CHECKING:
    from gitml.history.rows import Row
    from gitml.operations.check import CheckResult

SAME = ("identical", "equivalent")

_SHOWN = 12
_TONES: dict[str, Tone] = {"blocked": "bad", "skipped": "strong"}


def render(result: CheckResult, *, width: int = 0, colour: bool = False) -> str:
    """Return the answer: passed or blocked, the nearest experiment, and what differs from it."""
    if result.explanation is None:
        return _answer(result, colour=colour)
    from gitml.views import explanation, sheet

    more = sheet.text(explanation.sections(result.explanation), width=width, colour=colour)
    return f"{_answer(result, colour=colour)}\n\n{more}".rstrip()


def _answer(result: CheckResult, *, colour: bool) -> str:
    word = paint(result.outcome, _TONES.get(result.outcome, ""), colour=colour)
    lock = ("lock", values.escape(result.drift))
    if result.nearest is None:
        said = f"{word}: {result.level}, no recorded experiment is near"
        return "\n".join([said, *sentences.labelled([lock])])
    row = result.nearest
    name = values.escape(row.experiment)
    verb = f"recorded by {name}" if result.level in SAME else f"nearest is {name}"
    lines = [f"{word}: {result.level}, {verb} ({sentences.who(row)})"]
    pairs = [("metrics", sentences.metrics(row.metrics, row.primary))]
    explained = result.explanation is not None  # which says what differs, in full
    counting = sorted(result.differences, key=lambda item: not item.counts)
    counting = [] if explained else counting
    for number, item in enumerate(counting[:_SHOWN]):
        note = "" if item.counts else " (doesn't count)"
        pairs.append(("" if number else "differs", sentences.differences([item]) + note))
    if len(counting) > _SHOWN:
        pairs.append(("", f"… and {len(counting) - _SHOWN} more (--json has all)"))
    if not counting and not explained:
        pairs.append(("differs", "in nothing"))
    if result.applied is not None:
        pairs.append(("tree", "brought from it by gitml exp apply"))
    if result.duplicate or (result.blocked and not result.drift):
        pairs.append(("files", f"gitml exp apply {name}"))
    if result.blocked and not result.drift:
        pairs.append(("anyway", "gitml exp run --force …"))
    return "\n".join([*lines, *sentences.labelled([*pairs, lock])])


def handle(row: Row) -> str:
    """Return what names an experiment for other programs: its name, or its commit if that is odd.

    Whatever somebody pushed, this holds letters, digits, `.`, `_` and `-` only.
    """
    return row.experiment if is_name(row.experiment) else row.commit
