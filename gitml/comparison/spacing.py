"""How the steps of a curve are spaced: which are missing, and what they may count."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Sequence
from itertools import islice

import msgspec

# The share of the gaps that must be the same for the others to count as missing steps.
_EVEN = 0.8
# Steps that are so many times as far apart, and go so many times as far, count something else:
# an epoch has rarely fewer iterations.
_TIMES = 5
# How much the numbers of measurements may differ then.
_ALIKE = 4


class Spacing(msgspec.Struct, frozen=True):
    """Steps, summed up.

    Attributes:
        gap: The most frequent distance of two steps; 0 for fewer than two steps.
        last: The last step.
        missing: Steps that are missing where nearly all are `gap` apart; else 0.
    """

    gap: float = 0.0
    last: float = 0.0
    missing: int = 0

    def counts_otherwise(self, other: Spacing) -> bool:
        """Whether the steps of two curves seem to count different things.

        They do when one's are many times as far apart as the other's, and yet it doesn't have
        many times fewer: ten epochs, and the ten iterations at which ten epochs ended.
        """
        if min(self.gap, other.gap, self.last, other.last) <= 0:
            return False
        gaps, ends = self.gap / other.gap, self.last / other.last
        far = min(gaps, ends) >= _TIMES or max(gaps, ends) <= 1 / _TIMES
        return far and 1 / _ALIKE <= gaps / ends <= _ALIKE


def spacing_of(steps: Sequence[float]) -> Spacing:
    """Return how steps are spaced, which are in increasing order."""
    if len(steps) < 2:
        return Spacing(last=steps[-1] if steps else 0.0)
    gaps = Counter(map(operator.sub, islice(steps, 1, None), steps))
    gap, often = gaps.most_common(1)[0]
    missing = 0
    if gap > 0 and often >= _EVEN * gaps.total():
        missing = sum((round(wide / gap) - 1) * count for wide, count in gaps.items() if wide > gap)
    return Spacing(gap, steps[-1], missing)
