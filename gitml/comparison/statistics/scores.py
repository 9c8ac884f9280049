"""Scores of predictions: what they say of the truth, and of their own prediction."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence, Sized
from typing import Any

import msgspec

from gitml.comparison.statistics.labels import label, listed, number
from gitml.errors import UsageError

_SLACK = 1e-6


class Scores(msgspec.Struct, frozen=True):
    """The scores of one run, for the joined examples in their order; NaN where not known.

    Attributes:
        truth_scores: Probability of the truth; or, where only the confidence in the prediction is
            known, that confidence, negative where the prediction is wrong.
        confidences: Probability of the predicted label; None when scores are no probabilities.
        brier: Squared error of the probabilities: over all classes (0 … 2) for rows of scores,
            of the positive label (0 … 1) for single ones; None when that isn't known.
        not_finite: Examples with a score that isn't a finite number.
        signed: Whether `truth_scores` are signed confidences.
    """

    truth_scores: Sequence[float]
    confidences: Sequence[float] | None
    brier: Sequence[float] | None
    not_finite: int
    signed: bool


def read_scores(
    scores: Any,
    places: Sequence[int],
    truth: Sequence[str],
    predictions: Sequence[str],
    *,
    classes: Sequence[str] = (),
    positive: Any = None,
) -> Scores:
    """Return what the scores say of the examples at `places`.

    Args:
        scores: One number an example, or one row of numbers an example.
        places: Rows of the joined examples, in their order.
        truth: Their labels.
        predictions: The predicted labels.
        classes: Labels of the columns of rows of scores; without them 0, 1, 2 …
        positive: Label whose probability single scores are; without it they are the confidence
            in the prediction.

    Raises:
        UsageError: if rows of scores don't have one number a class.
    """
    width = _width(scores)
    if width is None:
        values = listed(scores)
        chosen = [number(values[place]) for place in places]
        known = None if positive is None else label(positive)
        found = _single(chosen, truth, predictions, known)
    else:
        names = list(classes) or [str(place) for place in range(width)]
        if len(names) != width or len(set(names)) != width:
            raise UsageError(
                f"There are {width} scores an example and {len(set(names))} classes.",
                hint="List the labels of the columns of scores once each, in their order.",
            )
        column = {name: place for place, name in enumerate(names)}
        found = _rows(_matrix_rows(scores, places, width), truth, predictions, column)
    return found


def _width(scores: Any) -> int | None:
    """Return the number of scores an example, or None when they are single numbers."""
    shape = getattr(scores, "shape", None)
    if shape is not None:
        return int(shape[1]) if len(shape) > 1 else None
    first = next((row for row in scores if row is not None), None)
    return None if isinstance(first, str) or not isinstance(first, Sized) else len(first)


def _single(
    values: Sequence[float], truth: Sequence[str], predictions: Sequence[str], positive: str | None
) -> Scores:
    lost = sum(map(math.isnan, values))
    probable = all(-_SLACK <= value <= 1 + _SLACK for value in values if value == value)
    if positive is None or not probable:
        signed = array("d")
        for value, true, guess in zip(values, truth, predictions, strict=True):
            signed.append(value if true == guess else -value)
        return Scores(signed, array("d", values) if probable else None, None, lost, True)
    of_truth, confidences, brier = array("d"), array("d"), array("d")
    for value, true, guess in zip(values, truth, predictions, strict=True):
        of_truth.append(value if true == positive else 1 - value)
        confidences.append(value if guess == positive else 1 - value)
        brier.append((value - (true == positive)) ** 2)
    return Scores(of_truth, confidences, brier, lost, False)


def _matrix_rows(scores: Any, places: Sequence[int], width: int) -> Iterator[Sequence[float]]:
    """Yield the rows at `places`, with NaN for what isn't a finite number."""
    unknown = [math.nan] * width
    for place in places:
        row = listed(scores[place])
        try:
            usable = len(row) == width and all(map(math.isfinite, row))
        except (TypeError, OverflowError):
            row = unknown if row is None or isinstance(row, str) else list(map(number, row))
            usable = len(row) == width
        yield row if usable else unknown


def _rows(
    rows: Iterator[Sequence[float]],
    truth: Sequence[str],
    predictions: Sequence[str],
    column: dict[str, int],
) -> Scores:
    of_truth, confidences, brier = array("d"), array("d"), array("d")
    lost, probable = 0, True
    for row, true, guess in zip(rows, truth, predictions, strict=True):
        squares = sum(value * value for value in row)
        if math.isnan(squares):
            lost += 1
            for part in (of_truth, confidences, brier):
                part.append(math.nan)
            continue
        place, guessed = column.get(true), column.get(guess)
        score = 0.0 if place is None else row[place]
        of_truth.append(score)
        confidences.append(math.nan if guessed is None else row[guessed])
        brier.append(max(0.0, squares - 2 * score + 1))
        probable = probable and min(row) >= -_SLACK and max(row) <= 1 + _SLACK
    if not probable:
        return Scores(of_truth, None, None, lost, False)
    return Scores(of_truth, confidences, brier, lost, False)
