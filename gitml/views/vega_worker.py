"""Draws Vega and Vega-Lite specifications as SVG: a program that gitml starts apart.

It is apart since a specification is a program in disguise, which may want to run for ever or to
take all memory; and it imports nothing of gitml. It reads a JSON list of `{"kind", "spec"}` on
standard input and writes one JSON object a line, `{"svg"}` or `{"error"}`, as soon as it has one.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from typing import Any

MEMORY = 1536 << 20
SECONDS = 60


def _limit() -> None:
    # V8 reserves much more address space than it uses, so only what it really takes is limited.
    import resource

    for what, most in (
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))


def _version(spec: str, known: list[str]) -> str | None:
    """Return the newest known Vega-Lite of the major version that a specification asks for."""
    asked = re.search(r"/vega-lite/v(\d+)", spec[:100_000])
    if asked is None:
        return None
    same = [name for name in known if name.lstrip("v").split(".")[0] == asked[1]]
    return max(
        same, key=lambda name: [int(part) for part in name.lstrip("v").split(".")], default=None
    )


def _draw(item: dict[str, str]) -> dict[str, str]:
    import vl_convert  # type: ignore[import-not-found, unused-ignore]

    offline: list[str] = []
    try:
        if item["kind"] == "vega":
            return {"svg": vl_convert.vega_to_svg(item["spec"], allowed_base_urls=offline)}
        version = _version(item["spec"], vl_convert.get_vegalite_versions())
        more: dict[str, Any] = {"vl_version": version} if version else {}
        return {"svg": vl_convert.vegalite_to_svg(item["spec"], allowed_base_urls=offline, **more)}
    except Exception as error:  # whatever the JavaScript of a specification throws
        return {"error": str(error)}


def main() -> None:
    """Answer every specification."""
    items = json.load(sys.stdin)
    _limit()
    # What a specification prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for item in items:
        answers.write(json.dumps(_draw(item)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
