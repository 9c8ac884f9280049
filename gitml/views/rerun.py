"""What came of `gitml exp rerun`, in a few lines, and attestations as `exp show` lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitml.views import sentences, values
from gitml.views.values import paint

if TYPE_CHECKING:
    from gitml.comparison.reproduction import Reproduction, Step
    from gitml.history.attestations import Attestation
    from gitml.operations.rerun_request import RerunResult

_SHOWN = 6
_TAIL_LINES = 10
_HEADINGS = (
    ("inputs", "input"),
    ("machine", "environment"),
    ("metrics", "metric"),
    ("weights", "weights"),
    ("outputs", "output"),
)


def summary(result: RerunResult, *, colour: bool = False) -> str:
    """Return the lines for standard output.

    Args:
        result: What came of the rerun.
        colour: Whether colours are wanted.
    """
    name = paint(values.escape(result.recorded.name), "strong", colour=colour)
    if result.status == "planned":
        return _planned(result)
    if result.status == "interrupted" or result.reproduction is None:
        took = values.duration(result.seconds)
        return f"The rerun of {name} was interrupted after {took}; no verdict."
    found = result.reproduction
    verdict = paint(found.verdict, "bad" if _failed(found) else "good", colour=colour)
    lines = [f"{name}: {verdict}"]
    took, before = values.duration(result.seconds), values.duration(result.recorded.seconds)
    several = found.failure or len(found.steps) > 1
    pairs = [("first", values.escape(found.first) if _failed(found) and several else "")]
    pairs += [(label, _steps(found, kind)) for label, kind in _HEADINGS]
    pairs += [
        ("same", _same(found)),
        ("python", _python(result)),
        ("took", f"{took}, and {before} then"),
        ("attested", _attested(result)),
        ("kept", values.escape(result.kept)),
    ]
    return "\n".join([*lines, *sentences.labelled(pairs)])


def failure(result: RerunResult) -> str:
    """Return what standard error says about a command that failed: the end of its log."""
    tail = [values.escape(line) for line in result.tail.splitlines()][-_TAIL_LINES:]
    return "\n".join(["Last lines of its output:", *(f"  {line}" for line in tail)]) if tail else ""


def document(result: RerunResult) -> dict[str, Any]:
    """Return the document of `exp rerun --json`; what doesn't exist is null."""
    from gitml.views.documents import plain

    found = result.reproduction
    chosen = result.chosen
    return {
        "experiment": result.recorded.name,
        "commit": result.row.commit,
        "study": result.row.study,
        "status": result.status,
        "verdict": found.verdict if found else None,
        "tolerance": found.tolerance if found else None,
        "first": found.first if found else None,
        "differences": plain(found.steps) if found else [],
        "compared": {
            "weights": found.weights if found else 0,
            "metrics": found.metrics if found else 0,
            "outputs": found.outputs if found else 0,
        },
        "environment": {
            "kind": chosen.kind,
            "python": str(chosen.python) if chosen.python else None,
            "build": chosen.build or None,
            "differences": [
                {"name": item.name, "recorded": item.recorded, "installed": item.planned}
                for item in chosen.differing
            ],
        },
        "data": {
            "stored": sorted(result.supply.stored),
            "beside": sorted({*result.supply.beside, *result.supply.linked}),
            "fetch": len(result.supply.fetched),
            "missing": dict(result.supply.missing),
        },
        "seconds": result.seconds,
        "exit_status": result.exit_status,
        "event": result.event or None,
        "kept": result.kept or None,
        "hints": list(result.hints),
        "notes": list(result.notes),
    }


def attested(found: Sequence[Attestation]) -> list[str]:
    """Return one line for each attestation: verdict, when, who and where."""
    lines = []
    for item in found:
        said = item.statement
        where = " ".join(
            part
            for part in (
                f"with Python {values.escape(said.python)}" if said.python else "",
                f"on {values.escape(said.host)}" if said.host else "",
            )
            if part
        )
        first = f" ({values.escape(said.first)})" if said.first and not said.reproduced else ""
        when, who = values.age_of(item.committed), values.escape(item.author)
        lines.append(f"{when}, {who}: rerun {where}: {said.verdict}{first}")
    return lines


def _failed(found: Reproduction) -> bool:
    return found.verdict == "not reproduced"


def _steps(found: Reproduction, kind: str) -> str:
    texts = [_text(step) for step in found.steps if step.kind == kind]
    more = len(texts) - _SHOWN
    said = ", ".join(texts[:_SHOWN])
    return f"{said} and {more} more" if more > 0 else said


def _text(step: Step) -> str:
    text = values.escape(step.text)
    if step.kind == "metric" and not step.decides and not step.exact:
        return f"{text} (doesn't decide)"
    if step.kind == "metric" and not step.decides:
        return f"{text} (within the tolerance)"
    return text


def _same(found: Reproduction) -> str:
    """Say how much was compared and is the same."""
    if found.failure:
        return ""
    said = []
    for count, kind, noun in (
        (found.weights, "weights", "weights"),
        (found.metrics, "metric", "metrics"),
        (found.outputs, "output", "other outputs"),
    ):
        deciding = [
            step for step in found.steps if step.kind == kind and (step.exact or kind != "metric")
        ]
        same = count - len(deciding)
        if count:
            said.append(f"{max(same, 0)} of {count} {noun}")
    return ", ".join(said)


def _python(result: RerunResult) -> str:
    chosen = result.chosen
    if chosen.python is None:
        return ""
    place = values.escape(str(chosen.python))
    if chosen.kind == "locked":
        return f"{place} (built from the lock file)"
    if chosen.differing:
        return f"{place} (differs from the experiment's)"
    return f"{place} (has what was imported)"


def _attested(result: RerunResult) -> str:
    if not result.event:
        return ""
    return f"{values.commit(result.event)} on exp/{values.escape(result.row.study)}"


def _planned(result: RerunResult) -> str:
    chosen, supply = result.chosen, result.supply
    python = _python(result)
    if chosen.build:
        python = f"an environment of {values.plural(chosen.packages, 'package')} "
        python += f"built in {values.escape(chosen.build)}"
    name = values.escape(result.recorded.name)
    data = values.listing([*supply.stored, *supply.beside, *supply.linked], 5)
    fetch = values.plural(len(supply.fetched), "object") if supply.fetched else ""
    missing = [f"{path} {why}" for path, why in supply.missing.items()]
    lines = [f"It would run {name} again, and compare."]
    return "\n".join(
        [
            *lines,
            *sentences.labelled(
                [
                    ("command", values.command(result.recorded.argv)),
                    ("python", python),
                    (
                        "differs",
                        sentences.differences(chosen.differing) if chosen.differing else "",
                    ),
                    ("data", data),
                    ("fetch", fetch),
                    ("missing", values.listing(missing, 5)),
                ]
            ),
        ]
    )
