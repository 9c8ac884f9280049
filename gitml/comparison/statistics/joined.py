"""Predictions as they are given, and as they are once two arms are joined by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

Task = Literal["classification", "regression"]


class Predictions(msgspec.Struct, frozen=True):
    """The predictions of one run on its test set: columns of equal length.

    Lists, tuples, and arrays (numpy, torch on the CPU, pandas) are taken.

    Attributes:
        ids: Identifiers of the examples.
        y_true: Labels or numbers.
        y_pred: The same for the predictions.
        scores: Either one number per example (the probability of the predicted label, or of
            `positive` when that is given), or one row of probabilities per example, in the order
            of `classes`. None without any.
        classes: Labels of the columns of `scores`.
        positive: Label whose probability a single score is.
        groups: What makes examples depend on each other, such as a patient; None without.
        slices: Name of a column → its value for each example.
    """

    ids: Sequence[Any]
    y_true: Sequence[Any]
    y_pred: Sequence[Any]
    scores: Sequence[Any] | None = None
    classes: Sequence[Any] = ()
    positive: Any = None
    groups: Sequence[Any] | None = None
    slices: Mapping[str, Sequence[Any]] = {}


class Left(msgspec.Struct, frozen=True):
    """How many examples were joined, and what was left out.

    Attributes:
        shared: Ids that are compared.
        only_a: Ids that some run of A has and none of B.
        only_b: Ids that some run of B has and none of A.
        partial: Ids that both arms have, but not in all of their runs.
        repeats: Rows that repeat another one, over all runs.
        contradictions: Ids that a run has more than once with different content.
        relabelled: Ids whose truth differs between runs.
        without_truth: Ids without a truth.
        without_prediction: Ids without a prediction in some run.
        scores_not_finite: Scores that are no finite number, over all runs, of shared ids.
    """

    shared: int
    only_a: int = 0
    only_b: int = 0
    partial: int = 0
    repeats: int = 0
    contradictions: int = 0
    relabelled: int = 0
    without_truth: int = 0
    without_prediction: int = 0
    scores_not_finite: int = 0


class Side(msgspec.Struct, frozen=True):
    """What one run says of the joined examples, in their order.

    Attributes:
        predictions: Labels as text, or numbers.
        truth_scores: Score of the truth: its probability where the scores tell it, else the
            confidence in the prediction, negative where it is wrong; NaN where not known. None
            without scores.
        confidences: Probability of the predicted label; NaN where not known. None without scores.
        brier: Squared error of the probabilities, summed over classes; None without probabilities.
    """

    predictions: Sequence[Any]
    truth_scores: Sequence[float] | None = None
    confidences: Sequence[float] | None = None
    brier: Sequence[float] | None = None


class Joined(msgspec.Struct, frozen=True):
    """Predictions of two arms on the examples that all of their runs share, ordered by id.

    Attributes:
        task: What is predicted.
        ids: Text.
        truth: Labels as text, or numbers.
        a: Runs of A.
        b: Runs of B.
        groups: As text; None without.
        slices: Name → value as text, for each example.
        left: What was left out.
        right_a: Share of A's runs that predict each example right; empty for regression.
        right_b: The same for B.
        signed: Whether the scores of the truth are signed confidences.
    """

    task: Task
    ids: Sequence[str]
    truth: Sequence[Any]
    a: tuple[Side, ...]
    b: tuple[Side, ...]
    groups: Sequence[str] | None
    slices: Mapping[str, Sequence[str]]
    left: Left
    right_a: Sequence[float]
    right_b: Sequence[float]
    signed: bool = False
