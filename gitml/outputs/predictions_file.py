"""Predictions that a run wrote, read into columns; what was taken for what is said.

gitml's own files are CSV: `id,y_true,y_pred[,score | ,p:<class>…][,group][,slice:<name>…]`. Other
programs call their columns otherwise, and write other formats; both are read leniently.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import msgspec

from gitml.errors import RecordError
from gitml.outputs.column_store import Chunk, Few, Matrix, Scores, Values
from gitml.outputs.label_values import identifier, settle, texts_of
from gitml.outputs.prediction_columns import roles_of
from gitml.outputs.table_file import chunks_of

MOST_SLICE_VALUES = 30
MOST_SLICES = 20
_FEWEST_A_SLICE = 5


class PredictionsFile(msgspec.Struct, frozen=True):
    """The predictions of one run, one entry an example in every column.

    Attributes:
        ids: Text, not empty; may repeat.
        truth: Labels or numbers; None where there is none.
        predictions: The same.
        scores: Numbers, or rows of them (`Matrix`), NaN where there is none; None without any.
        classes: Labels of the columns of rows of scores, as far as they are known.
        positive: Label whose probability single scores are, where the file says it.
        groups: None without.
        slices: Name → values, for columns that are said to be slices.
        columns: Name → values of other columns with few different values.
        notes: Sentences on what was taken for what, and what was left out.
    """

    ids: Sequence[str]
    truth: Sequence[Any]
    predictions: Sequence[Any]
    scores: Any = None
    classes: tuple[str, ...] = ()
    positive: str | None = None
    groups: Sequence[Any] | None = None
    slices: dict[str, Sequence[Any]] = {}
    columns: dict[str, Sequence[Any]] = {}
    notes: tuple[str, ...] = ()


def read_predictions(path: Path, where: str = "", suffix: str = "") -> PredictionsFile:
    """Return the predictions in a file (CSV, TSV, JSON, JSON lines, Parquet, `.npz`).

    Args:
        path: The file.
        where: What to call it in messages; its path when empty.
        suffix: Says how to read it; that of its path when empty.

    Raises:
        RecordError: if it can't be read, or has no column of ids, truths or predictions.
    """
    where = where or str(path)
    notes: list[str] = []
    reading: _Reading | None = None
    for chunk in chunks_of(path, where, notes, suffix):
        reading = reading or _Reading(chunk, where)
        reading.extend(chunk)
    if reading is None:
        raise RecordError(f"{where} is empty.")
    return reading.result(notes)


class _Reading:
    """The columns of a file while it is read; the first piece says which there are."""

    def __init__(self, first: Chunk, where: str) -> None:
        self._where = where
        self._classes = _labels(first.get("classes", ()))
        roles = roles_of((name for name in first if name != "classes"), where)
        self.roles = roles
        self._kept = {
            name: Values()
            for name in (roles.ids, roles.truth, roles.prediction, roles.group, *roles.slices)
            if name
        }
        self._others = {name: Few(MOST_SLICE_VALUES) for name in roles.others}
        self._scores = Scores(len(roles.classes) if len(roles.classes) > 1 else 0)
        self._rows = 0

    def extend(self, chunk: Chunk) -> None:
        rows = len(chunk.get(self.roles.ids, ()))
        nothing: Sequence[Any] = [None] * rows
        for name, column in self._kept.items():
            column.extend(_flat(chunk.get(name, nothing)))
        for name, few in self._others.items():
            few.extend(_flat(chunk.get(name, nothing)))
        if self.roles.classes:
            columns = [chunk.get(name, nothing) for name in self.roles.classes]
            if len(columns) > 1:
                self._scores.extend_columns(columns)
            else:
                self._scores.extend(columns[0])
        elif self.roles.score:
            self._scores.extend(chunk.get(self.roles.score, nothing))
        self._rows += rows

    def result(self, notes: list[str]) -> PredictionsFile:
        roles = self.roles
        ids = texts_of(self._kept[roles.ids].values)
        scores, classes, positive = self._read_scores()
        truth = self._kept[roles.truth].values
        if roles.prediction:
            predictions = self._kept[roles.prediction].values
        else:
            predictions = self._highest(scores, classes)
            notes.append(f"In {self._where}, the class with the highest score is the prediction.")
        truth, predictions = settle(truth, predictions)
        found = PredictionsFile(
            ids=ids,
            truth=truth,
            predictions=predictions,
            scores=scores,
            classes=classes,
            positive=positive,
            groups=self._kept[roles.group].values if roles.group else None,
            slices={name: self._kept[column].values for column, name in roles.slices.items()},
            columns=self._slices(),
        )
        found = _without_foreign_classes(_with_ids(found, self._where, notes), self._where, notes)
        said = (roles.said,) if roles.said else ()
        return msgspec.structs.replace(found, notes=(*said, *notes))

    def _read_scores(self) -> tuple[Any, tuple[str, ...], str | None]:
        scores, labels = self._scores, tuple(self.roles.classes.values())
        if not scores.rows:
            return None, (), None
        if not scores.width:
            return scores.numbers, (), labels[0] if labels else None
        classes = labels or self._classes
        if classes and len(classes) != scores.width:
            raise RecordError(
                f"{self._where} has {scores.width:,} scores an example and {len(classes):,} "
                "classes."
            )
        return Matrix(scores.numbers, scores.width), classes, None

    def _highest(self, scores: Any, classes: Sequence[str]) -> list[Any]:
        if not isinstance(scores, Matrix):
            raise RecordError(
                f"{self._where} has no column of predictions.", hint="Call it `y_pred`."
            )
        names = classes or list(map(str, range(scores.shape[1])))
        found: list[Any] = []
        for row in scores:
            best = max(row)
            found.append(names[row.index(best)] if all(value == value for value in row) else None)
        return found

    def _slices(self) -> dict[str, Sequence[Any]]:
        """Return the other columns that divide the examples into a few parts."""
        found: dict[str, Sequence[Any]] = {}
        for name, few in self._others.items():
            if few.values is not None and 2 <= len(few.known) <= self._rows / _FEWEST_A_SLICE:
                found[name] = few.values
        return dict(list(found.items())[:MOST_SLICES])


def _flat(column: Sequence[Any]) -> Sequence[Any]:
    """Return a column as a list; of a table of numpy its rows as lists."""
    return column.tolist() if hasattr(column, "tolist") else column


def _labels(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(map(identifier, _flat(values)))


def _with_ids(found: PredictionsFile, where: str, notes: list[str]) -> PredictionsFile:
    """Return the predictions without the rows that have no id, which can't be joined."""
    lost = found.ids.count("")
    if not lost:
        return found
    keep = [bool(name) for name in found.ids]
    notes.append(f"{lost:,} row{'s' * (lost > 1)} of {where} without an id left out.")
    scores = found.scores
    if isinstance(scores, Matrix):
        rows = Scores(scores.shape[1])
        rows.extend([list(row) for row in compress(scores, keep)])
        scores = Matrix(rows.numbers, rows.width)
    elif scores is not None:
        scores = list(compress(scores, keep))
    return msgspec.structs.replace(
        found,
        ids=list(compress(found.ids, keep)),
        truth=list(compress(found.truth, keep)),
        predictions=list(compress(found.predictions, keep)),
        scores=scores,
        groups=None if found.groups is None else list(compress(found.groups, keep)),
        slices={name: list(compress(column, keep)) for name, column in found.slices.items()},
        columns={name: list(compress(column, keep)) for name, column in found.columns.items()},
    )


