"""Numbers as programs print them: `0.12`, `1e-3`, `nan`, `-inf`."""

from __future__ import annotations

import math
import re

from gitml.values import Scalar

_INTEGER = re.compile(r"[-+]?[0-9]{1,400}\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,6})?\Z")
_SPECIAL = {
    "nan": math.nan,
    "inf": math.inf,
    "infinity": math.inf,
}


def parse_number(text: str) -> int | float | None:
    """Return the number that `text` spells, or None.

    An integer stays an integer; `nan` and `inf` in any case, with or without a sign, are floats.
    A finite spelling beyond the range of floats (`1e400`) is no number.
    """
    text = text.strip()
    if _INTEGER.match(text):
        return int(text)
    if len(text) <= 400 and _FLOAT.match(text):
        value = float(text)
        return value if math.isfinite(value) else None
    special = _SPECIAL.get(text.lstrip("+-").lower())
    if special is None or len(text) > 10:
        return None
    return -special if text.startswith("-") else special


def parse_cell(text: str) -> Scalar:
    """Return the value of one cell of a table: a number, a boolean, or the text itself."""
    number = parse_number(text)
    if number is not None:
        return number
    return {"true": True, "false": False}.get(text.strip().lower(), text)
