"""Predictions of two arms, joined by the id of the example and never by the row.

What is joined, and what is left out and counted:

- Ids are compared as text, so that 7 in a JSON file is "7" in a CSV file.
- Only ids that every run of both arms has are compared.
- An id that a run has twice with the same truth and prediction counts once (samplers of
  distributed programs pad the last batch with repeats); one that it has twice with different ones
  is left out, since nobody knows which of them holds.
- An id whose truth differs between the files is left out: the test set was relabelled.
- An id without a truth, or without a prediction in some run (null, NaN, empty, or for numbers an
  infinity), is left out.
- A score that is NaN, infinite or null leaves the example in, and takes it out of what needs
  scores.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from operator import add, eq
from typing import Any

import msgspec

from gitml.comparison.statistics.joined import Joined, Left, Predictions, Side, Task
from gitml.comparison.statistics.labels import label, labels, listed, number
from gitml.comparison.statistics.scores import read_scores
from gitml.errors import UsageError


class _Run(msgspec.Struct, frozen=True):
    where: dict[str, int]
    truth: Sequence[Any]
    predictions: Sequence[Any]
    repeats: int
    contradictions: set[str]
    source: Predictions


def join(a: Sequence[Predictions], b: Sequence[Predictions], *, task: Task | None = None) -> Joined:
    """Join the runs of two arms by id.

    Args:
        a: Predictions of each run of A, at least one.
        b: The same for B.
        task: None to find out: regression when every truth and prediction is a number and one of
            them isn't whole.

    Raises:
        UsageError: if an arm has no run, or the columns of a run differ in length.
    """
    if not a or not b:
        raise UsageError("There are no predictions to compare on one side.")
    sources = [_plain(run) for run in (*a, *b)]
    task = task or _task(sources)
    runs = [_read(source, task) for source in sources]
    ids, counts = _shared_ids(runs, len(a))
    ids, dropped = _complete_ids(ids, runs, task)
    rows = [list(map(run.where.__getitem__, ids)) for run in runs]
    truth = _taken(runs[0].truth, rows[0])
    sides, lost, signed = _sides(runs, rows, truth, task)
    left = Left(shared=len(ids), scores_not_finite=lost, **counts, **dropped)
    groups, slices = _extras(runs, rows)
    arms = tuple(sides[: len(a)]), tuple(sides[len(a) :])
    right_a, right_b = (_correctness(truth, arm, task) for arm in arms)
    return Joined(task, ids, truth, *arms, groups, slices, left, right_a, right_b, signed)


def _plain(run: Predictions) -> Predictions:
    """Return the predictions with plain sequences, checked for their lengths."""
    plain = msgspec.structs.replace(
        run,
        ids=listed(run.ids),
        y_true=listed(run.y_true),
        y_pred=listed(run.y_pred),
        classes=labels(listed(run.classes)),
        groups=None if run.groups is None else listed(run.groups),
        slices={name: listed(column) for name, column in run.slices.items()},
    )
    columns: dict[str, Any] = {"y_true": plain.y_true, "y_pred": plain.y_pred}
    columns |= {"scores": run.scores, "groups": plain.groups}
    columns |= {f"slice {name}": column for name, column in plain.slices.items()}
    for name, column in columns.items():
        if column is not None and len(column) != len(plain.ids):
            raise UsageError(
                f"The predictions have {len(plain.ids):,} ids and {len(column):,} of {name}.",
                hint="Every column needs one value an example.",
            )
    return plain


def _task(sources: Sequence[Predictions]) -> Task:
    fraction = False
    for source in sources:
        for column in (source.y_true, source.y_pred):
            types = set(map(type, column))
            if str in types:
                return "classification"
            fraction = fraction or (float in types and any(map(_is_fraction, column)))
    return "regression" if fraction else "classification"


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) and not value.is_integer() and not math.isnan(value)


def _read(source: Predictions, task: Task) -> _Run:
    convert: Callable[[Sequence[Any]], list[Any]]
    convert = labels if task == "classification" else _numbers
    truth, predictions = convert(source.y_true), convert(source.y_pred)
    ids = source.ids if all(type(i) is str for i in source.ids) else list(map(label, source.ids))
    where = dict(zip(ids, range(len(ids)), strict=True))
    repeats, contradictions = 0, set()
    if len(where) < len(ids):
        first: dict[str, int] = {}
        for row, name in enumerate(ids):
            known = first.setdefault(name, row)
            if known == row:
                continue
            repeats += 1
            if not (
                _same(truth[known], truth[row]) and _same(predictions[known], predictions[row])
            ):
                contradictions.add(name)
        where = {name: row for name, row in first.items() if name not in contradictions}
    return _Run(where, truth, predictions, repeats, contradictions, source)


def _numbers(values: Sequence[Any]) -> list[float]:
    return list(map(number, values))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        both = math.isnan(one) and math.isnan(other)
        return both or math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)
    return bool(one == other)


def _shared_ids(runs: Sequence[_Run], many_a: int) -> tuple[list[str], dict[str, int]]:
    counts = {"repeats": sum(run.repeats for run in runs)}
    names = [run.where.keys() for run in runs]
    contradictions: set[str] = set().union(*(run.contradictions for run in runs))
    if not contradictions and all(other == names[0] for other in names[1:]):
        return sorted(names[0]), counts
    sides = []
    for arm in (names[:many_a], names[many_a:]):
        some, every = set().union(*arm), set(arm[0]).intersection(*arm[1:])
        sides.append((some - contradictions, every - contradictions))
    (some_a, every_a), (some_b, every_b) = sides
    counts |= {
        "only_a": len(some_a - some_b),
        "only_b": len(some_b - some_a),
        "partial": len((some_a & some_b) - (every_a & every_b)),
        "contradictions": len(contradictions),
    }
    return sorted(every_a & every_b), counts


def _complete_ids(
    ids: list[str], runs: Sequence[_Run], task: Task
) -> tuple[list[str], dict[str, int]]:
    """Return the ids with one truth and all predictions, and how many have none."""
    bad: dict[str, str] = {}
    reference: Sequence[Any] = ()
    for place, run in enumerate(runs):
        rows = list(map(run.where.__getitem__, ids))
        truth, predictions = _taken(run.truth, rows), _taken(run.predictions, rows)
        if place == 0:
            reference = truth
        elif truth != reference:
            for name, one, other in zip(ids, reference, truth, strict=True):
                if not _same(one, other):
                    bad.setdefault(name, "relabelled")
        for name in _without(truth, ids, task):
            bad[name] = "without_truth"
        for name in _without(predictions, ids, task):
            bad.setdefault(name, "without_prediction")
    kept = [name for name in ids if name not in bad] if bad else ids
    return kept, dict(Counter(bad.values()))


def _without(values: Sequence[Any], ids: Sequence[str], task: Task) -> Iterator[str]:
    """Yield the ids whose value is missing."""
    if task == "regression":
        yield from (name for name, value in zip(ids, values, strict=True) if value != value)
    elif "" in values:
        yield from (name for name, value in zip(ids, values, strict=True) if not value)


def _correctness(truth: Sequence[str], arm: Sequence[Side], task: Task) -> list[float]:
    """Return for each example the share of the arm's runs that predict it right."""
    if task == "regression":
        return []
    counts = list(map(eq, arm[0].predictions, truth))
    for side in arm[1:]:
        counts = list(map(add, counts, map(eq, side.predictions, truth)))
    return [count / len(arm) for count in counts]


