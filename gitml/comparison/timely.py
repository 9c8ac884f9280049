"""Metrics that no machine repeats: times, speeds and memory, told by their names."""

from __future__ import annotations

import re

_TIMES = (
    r"time|times|timing|timings|second|seconds|secs?|ms|duration|elapsed|runtime|walltime|latency"
    r"|throughput|fps|timestamp|memory|mem|rss|vram"
)
_TIMELY = re.compile(
    rf"(?:^|[._/ -])(?:{_TIMES}|s)$"
    rf"|(?:^|[._/ -])(?:{_TIMES})[_-](?:s|ms|seconds|gb|mb|kb|bytes)$"
    r"|[_-]per[_-](?:second|sec|s|ms|minute|min|hour|h)$"
    r"|(?:^|[._/ -])(?:time|seconds|secs?|ms|memory)[_-]per[_-]\w+$",
    re.IGNORECASE,
)


def is_timely(name: str) -> bool:
    """Return whether a metric measures time, speed or memory, judged by its name."""
    return _TIMELY.search(name) is not None
