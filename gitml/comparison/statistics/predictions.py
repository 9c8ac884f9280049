"""Two arms compared by their predictions, example by example, joined by id."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gitml.comparison.statistics.agreement import Agreement, agreement
from gitml.comparison.statistics.bootstrap import RESAMPLES, SEED
from gitml.comparison.statistics.calibration import Calibration, calibration
from gitml.comparison.statistics.confusion import Confusion, confusion
from gitml.comparison.statistics.estimates import Estimate, Sampling, estimates
from gitml.comparison.statistics.flips import MOST, Flips, flips
from gitml.comparison.statistics.intervals import CONFIDENCE, checked_confidence
from gitml.comparison.statistics.joined import Joined, Left, Predictions, Side, Task
from gitml.comparison.statistics.joining import join
from gitml.comparison.statistics.left_out import notes_on
from gitml.comparison.statistics.slices import Slice, compare_slices


class PredictionComparison(msgspec.Struct, frozen=True):
    """What the predictions of two arms say on the examples that they share.

    Attributes:
        task: `classification` or `regression`.
        left: How many examples were joined, and what was left out.
        runs: Number of runs of A and of B.
        groups: Number of groups; None without.
        estimates: Accuracy (and Brier score), or mean absolute and root mean squared error.
        agreement: Churn, wins, losses, McNemar's test; None for regression.
        slices: By column, largest first.
        not_slices: Columns with too many different values.
        calibration_a: One entry a run of A; empty without probabilities.
        calibration_b: The same for B.
        confusion: None for regression.
        flips: The examples that flipped.
        notes: Sentences on what was left out, and why there are no intervals.
    """

    task: Task
    left: Left
    runs: tuple[int, int]
    groups: int | None
    estimates: tuple[Estimate, ...]
    agreement: Agreement | None
    slices: tuple[Slice, ...]
    not_slices: tuple[str, ...]
    calibration_a: tuple[Calibration, ...]
    calibration_b: tuple[Calibration, ...]
    confusion: Confusion | None
    flips: Flips
    notes: tuple[str, ...]


def compare_predictions(
    a: Predictions | Sequence[Predictions],
    b: Predictions | Sequence[Predictions],
    *,
    task: Task | None = None,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    limit: int = MOST,
    names: tuple[str, str] = ("A", "B"),
) -> PredictionComparison:
    """Compare the predictions of two runs, or of two arms of several runs each.

    Args:
        a: Predictions of A, or of each of its runs.
        b: The same for B.
        task: None to find out from the values.
        confidence: Of every interval.
        resamples: Of the bootstrap, over examples, or over groups where there are any.
        seed: Of its random numbers: the same seed gives the same intervals, in whatever order
            the rows are.
        limit: Flipped examples to list, of each direction.
        names: What notes call A and B.

    Raises:
        UsageError: if columns differ in length, an arm is empty, rows of scores don't fit the
            classes, or `confidence` makes no sense.
    """
    runs_a = (a,) if isinstance(a, Predictions) else tuple(a)
    runs_b = (b,) if isinstance(b, Predictions) else tuple(b)
    sampling = Sampling(checked_confidence(confidence), resamples, seed)
    joined = join(runs_a, runs_b, task=task)
    slices, not_slices = compare_slices(joined, sampling)
    found = estimates(joined, sampling)
    return PredictionComparison(
        task=joined.task,
        left=joined.left,
        runs=(len(runs_a), len(runs_b)),
        groups=None if joined.groups is None else _groups(joined.groups),
        estimates=found,
        agreement=agreement(joined),
        slices=slices,
        not_slices=not_slices,
        calibration_a=_calibrations(joined, joined.a),
        calibration_b=_calibrations(joined, joined.b),
        confusion=confusion(joined),
        flips=flips(joined, limit=limit),
        notes=notes_on(joined.left, found, names),
    )


def _groups(groups: Sequence[str]) -> int:
    return len({group for group in groups if group}) + sum(not group for group in groups)


def _calibrations(joined: Joined, arm: Sequence[Side]) -> tuple[Calibration, ...]:
    found = (calibration(joined, side) for side in arm)
    return tuple(one for one in found if one is not None)
