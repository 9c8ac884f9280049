"""The examples on which two experiments differ most, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.values import Scalar
from gitml.views import values
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table
from gitml.views.values import Tone

if TYPE_CHECKING:
    from gitml.comparison.statistics.flips import Flip
    from gitml.comparison.statistics.predictions import PredictionComparison

_SHOWN = 8
_WORDS = {"won": "now right", "lost": "now wrong", "changed": "wrong, differently"}
_CLOSER = {"won": "closer", "lost": "further off", "changed": ""}
_SCORES = {
    "signed confidence": "the confidence in the prediction",
    "probability of the truth": "the probability of the truth",
    "score of the truth": "the score of the truth",
    "absolute error": "the absolute error",
}
_TONES: dict[str, Tone] = {"won": "good", "lost": "bad"}


def flipped(
    comparison: PredictionComparison, names: tuple[str, str], of: str, *, pictures: int = 0
) -> Section:
    """Return the flipped examples that moved most: at most eight, of both directions.

    Args:
        comparison: What the predictions say.
        names: Of the two experiments, escaped.
        of: Ends the title where there are several files.
        pictures: How many pictures there are.
    """
    flips = comparison.flips
    regression = comparison.task == "regression"
    shown = _chosen(flips.examples)
    # The mean of several runs' signed scores is the confidence of none of them.
    scored = bool(flips.score) and (regression or max(comparison.runs) == 1)
    rows = tuple(_row(flip, flips.score if scored else "", regression) for flip in shown)
    if not rows:
        return Section()
    columns = (
        Column(title, keep=95 if not title else FIXED, middle=title == "id")
        for title in ("id", "truth", *names, "")
    )
    total = flips.won + flips.lost + flips.changed
    lines = []
    if regression:
        lines.append("The predictions that moved most; --json has more.")
    else:
        counts = f"{flips.won:,} now right, {flips.lost:,} now wrong"
        other = f", {flips.changed:,} wrong in another way" if flips.changed else ""
        lines.append(f"{values.plural(total, 'prediction')} flipped: {counts}{other}.")
    if scored:
        lines.append(f"In brackets: {_SCORES.get(flips.score, flips.score)}.")
    if pictures:
        lines.append(f"{values.plural(pictures, 'picture')} in the report.")
    title = "Examples that moved" if regression else "Flipped examples"
    return Section(f"{title}{of}", Table(tuple(columns), rows), tuple(lines))


def _chosen(flips: Sequence[Flip]) -> list[Flip]:
    """Return a few of each direction, more where the others have few."""
    by = {name: [one for one in flips if one.direction == name] for name in _WORDS}
    found: list[Flip] = []
    half = _SHOWN // 2
    lost, won = by["lost"], by["won"]
    lost_shown = min(len(lost), max(half, _SHOWN - len(won)))
    won_shown = min(len(won), _SHOWN - lost_shown)
    found += lost[:lost_shown] + won[:won_shown]
    return found + by["changed"][: _SHOWN - len(found)]


def _row(flip: Flip, score: str, regression: bool) -> tuple[Cell | Scalar, ...]:
    word = (_CLOSER if regression else _WORDS)[flip.direction]
    scores = (flip.score_a, flip.score_b) if score else (None, None)
    signed = score == "signed confidence"
    return (
        _label(flip.id),
        _label(flip.truth),
        _label(flip.a, scores[0], signed=signed),
        _label(flip.b, scores[1], signed=signed),
        Cell(word, word, _TONES.get(flip.direction, "")),
    )


def _label(value: str | float, score: float | None = None, *, signed: bool = False) -> Cell:
    text = f"{value:.4g}" if isinstance(value, float) else values.escape(value)
    if score is not None:
        score = abs(score) if signed else score
        text += f" ({score:.2f})" if 0 <= score <= 1 else f" ({score:.3g})"
    return Cell(text, str(value))
