"""The metrics over steps of a recorded experiment, as far as they are at hand."""

from __future__ import annotations

from pathlib import Path

from gitml.errors import GitmlError
from gitml.operations.artifact_files import ArtifactFiles, Run
from gitml.operations.compare_histories import histories_of
from gitml.operations.reading import open_reading
from gitml.operations.show import Shown


def curves(start: Path, shown: Shown) -> dict[str, list[float]]:
    """Return metric → its values over steps; NaN where a step's value is no number.

    Empty when the experiment has no history, or one that isn't on this machine or can't be read:
    curves are a convenience, and no reason not to show the rest.
    """
    try:
        reading = open_reading(start)
        with ArtifactFiles(reading.repository, reading.folder) as files:
            (found,) = histories_of(files, [Run(shown.row, shown.record)])
    except GitmlError:
        return {}
    if found is None:
        return {}
    return {
        name: list(points.values) for name, points in found.points.items() if len(points.values) > 1
    }
