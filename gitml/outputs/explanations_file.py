"""Explanations of single predictions that a run wrote: one row of numbers an example."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import compress, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gitml.errors import RecordError
from gitml.outputs.column_store import Chunk, Matrix, Scores, Values
from gitml.outputs.label_values import identifier, texts_of
from gitml.outputs.prediction_columns import id_column
from gitml.outputs.table_file import chunks_of

if TYPE_CHECKING:
    from gitml.outputs.npz_file import NpzFile

MOST_FEATURES = 100_000
_MOST_DIMENSIONS = 16
_ROWS = ("values", "value", "attributions", "attribution", "explanation", "shap_values")
_FEATURES = ("features", "feature_names", "columns")


class Explanations(msgspec.Struct, frozen=True):
    """The explanations of one run.

    Attributes:
        ids: Text, not empty; may repeat.
        values: One row an example, one number a feature; NaN for what is no number.
        features: Names of the columns; empty when they aren't known.
        notes: Sentences on what was left out.
    """

    ids: Sequence[str]
    values: Any
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_explanations(path: Path, where: str = "", suffix: str = "") -> Explanations:
    """Return the explanations in a file.

    Tables (CSV, TSV, JSON lines, JSON, Parquet) have a column of ids and one a feature, or one
    with a list of numbers. `.npz` files have `ids`, `values` (n, …) and perhaps `features`.

    Args:
        path: The file.
        where: What to call it in messages; its path when empty.
        suffix: Says how to read it; that of its path when empty.

    Raises:
        RecordError: if it can't be read, or has no ids.
    """
    where, suffix = where or str(path), (suffix or path.suffix).lower()
    if suffix == ".npz":
        return _arrays(path, where)
    notes: list[str] = []
    reading: _Reading | None = None
    for chunk in chunks_of(path, where, notes, suffix):
        reading = reading or _Reading(chunk, where)
        reading.extend(chunk)
    if reading is None:
        raise RecordError(f"{where} is empty.")
    return reading.result(notes)


class _Reading:
    """The columns of a table while it is read; the first piece says which there are."""

    def __init__(self, first: Chunk, where: str) -> None:
        self._where = where
        self._ids = id_column(first, where)
        names = [name for name in first if name not in (self._ids, "")]
        features = next((name for name in names if name.lower() in _FEATURES), "")
        rows = next((name for name in names if name.lower() in _ROWS), "")
        self._rows = rows if rows and _is_rows(first[rows]) else ""
        self._columns = names
        self._features = tuple(names)
        self._of_rows = features
        if self._rows:
            listed = first.get(features, ())
            inner = listed[0] if listed and isinstance(listed[0], list) else listed
            self._features = tuple(map(identifier, inner))
        if not names:
            raise RecordError(f"{where} has no columns of features.")
        self._texts = Values()
        self._values = Scores(0 if self._rows else len(names))

    def extend(self, chunk: Chunk) -> None:
        ids = chunk.get(self._ids, ())
        nothing: Sequence[Any] = [None] * len(ids)
        self._texts.extend(ids)
        if self._rows:
            self._values.extend(chunk.get(self._rows, nothing))
        else:
            self._values.extend_columns([chunk.get(name, nothing) for name in self._columns])

    def result(self, notes: list[str]) -> Explanations:
        width = self._values.width
        if not width:
            raise RecordError(f"{self._where} has no rows of numbers.")
        ids, values = texts_of(self._texts.values), Matrix(self._values.numbers, width)
        features = self._features if len(self._features) == width else ()
        lost = ids.count("")
        if lost:
            notes.append(f"{lost:,} row{'s' * (lost > 1)} of {self._where} without an id left out.")
            keep = list(map(bool, ids))
            kept = Scores(width)
            kept.extend([list(row) for row in compress(values, keep)])
            ids, values = list(compress(ids, keep)), Matrix(kept.numbers, width)
        return Explanations(ids, values, features, tuple(notes))


def _is_rows(column: Sequence[Any]) -> bool:
    if getattr(column, "ndim", 1) == 2:
        return True
    first = next((one for one in column if one is not None), None)
    return isinstance(first, list) or (isinstance(first, str) and first.lstrip().startswith("["))


def _arrays(path: Path, where: str) -> Explanations:
    from gitml.outputs.npz_file import NpzFile

    with NpzFile(path, where) as file:
        names = {name.lower(): name for name in file.names}
        ids = names.get("ids", names.get("id", ""))
        rows = next((names[name] for name in _ROWS if name in names), "")
        features = next((names[name] for name in _FEATURES if name in names), "")
        if not ids:
            raise RecordError(
                f"{where} has no array `ids`. Examples are joined by id, never by row: add it."
            )
        if not rows:
            raise RecordError(f"{where} has no array `values`.", hint="(examples, features).")
        if file.about(rows).kind.lstrip("<>|=")[:1] not in "biuf":
            raise RecordError(f"{where}: {rows} holds no numbers.")
        texts = texts_of(file.texts(ids))
        values = file.read(rows)
        named = file.texts(features) if features else []
        inner = _inner(file, names.get("shape", ""))
    if values.ndim < 2 or len(values) != len(texts):
        raise RecordError(
            f"{where} has {len(texts):,} ids, and values of the shape {values.shape}.",
            hint="The values are (examples, features).",
        )
    inner = inner if values.ndim == 2 else values.shape[1:]
    values = values.reshape(len(values), -1)
    width = values.shape[1]
    if not width or width > MOST_FEATURES * 10:
        raise RecordError(f"{where} has {width:,} numbers an example.")
    known = tuple(map(identifier, named)) if len(named) == width else ()
    if not known and len(inner) > 1 and math.prod(inner) == width:
        # Two images of different sizes have no pixel in common by its place in the row alone.
        known = tuple(".".join(map(str, place)) for place in product(*map(range, inner)))
    return Explanations(texts, values, known)


def _inner(file: NpzFile, name: str) -> tuple[int, ...]:
    """Return the shape of one example's attributions that an array says; empty without it."""
    if not name:
        return ()
    about = file.about(name)
    if about.kind.lstrip("<>|=")[:1] not in "iu" or math.prod(about.shape) > _MOST_DIMENSIONS:
        return ()
    return tuple(file.read(name).ravel().tolist())
