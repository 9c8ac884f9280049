"""What a single score an example means: the confidence in the prediction, or a class's chance."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gitml.comparison.statistics.labels import labels
from gitml.outputs.predictions_file import PredictionsFile


def positive_of(runs: Sequence[PredictionsFile]) -> str | None:
    """Return the label whose probability the single scores of all runs are.

    With two labels, the confidence in a prediction is never below one half. Scores that go below
    it, and that a threshold divides into both predictions, are the chance of one of the labels.

    Returns:
        None where they are confidences, or where that can't be told.
    """
    if any(run.scores is None or hasattr(run.scores, "shape") for run in runs):
        return None
    said = {run.positive for run in runs}
    if said != {None}:
        return said.pop() if len(said) == 1 else None
    found = [(labels(run.predictions), run.scores) for run in runs]
    known = {name for run in runs for name in {*labels(run.truth), *labels(run.predictions)}}
    known.discard("")
    if len(known) != 2 or any(_outside(scores) for _, scores in found):
        return None
    if not any(score < 0.5 for _, scores in found for score in scores):
        return None
    fitting = [name for name in sorted(known) if all(_divided(name, *run) for run in found)]
    if not fitting:
        return None
    return min(fitting, key=lambda name: sum(_unlikely(name, *run) for run in found))


def _outside(scores: Sequence[float]) -> bool:
    return any(not -1e-6 <= score <= 1 + 1e-6 for score in scores if score == score)


def _divided(name: str, predictions: Sequence[str], scores: Sequence[float]) -> bool:
    """Whether every prediction of a label has a higher score than all of the others."""
    own, others = math.inf, -math.inf
    for guess, score in zip(predictions, scores, strict=True):
        if score == score and guess:
            if guess == name:
                own = min(own, score)
            else:
                others = max(others, score)
    return others <= own


def _unlikely(name: str, predictions: Sequence[str], scores: Sequence[float]) -> int:
    """Return how often a label was predicted though its chance was below one half."""
    pairs = zip(predictions, scores, strict=True)
    return sum(guess == name and score < 0.5 for guess, score in pairs)
