"""`gitml.log_predictions`: what a model said of each example of a test set."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from gitml.api.cells import CsvFile, spelled
from gitml.api.given import (
    check_lengths,
    column,
    example_ids,
    float_format,
    unique,
    verb,
    warn,
)
from gitml.api.made import named, write
from gitml.api.repeats import first_rows, same_value
from gitml.api.scores import Scores
from gitml.comparison.statistics.labels import label, labels
from gitml.errors import ArtifactError
from gitml.inputs.examples import counted, shown

_BLOCK = 20_000
_WHOLE = re.compile(r"-?[0-9]+")
_ONE_LABEL = (
    "y_true and y_pred have one label or number an example: scores.argmax(1) rather than scores."
)


def log_predictions(
    ids: Any,
    y_true: Any,
    y_pred: Any,
    scores: Any = None,
    slices: Mapping[str, Any] | None = None,
    groups: Any = None,
    classes: Any = None,
    name: str = "predictions",
) -> Path:
    """Record what a model predicted for each example, so that `gitml exp diff` can compare it.

        gitml.log_predictions(ids, y_true, y_pred, scores=probabilities, classes=["cat", "dog"])
        gitml.log_predictions(ids, prices, model.predict(x), slices={"city": cities})

    In `gitml exp run` it becomes `.gitml/predictions/<name>.csv` of the experiment; elsewhere it
    is a file below `.gitml/outside/`. A second call with the same name replaces the first.

    Lists, arrays (numpy, torch on any device, JAX, TensorFlow) and columns of data frames are
    taken. n is the number of examples; arrays of the shape (n, 1) count as (n,).

    Every process of a distributed run may log its own examples: they are joined by id, sorted,
    when the run is recorded, and what a sampler repeats to fill its last batch counts once.

    Args:
        ids: (n,) Text or integers that name each example for ever (`7` and `"7"` are one id).
        y_true: (n,) Labels, or numbers of a regression. None or NaN where there is no truth.
        y_pred: (n,) The same for the predictions.
        scores: (n, k) Probabilities, in the order of `classes`. Or (n,): with two `classes` the
            probability of the second one, without `classes` the confidence in `y_pred`.
        slices: Name → (n,) values that examples are looked at by: a camera, a language. A data
            frame is taken, too.
        groups: (n,) What makes examples depend on each other: a patient, a video.
        classes: (k,) Labels of the columns of `scores`; without them 0, 1, 2, …. Where `y_true`
            and `y_pred` are positions in `classes`, the labels are written in their place.
        name: Tells several sets of predictions of one run apart (`valid`, `test/clean`).

    Returns:
        Where it was written.

    Raises:
        ArtifactError: if columns differ in length; an id is missing (None, NaN, empty), no text
            or integer, or there with two different truths or predictions (rows that only repeat
            others are left out); or `name` can't name a file. It is a ValueError, too.

    Warns:
        ArtifactWarning: if truths, predictions or scores are NaN, or scores look like the
            probability of a class rather than the confidence in the prediction.
    """
    full = named(name, ".csv")
    texts = example_ids(ids)
    known = () if classes is None else _classes(classes)
    truth, predicted = column(y_true, "y_true", _ONE_LABEL), column(y_pred, "y_pred", _ONE_LABEL)
    found = None if scores is None else Scores(scores, known)
    extras = _extras(groups, slices)
    check_lengths(texts, {"y_true": truth, "y_pred": predicted, **extras})
    check_lengths(texts, {"scores": None if found is None else range(found.length)})
    rows = first_rows(
        texts,
        lambda a, b: same_value(truth[a], truth[b]) and same_value(predicted[a], predicted[b]),
        "two different truths or predictions",
    )
    if _is_regression(truth, predicted):
        both = _numbers(truth, float_format(y_true)), _numbers(predicted, float_format(y_pred))
    else:
        both = _as_classes(labels(truth), known), _as_classes(labels(predicted), known)
        _doubt_labels(both, found, known)
    _doubt_missing(truth, predicted)
    header = ["id", "y_true", "y_pred", *(found.header if found else ()), *extras]
    table = _Table(header, (texts, *both), found, [_words(one) for one in extras.values()], rows)
    path = write("predictions", full, table.fill)
    if found is not None and found.not_finite:
        said = f"{counted(found.not_finite, 'example')} of {full}"
        warn(f"{said} {verb(found.not_finite, 'has', 'have')} scores that are not finite.")
    return path


class _Table(NamedTuple):
    """The columns of the file, and the rows to write (None: all)."""

    header: Sequence[str]
    before: Sequence[Sequence[str]]
    scores: Scores | None
    after: Sequence[Sequence[str]]
    rows: Sequence[int] | None

    def fill(self, file: BinaryIO) -> None:
        text = CsvFile(file, self.header)
        for places in _blocks(len(self.before[0]), self.rows):
            columns = [_taken(values, places) for values in self.before]
            columns += self.scores.columns(places) if self.scores else []
            columns += [_taken(values, places) for values in self.after]
            text.write(zip(*columns, strict=True))
        text.finish()


def _blocks(length: int, rows: Sequence[int] | None) -> Iterator[range | Sequence[int]]:
    everything = range(length) if rows is None else rows
    for start in range(0, len(everything), _BLOCK):
        yield everything[start : start + _BLOCK]


def _taken(values: Sequence[str], places: range | Sequence[int]) -> Sequence[str]:
    if isinstance(places, range):
        return values[places.start : places.stop]
    return [values[place] for place in places]


def _classes(classes: Any) -> tuple[str, ...]:
    found = column(classes, "classes", "classes are the labels of the columns of scores.")
    return tuple(unique(map(label, found), "classes"))


def _extras(groups: Any, slices: Any) -> dict[str, list[Any]]:
    """Return the name in the header of the group and of each slice → its values."""
    found: dict[str, list[Any]] = {}
    if groups is not None:
        found["group"] = column(groups, "groups")
    if slices is None:
        return found
    if not hasattr(slices, "items"):
        raise ArtifactError(
            f"slices is a {type(slices).__name__}.", hint='slices={"camera": cameras}'
        )
    names = unique((name for name, _ in slices.items()), "slices")
    for name, (_, values) in zip(names, slices.items(), strict=True):
        found[f"slice:{name}"] = column(values, f"the slice {shown(name)}")
    return found


def _is_regression(truth: Sequence[Any], predicted: Sequence[Any]) -> bool:
    """Whether all are numbers and one isn't whole, as `gitml exp diff` has it."""
    fraction = False
    for values in (truth, predicted):
        types = set(map(type, values))
        if types - {int, float, bool, type(None)}:
            return False
        fraction = fraction or (float in types and any(map(_is_fraction, values)))
    return fraction


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) and not value.is_integer() and not math.isnan(value)


