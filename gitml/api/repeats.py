"""Examples that are given more than once: one that repeats another is left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from gitml.comparison.statistics.labels import label
from gitml.errors import ArtifactError
from gitml.inputs.examples import counted, shown


def first_rows(
    ids: Sequence[str], same: Callable[[int, int], bool], what: str
) -> Sequence[int] | None:
    """Return the rows without those that repeat others; None where there are no repeats.

    Args:
        ids: Of the examples.
        same: Whether two rows say the same.
        what: What an id must not have: `two different predictions`.

    Raises:
        ArtifactError: if an id has rows that say different things; it names one.
    """
    if len(set(ids)) == len(ids):
        return None
    first: dict[str, int] = {}
    wrong: dict[str, tuple[int, int]] = {}
    for row, one in enumerate(ids):
        known = first.setdefault(one, row)
        if known != row and not same(known, row):
            wrong.setdefault(one, (known, row))
    if wrong:
        one, rows = next(iter(wrong.items()))
        more = f" So have {counted(len(wrong) - 1, 'other id')}." if len(wrong) > 1 else ""
        raise ArtifactError(
            f"The id {shown(one)} has {what}, in rows {rows[0]:,} and {rows[1]:,} (from 0).{more}",
            hint="Give every example an id of its own, or log each set under a name of its own.",
        )
    return list(first.values())


def same_value(one: Any, other: Any) -> bool:
    """Whether two labels or numbers are the same but for what another order of sums changes."""
    if isinstance(one, float) and isinstance(other, float):
        both = math.isnan(one) and math.isnan(other)
        return both or math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)
    return label(one) == label(other)
