"""Saying once what is wrong with something that was logged: nothing of it may end a training."""

from __future__ import annotations

import sys
import warnings

from gitml.errors import MetricWarning

_MOST = 100  # a program that gets every name wrong isn't told more often
_said: set[str] = set()


def doubt(about: str, sentence: str) -> None:
    """Warn, unless there was a warning about the same thing in this process.

    Args:
        about: Tells things apart.
        sentence: What is wrong, and what became of it.

    Raises:
        MetricWarning: if the program asked Python to make errors of warnings.
    """
    if about in _said or len(_said) >= _MOST:
        return
    _said.add(about)
    warnings.warn(sentence, MetricWarning, stacklevel=distance())


def distance() -> int:
    """Return how many calls lie between the caller and the program's own code, as `warn` counts."""
    frame, distance = sys._getframe(1), 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("gitml."):
        frame, distance = frame.f_back, distance + 1
    return distance