def _numbers(values: Sequence[Any], style: str) -> list[str]:
    return spelled((math.nan if value is None else float(value) for value in values), style)


def _as_classes(texts: list[str], classes: Sequence[str]) -> list[str]:
    """Return labels; positions in `classes` as the labels there, if there are only numbers."""
    different = set(texts) - {""}
    if different & set(classes) or not all(map(_WHOLE.fullmatch, different)):
        return texts
    by_place = {str(place): name for place, name in enumerate(classes)}
    return [by_place.get(text, text) for text in texts]


def _words(values: Sequence[Any]) -> list[str]:
    """Return what examples are looked at by as texts: `True` says more than `1`."""
    plain = values if bool not in set(map(type, values)) else [_word(value) for value in values]
    return labels(plain)


def _word(value: Any) -> Any:
    return str(value) if isinstance(value, bool) else value


def _doubt_missing(truth: Sequence[Any], predicted: Sequence[Any]) -> None:
    for what, values in (("y_true", truth), ("y_pred", predicted)):
        lost = sum(value is None or value == "" or value != value for value in values)
        if lost:
            said = f"{counted(lost, 'value')} of {what} {verb(lost, 'is', 'are')}"
            warn(f"{said} missing (None, NaN or empty).")


def _doubt_labels(
    both: tuple[Sequence[str], Sequence[str]], scores: Scores | None, classes: Sequence[str]
) -> None:
    for what, texts in zip(("y_true", "y_pred"), both, strict=True):
        unknown = sorted(set(texts) - {"", *classes}) if classes else []
        if unknown:
            warn(f"{what} has {shown(unknown[0])}, which is not among the classes.")
    different = set(both[1]) - {""}
    singles = scores.singles if scores and different <= {"0", "1"} else ()
    known = [one for one in singles if one == one]
    if known and 0 <= min(known) < 0.5 and max(known) <= 1:
        warn(
            "Without classes, a score is the confidence in y_pred. Some are below 0.5, so they "
            "look like the probability of a label: classes=[0, 1] says that it is the one of 1."
        )
