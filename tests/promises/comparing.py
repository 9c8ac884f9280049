"""Two recorded experiments with their replicates, as comparisons of their artifacts take them."""

from __future__ import annotations

from pathlib import Path

from gitml.comparison.replicates import replicates_of
from gitml.git.repository import Repository
from gitml.history.resolve import resolve
from gitml.operations.artifact_files import Arm, Run
from gitml.operations.reading import open_reading


def arms_of(
    root: Path, *names: str, replicates: bool = True
) -> tuple[Repository, str, tuple[Arm, ...]]:
    """Return the repository, the project's folder in it, and one arm an experiment."""
    reading = open_reading(root)
    arms = []
    with reading.index() as index:
        for name in names:
            row = resolve(reading.repository, index, name, reading.study)
            record = index.record(row.commit)
            others = []
            for run in replicates_of(index, row, record).runs[1:] if replicates else ():
                found = index.find(run.commit)
                assert found is not None
                others.append(Run(found, index.record(run.commit)))
            arms.append(Arm(name, Run(row, record), tuple(others)))
    return reading.repository, reading.folder, tuple(arms)
