"""Named fault points, so that tests can kill, fail or delay gitml at every step.

`GITML_FAULT=<point>:<kill|raise|enospc|sleep>[:n]` makes the n-th passage (default: the first) of
that point fail. Without the variable a point costs one dictionary look-up.
"""

from __future__ import annotations

import errno
import os
import signal
import time

VARIABLE = "GITML_FAULT"

POINTS = (
    "run.planned",
    "run.journaled",
    "run.started",
    "run.finished",
    "outputs.collected",
    "storage.copying",
    "storage.copied",
    "storage.stored",
    "record.built",
    "commit.objects",
    "commit.tree",
    "commit.written",
    "commit.landed",
    "journal.closing",
)

_passages: dict[str, int] = {}


def reach(point: str) -> None:
    """Fail here if the environment asks for it.

    Raises:
        OSError: with `ENOSPC`, for the action `enospc`.
        RuntimeError: for the action `raise`.
    """
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    name, _, rest = wanted.partition(":")
    action, _, count = rest.partition(":")
    if name != point:
        return
    _passages[point] = _passages.get(point, 0) + 1
    if _passages[point] != int(count or 1):
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), point)
    elif action == "sleep":
        time.sleep(5)
    else:
        raise RuntimeError(f"fault injected at {point}")
