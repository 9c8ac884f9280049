"""Labels and numbers out of the texts of a file, so that files of any kind can be compared.

A CSV file has texts only, and spells the same label in several ways (`3`, `3.0`, `True`). Texts
become numbers only where all of a column are numbers, so that a label `007` stays one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

_Kind = Literal["whole", "number", "boolean", "text"]

_WHOLE = re.compile(r"(?:0|-?[1-9]\d{0,17})\Z")
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d{1,17}|\d{1,400}\.\d*|\.\d+)(?:[eE][+-]?\d{1,4})?|inf(?:inity)?)\Z", re.I | re.A
)
_LEADING_ZERO = re.compile(r"[+-]?0\d")
_FLOAT_ID = re.compile(r"\d+\.0\Z")
_BOOLEANS = {"true": True, "false": False}
# What programs write for a missing value; the second ones only among numbers.
_NOTHING = frozenset(["", "nan", "NaN"])
_NO_NUMBER = _NOTHING | {"NA", "N/A", "<NA>", "null", "NULL", "None", "none", "-"}


def settle(truth: list[Any], predictions: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return truths and predictions, with texts as what they stand for, None for nothing.

    Where one column has numbers and the other texts among them (a model that abstains with a
    word), numbers of the second are spelled as those of the first.
    """
    kinds = _kind(truth), _kind(predictions)
    columns = [_read(truth, kinds[0]), _read(predictions, kinds[1])]
    if set(kinds) & {"whole", "number", "boolean"}:
        for place, kind in enumerate(kinds):
            if kind == "text":
                columns[place] = _mapped(columns[place], _spelled)
    return columns[0], columns[1]


def texts_of(values: Sequence[Any]) -> list[str]:
    """Return ids as texts, empty for none; `12.0` of a CSV file, which pandas made of 12, is 12."""
    if values and all(type(value) is str for value in values):
        if _FLOAT_ID.match(values[0]) and all(map(_FLOAT_ID.match, values)):
            return [value[:-2] for value in values]
        return list(values)
    return [identifier(value) for value in values]


def identifier(value: Any) -> str:
    """Return one id as text; empty for None and NaN."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _kind(column: list[Any]) -> _Kind | None:
    """Return what the texts of a column are; None for a column without texts."""
    words = _words(column)
    if words is None:
        return "text" if any(isinstance(value, str) for value in column) else "number"
    if not words:
        return None
    if all(map(_WHOLE.match, words)):
        return "whole"
    if all(word.lower() in _BOOLEANS for word in words - _NOTHING):
        return "boolean" if words - _NOTHING else None
    numbers = words - _NO_NUMBER
    if numbers and all(map(_NUMBER.match, numbers)) and not any(map(_LEADING_ZERO.match, numbers)):
        return "number"
    return "text"


def _words(column: list[Any]) -> set[str] | None:
    """Return the different texts of a column; None when it holds other values as well."""
    types = set(map(type, column))
    if types - {str, type(None)}:
        return None
    return {word for word in set(column) if word is not None}


def _read(column: list[Any], kind: _Kind | None) -> list[Any]:
    if kind == "whole":
        return _mapped(column, int)
    if kind == "number":
        return _mapped(column, _float)
    if kind == "boolean":
        return _mapped(column, lambda word: _BOOLEANS.get(word.lower()))
    if kind == "text":
        return _mapped(column, lambda word: None if word in _NOTHING else word)
    return [None if value in _NOTHING else value for value in column] if kind is None else column


def _mapped(column: list[Any], read: Any) -> list[Any]:
    """Return a column with its texts read, each different one once."""
    try:
        known = {value: read(value) if type(value) is str else value for value in set(column)}
    except TypeError:  # a list in it
        return [read(value) if type(value) is str else value for value in column]
    return list(map(known.__getitem__, column))


def _float(word: str) -> float | None:
    return None if word in _NO_NUMBER else float(word)


def _spelled(word: str) -> Any:
    """Return a number among texts as a number column has it."""
    if word.lower() in _BOOLEANS:
        return _BOOLEANS[word.lower()]
    return float(word) if _NUMBER.match(word) else word
