"""Which labels are taken for which, and how that changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from gitml.comparison.statistics.joined import Joined, Side
from gitml.comparison.statistics.labels import order_of

MOST_LABELS = 100
MOST_CHANGES = 50


class Cell(msgspec.Struct, frozen=True):
    """A cell of the confusion matrix that changed.

    Attributes:
        truth: Label.
        predicted: Label.
        a: Examples in A; the mean over its runs.
        b: Examples in B.
    """

    truth: str
    predicted: str
    a: float
    b: float


class Confusion(msgspec.Struct, frozen=True):
    """Confusion matrices of both arms on the shared examples.

    Attributes:
        labels: Every label that is true or predicted; numbers by size, then text.
        a: One row a true label, one column a predicted one: examples, the mean over the runs.
            Empty with more than 100 labels.
        b: The same of B.
        changes: The cells that changed most, at most 50, largest change first.
    """

    labels: tuple[str, ...]
    a: tuple[tuple[float, ...], ...]
    b: tuple[tuple[float, ...], ...]
    changes: tuple[Cell, ...]


def confusion(joined: Joined) -> Confusion | None:
    """Return both confusion matrices; None for regression, or without shared examples."""
    if joined.task == "regression" or not joined.ids:
        return None
    a, b = _counts(joined, joined.a), _counts(joined, joined.b)
    cells = [Cell(*pair, a.get(pair, 0.0), b.get(pair, 0.0)) for pair in {*a, *b}]
    changed = [cell for cell in cells if cell.a != cell.b]
    changed.sort(key=lambda cell: (-abs(cell.b - cell.a), cell.truth, cell.predicted))
    labels = tuple(sorted({label for pair in (*a, *b) for label in pair}, key=order_of))
    most = tuple(changed[:MOST_CHANGES])
    if len(labels) > MOST_LABELS:
        return Confusion(labels, (), (), most)
    return Confusion(labels, _matrix(a, labels), _matrix(b, labels), most)


def _matrix(
    counts: Mapping[tuple[str, str], float], labels: Sequence[str]
) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(counts.get((row, column), 0.0) for column in labels) for row in labels)


def _counts(joined: Joined, arm: Sequence[Side]) -> dict[tuple[str, str], float]:
    total: Counter[tuple[str, str]] = Counter()
    for side in arm:
        total.update(zip(joined.truth, side.predictions, strict=True))
    return {pair: count / len(arm) for pair, count in total.items()}
