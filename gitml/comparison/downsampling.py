"""Fewer points of a curve that look like all of them.

M4 (Jugel, Jerzak, Hackenbroich, Markl: M4: A Visualization-Oriented Time Series Data Aggregation,
VLDB 2014): of every stretch of points the first, the smallest, the largest and the last one are
kept. A line through these is the same, pixel by pixel, as one through all points, where a stretch
is one pixel wide; so a spike of a single step survives, however long the curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_KEPT = 4
# Where values aren't finite, the first NaN and both infinities of a stretch are kept, too.
_KEPT_ODD = 7


def places_kept(values: Sequence[float], most: int) -> Sequence[int]:
    """Return the places of the values to keep, in order: at most `most`, and at least two.

    Kept are the first and last value, the smallest and largest finite one, and an example of
    everything that isn't finite, as long as `most` is at least 7.
    """
    count = len(values)
    if count <= most:
        return range(count)
    if most < _KEPT:
        return (0, count - 1)
    finite = _is_finite(values)
    odd = 0 if finite else sum(not math.isfinite(value) for value in values)
    # A few values that aren't finite make only the stretches that they are in longer.
    stretches = most // _KEPT
    if odd and most >= _KEPT_ODD:
        stretches = max(most // _KEPT_ODD, (most - (_KEPT_ODD - _KEPT) * odd) // _KEPT)
    found: list[int] = []
    for number in range(stretches):
        start = number * count // stretches
        stop = (number + 1) * count // stretches
        stretch = list(values[start:stop])
        found += _of_stretch(stretch, start, finite=finite, odd=odd > 0 and most >= _KEPT_ODD)
    return found


def _of_stretch(stretch: Sequence[float], start: int, *, finite: bool, odd: bool) -> list[int]:
    kept = {0, len(stretch) - 1}
    known = stretch if finite else [value for value in stretch if math.isfinite(value)]
    if known:
        kept |= {stretch.index(min(known)), stretch.index(max(known))}
    if odd and len(known) < len(stretch):
        kept |= _odd_ones(stretch)
    return [start + place for place in sorted(kept)]


def _odd_ones(stretch: Sequence[float]) -> set[int]:
    found: dict[str, int] = {}
    for place, value in enumerate(stretch):
        if not math.isfinite(value):
            found.setdefault(str(value), place)
    return set(found.values())


def _is_finite(values: Sequence[float]) -> bool:
    """Whether all values are finite; a sum that overflows says no without being asked again."""
    return math.isfinite(sum(values)) or all(map(math.isfinite, values))
