"""Whether a row matches an expression.

A value that is missing matches nothing but `= null`. Text and numbers are never equal, and never
ordered between each other; `true` is not 1. NaN equals NaN and is ordered with nothing. `tag`,
`note` and `author` have several values: `=` asks whether one is equal, `!=` whether none is.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from gitml.history.expression import And, In, Not, Or, Query
from gitml.history.fields import Name, value_of, values_of
from gitml.history.moments import interval
from gitml.history.rows import Row
from gitml.values import Scalar, as_number

_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LONGEST_SEARCHED = 10_000


def matches(query: Query, row: Row) -> bool:
    """Whether the row is one of those that the query asks for."""
    if isinstance(query, And):
        return all(matches(item, row) for item in query.items)
    if isinstance(query, Or):
        return any(matches(item, row) for item in query.items)
    if isinstance(query, Not):
        return not matches(query.item, row)
    if isinstance(query, In):
        return any(_compare(row, query.name, "=", value) for value in query.values)
    return _compare(row, query.name, query.operator, query.value)


def _compare(row: Row, name: Name, how: str, wanted: Scalar) -> bool:
    if name.root == "created" and how != "~" and isinstance(wanted, str):
        return _compare_time(row.started, how, wanted)
    several = values_of(row, name)
    if several is not None:
        return _compare_several(several, how, wanted)
    present, value = value_of(row, name)
    if not present or value is None:
        return how == "=" and wanted is None
    return _compare_value(value, how, wanted)


def _compare_several(values: tuple[Scalar, ...], how: str, wanted: Scalar) -> bool:
    if wanted is None:
        return bool(values) == (how == "!=") and how in ("=", "!=")
    if how == "!=":
        return not any(_compare_value(value, "=", wanted) for value in values)
    return any(_compare_value(value, how, wanted) for value in values)


def _compare_value(value: Scalar, how: str, wanted: Scalar) -> bool:
    if how == "~":
        return isinstance(value, str) and bool(
            _pattern(str(wanted)).search(value[:_LONGEST_SEARCHED])
        )
    if how == "=":
        return _same(value, wanted)
    if how == "!=":
        return not _same(value, wanted)
    first, second = as_number(value), as_number(wanted)
    if first is not None and second is not None:
        return _ORDERINGS[how](first, second)
    if first is None and second is None and isinstance(value, str) and isinstance(wanted, str):
        return _ORDERINGS[how](value, wanted)
    return False


def _same(value: Scalar, wanted: Scalar) -> bool:
    if value is None or wanted is None or isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    first, second = as_number(value), as_number(wanted)
    if first is not None and second is not None:
        return first == second or (first != first and second != second)
    return type(value) is type(wanted) and value == wanted


def _compare_time(started: float, how: str, wanted: str) -> bool:
    start, end = _interval(wanted)
    if how in ("=", "!="):
        return (start <= started < end) == (how == "=")
    if how == "<":
        return started < start
    if how == "<=":
        return started < end
    return started >= end if how == ">" else started >= start


@lru_cache(maxsize=64)
def _interval(text: str) -> tuple[float, float]:
    return interval(text)


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)
