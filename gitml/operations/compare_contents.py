"""What the artifacts of compared experiments hold: each kind is compared by its own module.

A module is imported only when the experiments have something for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gitml.comparison.contents import Contents
from gitml.comparison.verdicts import Groups
from gitml.config import Config, load
from gitml.errors import ConfigError, GitmlError
from gitml.experiment.record import Record
from gitml.history.index import Index
from gitml.history.rows import Goals, Progress, Row
from gitml.operations.artifact_files import Arm, ArtifactFiles, Run
from gitml.operations.reading import Reading

# Of each experiment, so that a study of a thousand seeds can still be compared.
MOST_REPLICATES = 32


class Wanted(msgspec.Struct, frozen=True):
    """What to compare besides what is cheap.

    Attributes:
        weights: Weights element by element, not by their manifests.
        embedded: The bytes of plots, and pictures of examples, for a report.
        download: Whether to download what isn't on this machine.
    """

    weights: bool = False
    embedded: bool = False
    download: bool = False


def arms_of(
    index: Index, rows: Sequence[Row], records: Sequence[Record], groups: Groups | None
) -> list[Arm]:
    """Return the compared experiments, each with its replicates where these are known."""
    arms = []
    for place, (row, record) in enumerate(zip(rows, records, strict=True)):
        others = groups[place].runs[1 : 1 + MOST_REPLICATES] if groups is not None else ()
        runs = [_run(index, one.commit) for one in reversed(others)]
        known = tuple(run for run in runs if run is not None)
        arms.append(Arm(row.experiment, Run(row, record), known))
    return arms


def compare_contents(
    reading: Reading,
    arms: Sequence[Arm],
    goals: Goals,
    wanted: Wanted,
    progress: Progress | None = None,
) -> Contents:
    """Return what artifacts of experiments hold, side by side.

    Weights, predictions, importances and explanations are compared of two experiments; histories
    and plots of any number.

    Args:
        reading: Where they are recorded.
        arms: The experiments with their replicates.
        goals: What is better.
        wanted: How far to go.
        progress: Takes (done, total).
    """
    notes: list[str] = []
    if wanted.download:
        from gitml.operations.downloads import download_artifacts

        notes += download_artifacts(reading, arms, weights=wanted.weights, progress=progress)
    with ArtifactFiles(reading.repository, reading.folder) as files:
        found = _compared(reading, files, arms, goals, wanted, progress)
        missing = tuple(files.missing)
    return msgspec.structs.replace(found, missing=missing, notes=(*notes, *found.notes))


def doubts(held: Contents, arms: Sequence[Arm]) -> tuple[str, ...]:
    """Return sentences on predictions that show that two experiments had different tests."""
    if not held.predictions:
        return ()
    from gitml.comparison.statistics.left_out import unlike

    names = (arms[0].title, arms[1].title)
    said = [
        unlike(one.comparison.left, one.path, names)
        for one in held.predictions
        if one.comparison is not None
    ]
    return tuple(sentence for sentence in said if sentence)


def _compared(
    reading: Reading,
    files: ArtifactFiles,
    arms: Sequence[Arm],
    goals: Goals,
    wanted: Wanted,
    progress: Progress | None,
) -> Contents:
    from gitml.operations.compare_histories import compare_histories

    roles = {item.role for arm in arms for item in arm.run.record.artifacts}
    found = Contents(histories=compare_histories(files, arms, goals.goals, goals.primary))
    if roles & {"plot", "other"}:
        from gitml.operations.compare_plots import compare_plots

        plots = compare_plots(files, arms, contents=wanted.embedded)
        found = msgspec.structs.replace(found, plots=plots)
    if len(arms) != 2:
        return found
    if "weights" in roles:
        from gitml.operations.compare_weights import compare_weights

        weights = compare_weights(files, arms, exact=wanted.weights, progress=progress)
        found = msgspec.structs.replace(found, weights=weights)
    if "predictions" in roles:
        from gitml.operations.compare_predictions import compare_predictions

        predictions = compare_predictions(
            files,
            arms,
            config=_config(reading),
            pictures=wanted.embedded,
            progress=progress,
        )
        found = msgspec.structs.replace(found, predictions=predictions)
    if roles & {"importance", "explanation"}:
        from gitml.operations.compare_importances import compare_explanations, compare_importances

        found = msgspec.structs.replace(
            found,
            importances=compare_importances(files, arms),
            explanations=compare_explanations(files, arms),
        )
    return found


def _config(reading: Reading) -> Config:
    """Return the project's configuration; a broken one is no reason not to compare."""
    try:
        return load(reading.repository.root / reading.folder)
    except ConfigError:
        return Config()


def _run(index: Index, commit: str) -> Run | None:
    row = index.find(commit)
    try:
        return None if row is None else Run(row, index.record(commit))
    except GitmlError:
        return None
