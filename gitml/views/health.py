"""The findings of `gitml doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.views import values
from gitml.views.values import Tone, paint

if TYPE_CHECKING:
    from gitml.operations.health import Finding

_TONES: dict[str, Tone] = {"ok": "dim", "note": "", "warning": "strong", "error": "bad"}
_LEVEL = 9
_TOPIC = 18


def render(findings: Sequence[Finding], *, colour: bool = False) -> str:
    """Return one line a finding, one more where there is something to do, and the verdict."""
    lines = []
    for finding in findings:
        level = paint(finding.level, _TONES[finding.level], colour=colour)
        level += " " * (_LEVEL - len(finding.level))
        what = _one_line(finding.what)
        lines.append(f"{level}{finding.topic:<{_TOPIC}}{what}")
        if finding.mend:
            lines.append(f"{'':<{_LEVEL + _TOPIC}}→ {_one_line(finding.mend)}")
    counts = {level: sum(f.level == level for f in findings) for level in ("error", "warning")}
    said = [values.plural(count, level) for level, count in counts.items() if count]
    return "\n".join([*lines, "", ", ".join(said) if said else "Nothing is wrong."])


def _one_line(text: str) -> str:
    return values.escape(" ".join(part.strip() for part in text.splitlines()))
