"""Numbers in sentences: as many digits as their uncertainty leaves a meaning."""

from __future__ import annotations

import math

from gitml.comparison.statistics.intervals import Interval


def spell(value: float, uncertainty: float = 0.0) -> str:
    """Return a number, rounded to two significant digits of its uncertainty.

    Args:
        value: Finite.
        uncertainty: Such as half the width of its interval; 0 gives three significant digits.
    """
    if not (uncertainty > 0 and math.isfinite(uncertainty)):
        text = f"{value:.3g}"
        return f"{value:.0f}" if "e+" in text and abs(value) < 1e9 else text
    places = 1 - math.floor(math.log10(uncertainty))
    if places > 8 or abs(value) >= 1e9 or uncertainty >= 1e9:
        return f"{value:.3g}"
    text = f"{round(value, places):.{max(places, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def spell_interval(interval: Interval) -> str:
    """Return an interval as `95 % interval 0.002 to 0.014`."""
    low, high = (spell(end, interval.half_width) for end in (interval.low, interval.high))
    return f"{interval.confidence * 100:g} % interval {low} to {high}"


def count(number: int, one: str, several: str = "") -> str:
    """Return `1 run`, `3 runs`, `1,204 runs`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
