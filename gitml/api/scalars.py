"""The values of metrics: what training loops have at hand, as the scalars that are recorded."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from gitml.api.doubts import doubt
from gitml.values import Scalar, to_json

RESERVED = frozenset({"step", "time", "values"})  # these names are in an object of their own
WHOLE = 1 << 63  # integers from here on are floats, as most readers of JSON have them
_LONGEST = 10_000  # characters of a text
_DEEPEST = 16
_as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class _Unusable(Exception):
    """Something that is no scalar; says what it is instead."""


def scalars(values: Mapping[Any, Any]) -> dict[str, Scalar]:
    """Return flat metric name → scalar; nested mappings have dotted names.

    None stands for what wasn't measured, and is left out. So is what can't be recorded, with a
    warning.
    """
    found: dict[str, Scalar] = {}
    for name, value in _leaves(values):
        if value is None:
            continue
        if not name:
            doubt("no name", "A metric without a name is not recorded.")
            continue
        try:
            found[name] = _scalar(value)
        except _Unusable as error:
            doubt(name, f"{name!a} is {error}, and not one number; it is not recorded.")
    return found


def whole_step(step: Any) -> int | None:
    """Return a step as an integer: `3`, `3.0` and the integers of other libraries; else None."""
    if step is None:
        return None
    try:
        value = _scalar(step)
    except _Unusable as error:
        doubt("step", f"The step is {error}, and no integer; it is left out.")
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < WHOLE:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    doubt("step", f"The step {str(value)[:40]!a} is no integer; it is left out.")
    return None


def line(step: int | None, time: float, values: Mapping[str, Scalar]) -> bytes:
    """Return the line of `history.jsonl` (see `gitml.outputs.history`)."""
    tree: dict[str, Any] = {} if step is None else {"step": step}
    tree["time"] = round(time, 3)
    hidden: dict[str, Scalar] = {}
    for name, value in values.items():
        (hidden if name in RESERVED else tree)[name] = to_json(value)
    if hidden:
        tree["values"] = hidden
    return _as_json(tree).encode("utf-8", "replace") + b"\n"


def _leaves(values: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and depth < _DEEPEST:
            yield from _leaves(value, name, depth + 1)
        else:
            yield name, value


def _scalar(value: Any) -> Scalar:
    """Return a Python scalar.

    Raises:
        _Unusable: if it is none.
    """
    if isinstance(value, str):
        if len(value) > _LONGEST:
            raise _Unusable(f"a text of {len(value):,} characters")
        return str(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _bounded(int(value))
    if isinstance(value, float):
        return float(value)
    return _scalar_of(value)


def _scalar_of(value: Any) -> Scalar:
    """Return the scalar that a value of another library is: NumPy, torch, JAX, decimal, …."""
    try:
        plain = value.item() if hasattr(value, "item") else value  # the one element of an array
        if not isinstance(plain, bool | int | float | str):
            plain = int(plain) if hasattr(type(plain), "__index__") else plain.__float__()
    except Exception as error:  # whatever the library raises for more than one element
        raise _Unusable(_shown(value)) from error
    return _scalar(plain)


def _bounded(value: int) -> int | float:
    if -WHOLE < value < WHOLE:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _shown(value: Any) -> str:
    kind = type(value)
    place = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    shape = getattr(value, "shape", None)
    many = f" of shape {tuple(shape)}" if isinstance(shape, tuple) and shape else ""
    return f"a {place}{kind.__qualname__}{many}"