def _taken(values: Sequence[Any], rows: Sequence[int]) -> list[Any]:
    return list(map(values.__getitem__, rows))


def _sides(
    runs: Sequence[_Run], rows: Sequence[Sequence[int]], truth: Sequence[Any], task: Task
) -> tuple[list[Side], int, bool]:
    sides, lost, signed = [], 0, False
    for run, places in zip(runs, rows, strict=True):
        predictions = _taken(run.predictions, places)
        if task == "regression" or run.source.scores is None:
            sides.append(Side(predictions))
            continue
        read = read_scores(
            run.source.scores,
            places,
            truth,
            predictions,
            classes=run.source.classes,
            positive=run.source.positive,
        )
        lost += read.not_finite
        signed = signed or read.signed
        sides.append(Side(predictions, read.truth_scores, read.confidences, read.brier))
    return sides, lost, signed


def _extras(
    runs: Sequence[_Run], rows: Sequence[Sequence[int]]
) -> tuple[list[str] | None, dict[str, list[str]]]:
    """Return groups and slices, from the first run that has them."""
    groups: list[str] | None = None
    slices: dict[str, list[str]] = {}
    for run, places in zip(runs, rows, strict=True):
        if groups is None and run.source.groups is not None:
            groups = labels(_taken(run.source.groups, places))
        for name, column in run.source.slices.items():
            if name not in slices:
                slices[name] = labels(_taken(column, places))
    return groups, slices