def _without_foreign_classes(
    found: PredictionsFile, where: str, notes: list[str]
) -> PredictionsFile:
    """Return the predictions without scores of classes that no example has.

    A column `score_mean` is no probability of a class `mean`. Rows of scores whose classes aren't
    named are those of 0, 1, 2 …
    """
    named = found.classes or ((found.positive,) if found.positive is not None else ())
    unnamed = isinstance(found.scores, Matrix) and not named
    if not (named or unnamed):
        return found
    try:
        labels = set(map(_label, {*found.truth, *found.predictions})) - {""}
    except TypeError:
        return found
    if unnamed:
        if labels <= set(map(str, range(found.scores.shape[1]))):
            return found
        notes.append(f"The scores in {where} don't say of which classes they are; not used.")
        return msgspec.structs.replace(found, scores=None)
    spelled = tuple(_as_label(name, labels) for name in named)
    if labels.isdisjoint(spelled):
        notes.append(
            f"The scores in {where} are of {_few(named)}, which no example is labelled with; they "
            "are left out."
        )
        return msgspec.structs.replace(found, scores=None, classes=(), positive=None)
    if found.classes:
        return msgspec.structs.replace(found, classes=spelled)
    return msgspec.structs.replace(found, positive=spelled[0])


def _label(value: Any) -> str:
    """Return a label as the statistics spell it."""
    return str(int(value)) if isinstance(value, bool) else identifier(value)


def _as_label(name: str, labels: set[str]) -> str:
    """Return the label that the name of a class means: `3.0` and `True` are 3 and 1."""
    if name in labels:
        return name
    read = settle([name], [])[0][0]
    return spelled if (spelled := _label(read)) in labels else name


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown} and {len(names) - 4:,} more" if len(names) > 4 else shown
