"""Labels, ids and numbers from arrays and files, in one form that can be compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

# Numbers beyond it can't be squared in a float.
_LARGEST = 1e150
_FEW = 10_000


def label(value: Any) -> str:
    """Return a label or id as text; whole floats as integers, None and NaN as an empty text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def labels(values: Sequence[Any]) -> list[str]:
    """Return values as labels; fast where few of them differ."""
    if set(map(type, values)) <= {str}:
        return list(values)
    try:
        distinct = set(values)
    except TypeError:  # a list of labels, say
        return list(map(label, values))
    if len(distinct) > _FEW:
        return list(map(label, values))
    known = {value: label(value) for value in distinct}
    return list(map(known.__getitem__, values))


def listed(values: Any) -> Sequence[Any]:
    """Return a sequence of plain Python values: arrays and data frames' columns as lists."""
    return values.tolist() if hasattr(values, "tolist") else values  # type: ignore[no-any-return]


def number(value: Any) -> float:
    """Return a number, or NaN for everything that is none, not finite, or beyond 1e150."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return found if abs(found) <= _LARGEST else math.nan


def order_of(text: str) -> tuple[bool, float, str]:
    """Return a key that sorts numbers by size, and other labels after them by text."""
    value = number(text)
    return (True, 0.0, text) if math.isnan(value) else (False, value, text)
