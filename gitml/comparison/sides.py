"""The same names on several sides: lining them up, and saying how they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from gitml.values import Scalar

T = TypeVar("T")


def names_of(sides: Iterable[Iterable[str]]) -> list[str]:
    """Return the names on any side, in the order in which they first come."""
    return list(dict.fromkeys(name for side in sides for name in side))


def line_up(sides: Sequence[Mapping[str, T]], name: str) -> tuple[T | None, ...]:
    """Return what each side has under a name."""
    return tuple(side.get(name) for side in sides)


def absent(sides: Sequence[Mapping[str, T]], name: str) -> tuple[bool, ...]:
    """Return which sides don't have a name."""
    return tuple(name not in side for side in sides)


def equal(values: Sequence[Scalar], missing: Sequence[bool]) -> bool:
    """Whether a row is the same everywhere; `1`, `1.0` and `true` are three values."""
    first = (type(values[0]), values[0], missing[0])
    return all((type(v), v, m) == first for v, m in zip(values, missing, strict=True))


def change_of(values: Sequence[object | None]) -> str:
    """Return `added`, `removed`, `changed`, `same`, or `differs` when there are more than two."""
    if all(value == values[0] for value in values):
        return "same"
    if len(values) > 2:
        return "differs"
    if values[0] is None:
        return "added"
    return "removed" if values[1] is None else "changed"
