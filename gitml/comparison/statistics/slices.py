"""The difference between two arms on parts of the test set.

With many slices some intervals exclude 0 by chance (1 in 20 at 95 %): slices show where to look,
they are no verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gitml.comparison.statistics.estimates import (
    Sampling,
    accuracy,
    mean_absolute_error,
)
from gitml.comparison.statistics.intervals import Interval
from gitml.comparison.statistics.joined import Joined

SMALLEST = 30
MOST_VALUES = 100
MOST_INTERVALS = 50


class Slice(msgspec.Struct, frozen=True):
    """The examples that share a value of a column.

    Attributes:
        column: Name.
        value: As text; empty for examples without one.
        examples: How many.
        metric: `accuracy`, or `mae` for regression.
        a: Value of A.
        b: Value of B.
        difference: B minus A.
        interval: Of the difference, not corrected for the number of slices; None with fewer than
            30 examples (or groups), and beyond the 50 largest slices.
    """

    column: str
    value: str
    examples: int
    metric: str
    a: float
    b: float
    difference: float
    interval: Interval | None


def compare_slices(joined: Joined, sampling: Sampling) -> tuple[tuple[Slice, ...], tuple[str, ...]]:
    """Return the slices, largest first within their column, and the columns that are none.

    A column with more than 100 different values is no slice.
    """
    parts: list[tuple[str, str, list[int]]] = []
    skipped = []
    for column, values in joined.slices.items():
        places = _places(values)
        if places is None:
            skipped.append(column)
            continue
        ordered = sorted(places.items(), key=lambda item: (-len(item[1]), item[0]))
        parts += [(column, value, chosen) for value, chosen in ordered]
    large = sorted((len(part[2]) for part in parts), reverse=True)[:MOST_INTERVALS]
    smallest = max(SMALLEST, large[-1] if len(parts) > MOST_INTERVALS else 0)
    measure = mean_absolute_error if joined.task == "regression" else accuracy
    bare = msgspec.structs.replace(sampling, resamples=0)
    rows = []
    for column, value, chosen in parts:
        resample = len(chosen) >= smallest
        found = measure(joined, sampling if resample else bare, chosen)
        rows.append(
            Slice(
                column=column,
                value=value,
                examples=found.examples,
                metric=found.name,
                a=found.a,
                b=found.b,
                difference=found.difference,
                interval=found.interval,
            )
        )
    return tuple(rows), tuple(skipped)


def _places(values: Sequence[str]) -> dict[str, list[int]] | None:
    found: dict[str, list[int]] = {value: [] for value in set(values)}
    if len(found) > MOST_VALUES:
        return None
    for place, value in enumerate(values):
        found[value].append(place)
    return found
