"""Scores of predictions as columns of texts, some rows at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from gitml.api.cells import spelled
from gitml.api.given import column, float_format, listed, on_cpu, scalar, shape_of
from gitml.errors import ArtifactError
from gitml.inputs.examples import shown

SINGLE = "score"
CLASS = "p:"
_SLACK = 1e-6
_HINT = "scores are one number an example, or one row of numbers with one for each class."


class Scores:
    """The scores of some examples.

    Attributes:
        header: Names of their columns.
        length: Number of examples.
        not_finite: Examples with a score that isn't a finite number, counted by `rows`.
    """

    def __init__(self, scores: Any, classes: Sequence[str]) -> None:
        if hasattr(scores, "columns") and hasattr(scores, "to_numpy"):  # a data frame
            classes = classes or tuple(map(str, scores.columns))
            scores = scores.to_numpy()
        elif isinstance(scores, Iterator):
            scores = list(scores)
        self._values = on_cpu(scores)
        self._style = float_format(self._values)
        width = _width(self._values)
        if width is None:
            self._values = [_number(one) for one in column(self._values, "scores", _HINT)]
            self._two = bool(classes)
            if self._two:
                _check_two(self._values, classes)
        else:
            if not callable(getattr(self._values, "tolist", None)):
                self._values = list(self._values)
            classes = classes or tuple(map(str, range(width)))
            self._two = False
            if len(classes) != width:
                raise ArtifactError(
                    f"There are {width:,} scores an example and {len(classes):,} classes.",
                    hint="classes are the labels of the columns of scores, in their order.",
                )
        self._width = width
        self.length = len(self._values)
        self.not_finite = 0
        self.header = [SINGLE] if width is None and not classes else [CLASS + c for c in classes]

    @property
    def singles(self) -> Sequence[float]:
        """The scores, where each is the confidence in a prediction; else empty."""
        return self._values if self._width is None and not self._two else ()

    def columns(self, places: range | Sequence[int]) -> list[list[str]]:
        """Return the columns of the examples at `places`, as texts."""
        if isinstance(places, range):
            block = self._values[places.start : places.stop]
        else:
            block = [self._values[place] for place in places]
        if self._width is None:
            self.not_finite += sum(not math.isfinite(one) for one in block)
            found = [block, [1 - one for one in block]]
            texts = [spelled(one, self._style) for one in (found[::-1] if self._two else found[:1])]
            return texts
        lists = block.tolist() if hasattr(block, "tolist") else block
        table = [_row(row, self._width, place) for row, place in zip(lists, places, strict=True)]
        self.not_finite += sum(not all(map(math.isfinite, row)) for row in table)
        flat = spelled([one for row in table for one in row], self._style)
        return [flat[place :: self._width] for place in range(self._width)]


def _width(scores: Any) -> int | None:
    """Return the number of scores an example; None where each has a single one."""
    shape = shape_of(scores)
    if shape is None and not isinstance(scores, list | tuple):
        return None
    if shape is None:
        first = next((row for row in scores if row is not None), 0.0)
        inner = shape_of(first)
        if inner is None:
            inner = (len(first),) if isinstance(first, list | tuple) else ()
        shape = (len(scores), *inner)
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) > 2:
        raise ArtifactError(f"scores have the shape {shape}.", hint=_HINT)
    return shape[1] if len(shape) == 2 else None


def _row(row: Any, width: int, place: int) -> list[float]:
    if row is None:
        return [math.nan] * width
    found = row if type(row) is list else listed(row, "a row of scores")
    if len(found) != width:
        raise ArtifactError(
            f"Row {place:,} of scores has {len(found):,} numbers, and the first has {width:,}.",
            hint=_HINT,
        )
    return found if set(map(type, found)) == {float} else [_number(one) for one in found]


def _number(value: Any) -> float:
    value = scalar(value)
    if value is None:
        return math.nan
    if not isinstance(value, str | bytes):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    raise ArtifactError(f"scores have {shown(value)}, which is no number.", hint=_HINT)


def _check_two(values: Sequence[float], classes: Sequence[str]) -> None:
    if len(classes) != 2:
        raise ArtifactError(
            f"There is one score an example and there are {len(classes):,} classes.",
            hint="A single score goes with two classes: it is the probability of the second one.",
        )
    odd = next((one for one in values if not (-_SLACK <= one <= 1 + _SLACK or one != one)), None)
    if odd is not None:
        raise ArtifactError(
            f"scores have {odd!r}, and with two classes they are the probability of "
            f"{shown(classes[1])}.",
            hint="Give probabilities (torch.sigmoid(logits)), or leave classes out.",
        )
