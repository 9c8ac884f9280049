"""The scalar values that settings and metrics take, and their canonical forms.

A scalar is null, a boolean, an integer, a float or a string. In JSON, NaN and infinities are the
strings "NaN", "Infinity" and "-Infinity", since strict JSON has no others.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

Scalar = None | bool | int | float | str

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def to_json(value: Scalar) -> Scalar:
    """Return `value` with non-finite floats spelled as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def as_number(value: Scalar) -> float | int | None:
    """Return `value` as a number ("NaN" and the infinities included), or None if it is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return NON_FINITE.get(value)
    return value


def flatten(tree: Any, prefix: str = "") -> dict[str, Scalar]:
    """Flatten nested mappings and sequences into dotted names.

    `{"optimizer": {"lr": 0.1}, "layers": [8, 4]}` becomes
    `{"optimizer.lr": 0.1, "layers.0": 8, "layers.1": 4}`; an empty mapping or sequence becomes
    its JSON text, so that it isn't lost. Values of other types become their `str`.
    """
    flat: dict[str, Scalar] = {}
    pairs: Iterable[tuple[Any, Any]]
    if isinstance(tree, Mapping):
        pairs = tree.items()
    elif isinstance(tree, list | tuple):
        pairs = enumerate(tree)
    else:
        return {prefix: tree if isinstance(tree, Scalar) else str(tree)}
    empty = True
    for key, value in pairs:
        empty = False
        flat.update(flatten(value, f"{prefix}.{key}" if prefix else str(key)))
    if empty and prefix:
        flat[prefix] = "{}" if isinstance(tree, Mapping) else "[]"
    return flat


def canonical(value: Any) -> bytes:
    """Return the canonical JSON bytes of `value`: sorted keys, no spaces, strict numbers.

    Integers and floats stay apart (`1` is not `1.0`), floats are spelled by `repr`, so that
    `1e-3` and `0.001` are the same.
    """
    return json.dumps(
        _strict(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def digest(value: Any) -> str:
    """Return `sha256:<hex>` over the canonical form of `value`."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(_strict(item) for item in value)
    return to_json(value) if isinstance(value, float) else value
