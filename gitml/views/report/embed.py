"""What is inside of a report besides its text: data for its scripts, and pictures."""

from __future__ import annotations

import base64
import itertools
import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from gitml.views.report.markup import Markup, tag

_DIGITS = 6
# `</script>` and `<!--` can't come about, whatever the data say.
_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_PICTURES = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "image/bmp"}
)
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


class Room(msgspec.Struct):
    """How many bytes of pictures a report still takes."""

    left: int

    def take(self, content: bytes) -> bool:
        """Return whether a picture still fits, and if so, count it."""
        if len(content) > self.left:
            return False
        self.left -= len(content)
        return True


def script_data(value: Any) -> Markup:
    """Return the element that holds data for the scripts of the page."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(f'<script type="application/json" id="data">{text.translate(_UNSAFE)}</script>')


def numbers(found: Sequence[float], digits: int = _DIGITS) -> list[float | int | None]:
    """Return numbers with few digits, as short as JSON has them; what isn't finite is null."""
    return [number(value, digits) for value in found]


def number(value: float | int | None, digits: int = _DIGITS) -> float | int | None:
    """Return a number with few digits; None for what is no finite number."""
    if value is None or isinstance(value, bool):
        return None
    try:
        rounded = float(f"{float(value):.{digits}g}")
    except OverflowError:
        return None
    if not math.isfinite(rounded):
        return None
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def even(found: Sequence[float | int | None]) -> dict[str, float | int] | None:
    """Return numbers that are evenly spaced as their start and step; None for others."""
    known = [value for value in found if value is not None]
    if len(known) != len(found) or len(known) < 3:
        return None
    step = known[1] - known[0]
    if all(later - sooner == step for sooner, later in itertools.pairwise(known)):
        return {"start": known[0], "step": step}
    return None


def picture(media: str, content: bytes) -> str:
    """Return a `data:` address of a picture; empty for what browsers don't show as one.

    Scripts in an SVG don't run in a picture, and nothing is loaded for it.
    """
    media = media.partition(";")[0].strip().lower()
    if media not in _PICTURES:
        return ""
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"


def image(media: str, content: bytes, alt: str, kind: str = "") -> Markup | None:
    """Return a picture with its bytes inside; None for what browsers don't show as one."""
    source = picture(media, content)
    if not source:
        return None
    opened = tag("img", alt=alt, class_=kind or None).removesuffix(">")
    # The address is longer than any text may be, and nothing in it needs escaping.
    return Markup(f'{opened} src="{source}">')


def media_of(content: bytes) -> str:
    """Return the media type of a picture by its first bytes; empty for what is none."""
    for start, media in _SIGNATURES:
        if content.startswith(start):
            return media
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if b"<svg" in content[:4096] else ""
