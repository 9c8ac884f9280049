"""How far the confidence of a classifier can be believed."""

from __future__ import annotations

import math
from bisect import bisect_right

import msgspec

from gitml.comparison.statistics.joined import Joined, Side

BINS = 15
_FEWEST_A_BIN = 10


class Bin(msgspec.Struct, frozen=True):
    """A row of a reliability table: examples with neighbouring confidences.

    Attributes:
        low: Smallest confidence, 0 … 1.
        high: Largest confidence.
        examples: How many.
        confidence: Mean confidence in the predicted label.
        accuracy: Share that is right.
    """

    low: float
    high: float
    examples: int
    confidence: float
    accuracy: float


class Calibration(msgspec.Struct, frozen=True):
    """The calibration of one run.

    Attributes:
        ece: Expected calibration error of the predicted label, 0 … 1: the mean over bins of equal
            mass of |accuracy - confidence|, weighted by their size (Naeini et al. 2015, with the
            equal-mass bins of Nguyen and O'Connor 2015). It is biased upwards where there are few
            examples, so compare it on the same ones only.
        brier: Mean squared error of the probabilities (see `Scores.brier`); None when only the
            confidence in the prediction is known.
        examples: How many have a finite score.
        bins: The reliability table, by confidence.
    """

    ece: float
    brier: float | None
    examples: int
    bins: tuple[Bin, ...]


def calibration(joined: Joined, side: Side, *, bins: int = BINS) -> Calibration | None:
    """Return the calibration of a run; None without probabilities.

    Equal confidences stay in one bin, so that the order of the rows doesn't matter. There are
    fewer bins where they would hold fewer than ten examples.
    """
    if side.confidences is None:
        return None
    pairs = zip(side.confidences, side.predictions, joined.truth, strict=True)
    hits = sorted(value for value, guess, true in pairs if guess == true and value == value)
    known = sorted(value for value in side.confidences if value == value)
    if not known:
        return None
    rows = _bins(known, hits, max(1, min(bins, len(known) // _FEWEST_A_BIN)))
    error = math.fsum(row.examples * abs(row.accuracy - row.confidence) for row in rows)
    return Calibration(error / len(known), _brier(side), len(known), tuple(rows))


def _bins(known: list[float], hits: list[float], many: int) -> list[Bin]:
    """Return bins of the sorted confidences, of which `hits` are those of right predictions."""
    rows: list[Bin] = []
    start = right_before = 0
    for number in range(1, many + 1):
        stop = round(number * len(known) / many)
        if stop <= start:
            continue
        stop = bisect_right(known, known[stop - 1])  # equal confidences stay together
        n, high = stop - start, known[stop - 1]
        right = bisect_right(hits, high)
        confidence = math.fsum(known[start:stop]) / n
        rows.append(Bin(known[start], high, n, confidence, (right - right_before) / n))
        start, right_before = stop, right
    return rows


def _brier(side: Side) -> float | None:
    if side.brier is None:
        return None
    known = [value for value in side.brier if value == value]
    return math.fsum(known) / len(known) if known else None
