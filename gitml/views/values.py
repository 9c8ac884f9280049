"""The one place that says how numbers, times, sizes, durations and names look to people."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from gitml.values import Scalar, as_number

Tone = Literal["", "good", "bad", "dim", "strong"]

MISSING = "–"
ELLIPSIS = "…"
SHORT = 7

_PAINT = re.compile(r"\x1b\[[0-9;]*m")
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CODES = {"good": "32", "bad": "31", "dim": "2", "strong": "1"}
_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86_400, 7 * 86_400
_DAYS_SHOWN = 14


def escape(text: str) -> str:
    """Return `text` on one line, with control characters and terminal escapes spelled out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _spell(char) for char in text)


def _spell(char: str) -> str:
    if char in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[char]
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def paint(text: str, tone: Tone, *, colour: bool) -> str:
    """Return `text` in a tone where colours are wanted."""
    return f"\x1b[{_CODES[tone]}m{text}\x1b[0m" if colour and tone and text else text


def number(value: float) -> str:
    """Return a number with at most six significant digits; integers in full, 1.0 as `1.0`."""
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:.6g}"
    return text if "." in text or "e" in text else f"{text}.0"


def scalar(value: Scalar) -> str:
    """Return a setting's or metric's value on one line, escaped but not shortened."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return escape(value) if value else '""'
    return number(value)


def precise(value: Scalar) -> str:
    """Return a value in full, as CSV has it: every digit, `true`, `false`, empty for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else number(value)
    return escape(str(value))


def change(old: Scalar, new: Scalar) -> str:
    """Return the step from `old` to `new` with its sign, or empty where there is none."""
    first, second = as_number(old), as_number(new)
    if first is None or second is None:
        return ""
    try:
        step = second - first
    except OverflowError:
        return ""
    if math.isnan(step):
        return ""
    return "0" if step == 0 else f"{'+' if step > 0 else '-'}{_rounded(abs(step))}"


def _rounded(step: float) -> str:
    """Return a difference without the noise of floating point (0.98 - 0.97 is 0.01)."""
    return number(step) if isinstance(step, int) else number(float(f"{step:.4g}"))


def commit(oid: str) -> str:
    """Return a commit id as short as people write it."""
    return oid[:SHORT]


def size(count: int) -> str:
    """Return bytes as `0 B`, `312 B`, `1.2 MB` (decimal units)."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 1000 or unit == "TB":
            break
        value /= 1000
    if unit == "B":
        return f"{count} B"
    return f"{value:.1f} {unit}" if value < 100 else f"{value:.0f} {unit}"


def duration(seconds: float) -> str:
    """Return a stretch of time: `40 ms`, `1.4 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`."""
    if not math.isfinite(seconds) or seconds < 0:
        return MISSING
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def moment(text: str) -> datetime | None:
    """Return an RFC 3339 time, or None for a text that is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def time(text: str) -> str:
    """Return an RFC 3339 time in the reader's time zone, to the minute."""
    found = moment(text)
    if found is None:
        return escape(text)
    try:
        return found.astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return escape(text)


def age(text: str, now: datetime | None = None) -> str:
    """Return how long ago an RFC 3339 time was: `12 s ago`, `3 days ago`; older ones as a date."""
    found = moment(text)
    if found is None:
        return escape(text)
    seconds = int(((now or datetime.now(UTC)) - found).total_seconds())
    if seconds < -_MINUTE:
        return time(text)
    if seconds < _MINUTE:
        return f"{max(seconds, 0)} s ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min ago"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h ago"
    if seconds < _DAYS_SHOWN * _DAY:
        return f"{seconds // _DAY} days ago"
    return time(text)[:10]


def age_of(seconds: float) -> str:
    """Return how long ago a time was that is given in seconds since the epoch."""
    try:
        return age(datetime.fromtimestamp(seconds, UTC).isoformat())
    except (OverflowError, ValueError, OSError):
        return MISSING


def uncoloured(text: str) -> str:
    """Return `text` without the codes that `paint` puts around it."""
    return _PAINT.sub("", text) if "\x1b" in text else text


def width(text: str) -> int:
    """Return how many columns a terminal needs for `text`, which may be painted."""
    text = uncoloured(text)
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    none = sum(unicodedata.combining(char) != 0 for char in text)
    return len(text) + wide - none


def cut(text: str, columns: int, *, middle: bool = False) -> str:
    """Return `text` in at most `columns` columns; what is left out becomes `…`.

    Args:
        text: Escaped already.
        columns: At least 1.
        middle: Leave out the middle instead of the end, which suits paths.
    """
    if width(text) <= columns:
        return text
    if middle:
        tail = _take(reversed(text), columns // 2)[::-1]
        return _take(text, columns - 1 - width(tail)) + ELLIPSIS + tail
    return _take(text, columns - 1) + ELLIPSIS


def _take(text: Iterable[str], columns: int) -> str:
    taken = ""
    used = 0
    for char in text:
        used += width(char)
        if used > columns:
            break
        taken += char
    return taken


def plural(count: int, noun: str, many: str = "") -> str:
    """Return `1 file`, `2 files`."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def listing(items: Sequence[str], limit: int = 5) -> str:
    """Return `a, b, c and 4 more`, escaped."""
    shown = ", ".join(escape(item) for item in items[:limit])
    more = len(items) - limit
    return f"{shown} and {more} more" if more > 0 else shown


def command(argv: Sequence[str]) -> str:
    """Return a command as a shell would take it, on one line."""
    import shlex

    return escape(shlex.join(argv))
