"""Names of things: friendly, and as hostile as a recorded experiment can make them."""

from __future__ import annotations

from collections.abc import Callable

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>",
    '"><svg/onload=alert(2)>',
    "a\u2028b\u2029c\u202ed\x00\x1b[31m",
    "'`${alert(3)}`\\",
    "\ud800 lone",
    "javascript:alert(4)//" + "x" * 3_000,
)

Name = Callable[[str], str]


def plain(name: str) -> str:
    return name


def hostile(seed: int = 0) -> Name:
    """Return what puts one of the hostile texts before a name; the same one each time."""
    return lambda name: f"{HOSTILE[(sum(name.encode()) + seed) % len(HOSTILE)]}{name}"
