"""Vega and Vega-Lite as SVG, drawn by a process of its own with bounded time and memory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gitml.views.rendering import INSTALL, MAX_BYTES

SECONDS = 30
_WORKER = Path(__file__).with_name("vega_worker.py")
_LONGEST = 160
_TRACE = re.compile(r" at (?:\S+ \()?(?:ext|https?|file|<anonymous>):?")

Drawn = tuple[bytes, str]


def draw(items: Sequence[tuple[str, str]]) -> list[Drawn]:
    """Return (SVG, why there is none) for each (kind, specification).

    A specification that takes too long or too much memory ends its process; those behind it are
    drawn by the next one.
    """
    if not items:
        return []
    from importlib.util import find_spec

    if find_spec("vl_convert") is None:
        return [(b"", f"{INSTALL}.")] * len(items)
    found: list[Drawn] = []
    while len(found) < len(items):
        answers = list(_ask(items[len(found) :]))
        found += answers
        if len(found) < len(items):
            found.append((b"", "Drawing it took too long or too much memory."))
    return found


def _ask(items: Sequence[tuple[str, str]]) -> Iterator[Drawn]:
    """Yield the answers of one process, as many as it gives."""
    request = json.dumps([{"kind": kind, "spec": spec} for kind, spec in items]).encode()
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(_WORKER)],
            input=request,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
        output = done.stdout
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
    except OSError:
        return
    for line in output.split(b"\n")[:-1]:
        yield _answer(json.loads(line))


def _answer(answer: dict[str, Any]) -> Drawn:
    svg = str(answer.get("svg", "")).encode("utf-8", "replace")
    if len(svg) > MAX_BYTES:
        return b"", "Its drawing is too large for a page."
    if svg:
        return svg, ""
    reason = " ".join(str(answer.get("error", "")).replace("Error:", "").split())
    reason = reason.partition(" conversion failed: ")[2] or reason
    reason = _TRACE.split(reason, maxsplit=1)[0]  # where in somebody's JavaScript helps nobody
    return b"", f"It can't be drawn: {reason[:_LONGEST].rstrip('.')}."
