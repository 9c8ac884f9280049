"""What an interval is, and what every function that makes one needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from gitml.comparison.statistics.distributions import normal_quantile
from gitml.errors import UsageError

Method = Literal["welch", "paired", "bootstrap", "bca", "bonett-price", "score"]

CONFIDENCE = 0.95


class Interval(msgspec.Struct, frozen=True):
    """A confidence interval, in the unit of what it is about.

    Attributes:
        low: Lower end.
        high: Upper end.
        confidence: The share of such intervals that cover the true value, such as 0.95.
        method: How it was made.
        units: How many units were resampled by a bootstrap: replicates, examples, groups, or
            blocks of them; 0 for other methods.
    """

    low: float
    high: float
    confidence: float
    method: Method
    units: int = 0

    @property
    def half_width(self) -> float:
        """Half the distance between the ends."""
        return (self.high - self.low) / 2


def checked_confidence(confidence: float) -> float:
    """Return `confidence`.

    Raises:
        UsageError: unless it is above 0 and below 1.
    """
    if 0 < confidence < 1:
        return confidence
    raise UsageError(
        f"A confidence of {confidence} makes no sense.", hint="Use a number such as 0.95."
    )


def percentiles(ordered: Sequence[float], probabilities: Sequence[float]) -> list[float]:
    """Return quantiles of sorted values, interpolated linearly (Hyndman and Fan's type 7)."""
    found = []
    for probability in probabilities:
        place = probability * (len(ordered) - 1)
        below = min(max(math.floor(place), 0), len(ordered) - 1)
        above = min(below + 1, len(ordered) - 1)
        low, high = ordered[below], ordered[above]
        found.append(low if low == high else low + (high - low) * (place - below))
    return found


def bonett_price(wins: int, losses: int, total: int, confidence: float) -> Interval:
    """Return an interval for a difference of two paired proportions, (wins - losses) / total.

    The adjusted Wald interval: half of two invented pairs is added to each kind of disagreement
    (Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data"). It holds where so few examples disagree that resampling
    them says nothing.
    """
    gained, lost = (wins + 1) / (total + 2), (losses + 1) / (total + 2)
    difference = gained - lost
    spread = math.sqrt((gained + lost - difference**2) / (total + 2))
    reach = normal_quantile((1 + confidence) / 2) * spread
    return Interval(
        low=max(-1.0, difference - reach),
        high=min(1.0, difference + reach),
        confidence=confidence,
        method="bonett-price",
    )
