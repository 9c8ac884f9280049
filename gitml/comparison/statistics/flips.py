"""The examples on which two arms differ most."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from gitml.comparison.statistics.estimates import absolute_errors
from gitml.comparison.statistics.joined import Joined, Side

Direction = Literal["won", "lost", "changed"]

MOST = 100


class Flip(msgspec.Struct, frozen=True):
    """An example whose prediction changed.

    Attributes:
        id: Of the example.
        truth: Its label, or number.
        a: What A predicts; with several runs the commonest label, or the mean.
        b: What B predicts.
        direction: `won` (B is right, or closer), `lost` (A is), or `changed` (both are wrong, in
            different ways).
        score_a: See `Flips.score`; None where not known.
        score_b: The same for B.
        change: B's minus A's; None where not known.
    """

    id: str
    truth: str | float
    a: str | float
    b: str | float
    direction: Direction
    score_a: float | None
    score_b: float | None
    change: float | None


class Flips(msgspec.Struct, frozen=True):
    """The examples whose prediction changed.

    Attributes:
        examples: By direction (lost, won, changed), the largest change first, then by id.
        lost: How many there are of each kind, listed or not.
        won: The same.
        changed: The same.
        score: What their scores are: `probability of the truth`, `score of the truth` (no
            probability), `signed confidence` (in the prediction, negative where that is wrong),
            `absolute error`, or empty without any.
    """

    examples: tuple[Flip, ...]
    lost: int
    won: int
    changed: int
    score: str


def flips(joined: Joined, *, limit: int = MOST) -> Flips:
    """Return the examples that flipped, at most `limit` of each direction.

    For regression those are all examples whose absolute error differs.
    """
    regression = joined.task == "regression"
    found = _moved_numbers(joined) if regression else _changed_labels(joined)
    counts: Counter[Direction] = Counter()
    heaps: dict[Direction, list[tuple[float, int, Flip]]] = {}
    for place, flip in found:
        counts[flip.direction] += 1
        heap = heaps.setdefault(flip.direction, [])
        entry = (abs(flip.change) if flip.change is not None else -1.0, -place, flip)
        if len(heap) < limit:
            heapq.heappush(heap, entry)
        elif heap and entry > heap[0]:
            heapq.heapreplace(heap, entry)
    directions: tuple[Direction, ...] = ("lost", "won", "changed")
    examples = [
        flip for name in directions for _, _, flip in sorted(heaps.get(name, ()), reverse=True)
    ]
    return Flips(
        examples=tuple(examples),
        lost=counts["lost"],
        won=counts["won"],
        changed=counts["changed"],
        score="absolute error" if regression else _score_name(joined),
    )


def _score_name(joined: Joined) -> str:
    sides = (*joined.a, *joined.b)
    if any(side.truth_scores is None for side in sides):
        return ""
    if joined.signed:
        return "signed confidence"
    probable = all(side.confidences is not None for side in sides)
    return "probability of the truth" if probable else "score of the truth"


def _changed_labels(joined: Joined) -> Iterator[tuple[int, Flip]]:
    labels_a, labels_b = _commonest(joined.a), _commonest(joined.b)
    scores_a, scores_b = _scores(joined.a), _scores(joined.b)
    for place, (one, other) in enumerate(zip(labels_a, labels_b, strict=True)):
        if one == other:
            continue
        truth = joined.truth[place]
        direction: Direction = "changed"
        if truth in (one, other):
            direction = "won" if other == truth else "lost"
        elif joined.right_a[place] != joined.right_b[place]:
            direction = "won" if joined.right_b[place] > joined.right_a[place] else "lost"
        score_a = _known(scores_a[place]) if scores_a else None
        score_b = _known(scores_b[place]) if scores_b else None
        change = None if score_a is None or score_b is None else score_b - score_a
        name = joined.ids[place]
        yield place, Flip(name, truth, one, other, direction, score_a, score_b, change)


def _moved_numbers(joined: Joined) -> Iterator[tuple[int, Flip]]:
    errors = zip(absolute_errors(joined, joined.a), absolute_errors(joined, joined.b), strict=True)
    for place, (one, other) in enumerate(errors):
        if one != other:
            yield (
                place,
                Flip(
                    id=joined.ids[place],
                    truth=joined.truth[place],
                    a=math.fsum(side.predictions[place] for side in joined.a) / len(joined.a),
                    b=math.fsum(side.predictions[place] for side in joined.b) / len(joined.b),
                    direction="won" if other < one else "lost",
                    score_a=one,
                    score_b=other,
                    change=other - one,
                ),
            )


def _commonest(arm: Sequence[Side]) -> Sequence[str]:
    """Return the commonest label of each example; of equally common ones the first by text."""
    if len(arm) == 1:
        return arm[0].predictions
    found = []
    for given in zip(*(side.predictions for side in arm), strict=True):
        first = given[0]
        if given.count(first) == len(given):
            found.append(first)
        else:
            found.append(min(set(given), key=lambda label: (-given.count(label), label)))
    return found


def _scores(arm: Sequence[Side]) -> Sequence[float] | None:
    runs = [side.truth_scores for side in arm if side.truth_scores is not None]
    if len(runs) < len(arm):
        return None
    if len(runs) == 1:
        return runs[0]
    return [math.fsum(values) / len(runs) for values in zip(*runs, strict=True)]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
