"""The answer of `gitml check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitml.views import sentences, values
from gitml.views.values import paint

if TYPE_CHECKING:
    from gitml.operations.check import CheckResult

_SHOWN = 12


def render(result: CheckResult, *, colour: bool = False) -> str:
    """Return the answer: passed or blocked, the nearest experiment, and what differs from it."""
    word = paint("blocked", "bad", colour=colour) if result.blocked else "passed"
    if result.nearest is None:
        return f"{word}: {result.level}, no recorded experiment is near"
    row = result.nearest
    name = values.escape(row.experiment)
    same = result.level in ("identical", "equivalent")
    verb = f"recorded by {name}" if same else f"nearest is {name}"
    lines = [f"{word}: {result.level}, {verb} ({sentences.who(row)})"]
    pairs = [("metrics", sentences.metrics(row.metrics, row.primary))]
    counting = sorted(result.differences, key=lambda item: not item.counts)
    for number, item in enumerate(counting[:_SHOWN]):
        note = "" if item.counts else " (doesn't count)"
        pairs.append(("" if number else "differs", sentences.differences([item]) + note))
    if len(counting) > _SHOWN:
        pairs.append(("", f"… and {len(counting) - _SHOWN} more (--json has all)"))
    if not counting:
        pairs.append(("differs", "in nothing"))
    if result.blocked:
        pairs += [
            ("files", f"gitml exp apply {name}"),
            ("anyway", "gitml exp run --force …"),
        ]
    return "\n".join([*lines, *sentences.labelled(pairs)])
