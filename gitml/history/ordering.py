"""Sorting rows by their values: numbers, then other values, then NaN, then what has none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from gitml.errors import UsageError
from gitml.history.fields import ANY, PLAIN, ROOTS, Name, name_of, value_of, values_of
from gitml.history.rows import Row
from gitml.values import Scalar, as_number


class Sort(msgspec.Struct, frozen=True):
    """One key to sort by."""

    name: Name
    descending: bool = False


def parse_sort(text: str) -> tuple[Sort, ...]:
    """Return the keys that a text such as `-metrics.accuracy,params.lr` names.

    Raises:
        UsageError: if there is no such name.
    """
    keys = []
    for part in text.split(","):
        word = part.strip()
        if word:
            name = word.removeprefix("-").removeprefix("+").strip().strip("`\"'")
            keys.append(Sort(_name(name), word.startswith("-")))
    return tuple(keys)


def _name(text: str) -> Name:
    """Return a name; a bare one that is no field is a metric or a setting (`accuracy`, `lr`)."""
    try:
        return name_of(text)
    except UsageError:
        if not PLAIN.fullmatch(text) or text.partition(".")[0] in ROOTS:
            raise
        return Name(ANY, text)


def sorted_rows(rows: Iterable[Row], keys: Sequence[Sort]) -> list[Row]:
    """Return the rows in order; equal ones stay as they are.

    Raises:
        UsageError: if a bare name is neither a metric nor a setting of any row.
    """
    ordered = list(rows)
    for key in reversed(keys):
        known = key.name.root != ANY or any(value_of(row, key.name)[0] for row in ordered)
        if ordered and not known:
            raise UsageError(
                f"No experiment here has a metric or setting {key.name.key!r}.",
                hint="`gitml exp list` shows their names.",
            )
        numbers: list[tuple[float | int, Row]] = []
        texts: list[tuple[str, Row]] = []
        unordered: list[Row] = []
        missing: list[Row] = []
        for row in ordered:
            present, value = _value(row, key.name)
            number = as_number(value)
            if not present or value is None:
                missing.append(row)
            elif number is None:
                texts.append((str(value), row))
            elif isinstance(number, float) and math.isnan(number):
                unordered.append(row)
            else:
                numbers.append((number, row))
        numbers.sort(key=lambda pair: pair[0], reverse=key.descending)
        texts.sort(key=lambda pair: pair[0], reverse=key.descending)
        ordered = [
            *(row for _, row in numbers),
            *(row for _, row in texts),
            *unordered,
            *missing,
        ]
    return ordered


def _value(row: Row, name: Name) -> tuple[bool, Scalar]:
    if name.root == "created":
        return True, row.started
    several = values_of(row, name)
    if several is None:
        return value_of(row, name)
    return bool(several), several[0] if several else None
