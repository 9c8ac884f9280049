"""The metrics over steps of a recorded experiment, as far as they are at hand."""

from __future__ import annotations

import math
from pathlib import Path

from gitml.errors import GitmlError
from gitml.experiment.record import HISTORY_PATH
from gitml.git.objects import read_object
from gitml.operations.reading import open_reading
from gitml.values import as_number


def curves(start: Path, commit: str) -> dict[str, list[float]]:
    """Return metric → its values over steps; NaN where a step's value is no number.

    Empty when the experiment has no history, or a large one that is in storage, or one that can't
    be read: curves are a convenience, and no reason not to show the rest.
    """
    from gitml.outputs.history import parse

    found: dict[str, list[float]] = {}
    try:
        data = read_object(open_reading(start).repository.git, f"{commit}:{HISTORY_PATH}")
        lines = parse(data) if data else []
    except GitmlError:
        return {}
    for line in lines:
        for name, value in line.values.items():
            number = as_number(value)
            found.setdefault(name, []).append(math.nan if number is None else _float(number))
    return {name: points for name, points in found.items() if len(points) > 1}


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf
