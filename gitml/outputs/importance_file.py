"""Importances of features that a run wrote: feature → number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gitml.errors import RecordError
from gitml.outputs.column_store import numbers
from gitml.outputs.json_table import read_tree
from gitml.outputs.table_file import chunks_of

MOST_FEATURES = 1_000_000

_FEATURES = ("feature", "features", "name", "column", "variable", "token", "")
_VALUES = (
    "importance",
    "importances",
    "value",
    "values",
    "score",
    "weight",
    "gain",
    "mean",
    "importance_mean",
    "attribution",
)


class Importances(msgspec.Struct, frozen=True):
    """The importances of one run.

    Attributes:
        values: Feature → importance; NaN for what is no number.
        notes: Sentences on what was taken for what, and what was left out.
    """

    values: dict[str, float]
    notes: tuple[str, ...] = ()


def read_importances(path: Path, where: str = "", suffix: str = "") -> Importances:
    """Return the importances in a file.

    JSON: `{feature: number}`, a list of `{"feature": …, "importance": …}` or of pairs, or one list
    of features and one of numbers. Tables (CSV, TSV, JSON lines, Parquet): a column of features and
    one of numbers. A feature that is there twice is left out unless both say the same.

    Args:
        path: The file.
        where: What to call it in messages; its path when empty.
        suffix: Says how to read it; that of its path when empty.

    Raises:
        RecordError: if it can't be read, or holds no importances.
    """
    where, suffix = where or str(path), (suffix or path.suffix).lower()
    notes: list[str] = []
    if suffix == ".json":
        pairs = _pairs(read_tree(path, where), where)
    else:
        pairs = _of_table(path, where, suffix, notes)
    if not pairs:
        raise RecordError(f"{where} holds no importances.", hint='Such as {"age": 0.3}.')
    if len(pairs) > MOST_FEATURES:
        raise RecordError(f"{where} has more than {MOST_FEATURES:,} features.")
    names = [str(name) for name, _ in pairs]
    values = numbers([None if isinstance(v, bool) else v for _, v in pairs])
    return _without_repeats(names, values, where, notes)


def _without_repeats(
    names: Sequence[str], values: Sequence[float], where: str, notes: list[str]
) -> Importances:
    found: dict[str, float] = {}
    odd: set[str] = set()
    for name, value in zip(names, values, strict=True):
        known = found.setdefault(name, value)
        if known != value and not (math.isnan(known) and math.isnan(value)):
            odd.add(name)
    if odd:
        many = "feature is" if len(odd) == 1 else "features are"
        notes.append(f"In {where}, {len(odd):,} {many} there twice with different numbers.")
    kept = {name: value for name, value in found.items() if name not in odd}
    if kept and all(map(math.isnan, kept.values())):
        raise RecordError(f"{where} holds no importances: no feature has a number.")
    return Importances(kept, tuple(notes))


def _pairs(tree: Any, where: str, *, wrapped: bool = False) -> list[tuple[Any, Any]]:
    """Return (feature, number) of what a JSON file holds."""
    if isinstance(tree, dict):
        inner = next(iter(tree.values())) if len(tree) == 1 else None
        if isinstance(inner, dict | list) and not wrapped:
            return _pairs(inner, where, wrapped=True)
        lists = _lists(tree)
        if lists is not None:
            return lists
        return [(name, value) for name, value in tree.items() if not isinstance(value, dict | list)]
    if isinstance(tree, list) and all(isinstance(one, list) and len(one) == 2 for one in tree):
        return [(one[0], one[1]) for one in tree]
    if isinstance(tree, list) and tree and all(isinstance(one, dict) for one in tree):
        name, value = _columns(list(tree[0]), where)
        return [(one.get(name), one.get(value)) for one in tree]
    raise RecordError(f"{where} holds no importances.", hint='Such as {"age": 0.3}.')


def _lists(tree: dict[str, Any]) -> list[tuple[Any, Any]] | None:
    """Return what is one list of features and one of numbers."""
    columns = {name: value for name, value in tree.items() if isinstance(value, list)}
    names = next((columns[name] for name in _FEATURES if name in columns), None)
    values = next((columns[name] for name in _VALUES if name in columns), None)
    if names is None or values is None or len(names) != len(values):
        return None
    return list(zip(names, values, strict=True))


def _of_table(path: Path, where: str, suffix: str, notes: list[str]) -> list[tuple[Any, Any]]:
    pairs: list[tuple[Any, Any]] = []
    chosen: tuple[str, str] | None = None
    for chunk in chunks_of(path, where, notes, suffix):
        chosen = chosen or _columns(list(chunk), where)
        pairs += zip(chunk[chosen[0]], chunk[chosen[1]], strict=True)
        if len(pairs) > MOST_FEATURES:
            break
    return pairs


def _columns(names: Sequence[str], where: str) -> tuple[str, str]:
    """Return the columns of the features and of their importances; of two, the first and second."""
    plain = {name.strip().lower().replace(" ", "_"): name for name in names}
    feature = next((plain[name] for name in _FEATURES if name in plain), None)
    value = next(
        (plain[name] for name in _VALUES if name in plain and plain[name] != feature), None
    )
    if feature is not None and value is not None:
        return feature, value
    if len(names) == 2:
        return names[0], names[1]
    raise RecordError(
        f"{where} has no columns of features and importances.",
        hint="Call them `feature` and `importance`.",
    )
