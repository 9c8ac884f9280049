"""Dates and times as people write them in queries."""

from __future__ import annotations

from datetime import datetime, timedelta

_DAY_LENGTH = len("2025-01-31")
_MINUTE_LENGTH = len("2025-01-31T10:00")


def interval(text: str) -> tuple[float, float]:
    """Return the stretch of time that a date or time means, in seconds since the epoch.

    `2025-01-31` is that day in the reader's time zone, `2025-01-31T10:00` that minute, and
    anything more precise a second. The end is not part of it.

    Raises:
        ValueError: if it is neither a date nor a time, or outside of what a computer can tell.
    """
    start = datetime.fromisoformat(text)
    if len(text) <= _DAY_LENGTH:
        length = timedelta(days=1)
    elif len(text) == _MINUTE_LENGTH:
        length = timedelta(minutes=1)
    else:
        length = timedelta(seconds=1)
    try:
        return start.timestamp(), (start + length).timestamp()
    except OverflowError as error:
        raise ValueError(str(error)) from error
