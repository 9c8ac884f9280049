"""Predictions of two experiments, example by example."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from gitml.comparison.contents import ComparedPredictions, Picture
from gitml.comparison.statistics.joined import Predictions, Task
from gitml.comparison.statistics.labels import labels
from gitml.comparison.statistics.predictions import PredictionComparison
from gitml.comparison.statistics.predictions import compare_predictions as compare
from gitml.config import Config
from gitml.errors import GitmlError
from gitml.operations.artifact_files import Arm, ArtifactFiles
from gitml.operations.artifact_sides import Sides, Source, sides_of
from gitml.operations.score_meaning import positive_of
from gitml.outputs.predictions_file import PredictionsFile, read_predictions

Progress = Callable[[int, int], None]

# Share of its examples that a replicate must have been tested on, too.
_ALIKE = 0.9

# Metrics that are errors of numbers: whole numbers are no labels where one of them is primary.
_ERRORS = frozenset(["mae", "mse", "rmse", "mape", "rmsle", "r2", "l1", "l2", "msle"])


def compare_predictions(
    files: ArtifactFiles,
    arms: Sequence[Arm],
    *,
    config: Config,
    pictures: bool = False,
    progress: Progress | None = None,
) -> tuple[ComparedPredictions, ...]:
    """Compare the predictions of two experiments and their replicates, joined by id.

    Args:
        files: Gives the files; what isn't on this machine is left in its `missing`.
        arms: Two experiments. Nothing is compared for another number of them.
        config: The project's; says what the primary metric is, and where examples are to be seen.
        pictures: Whether pictures of examples that flipped are wanted.
        progress: Takes how many files are read and compared, and how many there are.

    Returns:
        One entry for each file of predictions that both have. `comparison` is None where its
        notes say why it can't be compared.
    """
    found = list(sides_of(files, arms, "predictions"))
    total, done = sum(len(sides.sources) + 1 for sides in found), 0
    compared = []
    for sides in found:

        def step() -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress(done, total)

        names = (arms[0].title, arms[1].title)
        comparison, notes = _compared(sides, names, _task_of(config, arms), step)
        shown: tuple[Picture, ...] = ()
        if pictures and comparison is not None:
            from gitml.operations.examples_shown import pictures_of

            shown, more = pictures_of(files, arms, comparison.flips, config.examples)
            notes += more
        compared.append(ComparedPredictions(sides.path, comparison, shown, tuple(notes)))
    return tuple(compared)


def _compared(
    sides: Sides, names: tuple[str, str], task: Task | None, step: Callable[[], None]
) -> tuple[PredictionComparison | None, list[str]]:
    notes = list(sides.notes)
    if not (sides.a and sides.b):
        return None, notes
    read = [_read(sources, notes, step) for sources in (sides.a, sides.b)]
    if not all(read):
        return None, notes
    read = [_tested_alike(arm, name, notes) for arm, name in zip(read, names, strict=True)]
    runs = [*read[0], *read[1]]
    positive = positive_of(runs)
    if positive is not None and runs[0].positive is None:
        notes.append(f"Scores are taken for the probability of {positive}.")
    slices = _agreeing(runs)
    arms = [[_predictions(run, positive, slices) for run in arm] for arm in read]
    if task == "regression" and any(_has_text(run) for run in runs):
        task = None
    try:
        comparison = compare(arms[0], arms[1], task=task, names=names)
    except GitmlError as error:
        return None, [*notes, _sentence(error)]
    step()
    if comparison.task == "regression" and _are_chances(runs):
        notes.append(
            "Predictions are fractions and truths 0 or 1, so they are compared as numbers. For "
            "accuracy, write the label to y_pred, and the fraction to a column score."
        )
    return comparison, notes


def _read(
    sources: Sequence[Source], notes: list[str], step: Callable[[], None]
) -> list[PredictionsFile]:
    """Return the predictions of the runs of an arm; none when its own can't be read."""
    found: list[PredictionsFile] = []
    for place, source in enumerate(sources):
        try:
            one = read_predictions(source.path, source.where, source.suffix)
        except GitmlError as error:
            notes.append(_sentence(error))
            if place == 0:
                return []
        else:
            found.append(one)
            notes += [note for note in one.notes if note not in notes]
        step()
    return found


def _tested_alike(
    arm: Sequence[PredictionsFile], name: str, notes: list[str]
) -> list[PredictionsFile]:
    """Return the runs of an arm that were tested on its own examples, or on nearly all of them.

    Where a seed also draws the test set, the examples that all seeds share are next to none.
    """
    own = set(arm[0].ids)
    found = [arm[0]]
    for run in arm[1:]:
        ids = set(run.ids)
        if len(own & ids) >= _ALIKE * max(len(own), len(ids)):
            found.append(run)
    left = len(arm) - len(found)
    if left:
        many = "1 replicate is" if left == 1 else f"{left:,} replicates are"
        notes.append(f"Of {name}, {many} left out here: tested on other examples.")
    return found


def _sentence(error: GitmlError) -> str:
    return f"{error.message} {error.hint}".strip()


def _predictions(run: PredictionsFile, positive: str | None, slices: Sequence[str]) -> Predictions:
    columns = {name: run.columns[name] for name in slices if name in run.columns}
    return Predictions(
        ids=run.ids,
        y_true=run.truth,
        y_pred=run.predictions,
        scores=run.scores,
        classes=run.classes,
        positive=positive if run.positive is None else run.positive,
        groups=run.groups,
        slices={**run.slices, **columns},
    )


def _agreeing(runs: Sequence[PredictionsFile]) -> list[str]:
    """Return the columns that are properties of the examples: the same in all runs.

    A column that depends on the model, such as whether it was right, divides nothing.
    """
    shared = [name for name in runs[0].columns if all(name in run.columns for run in runs)]
    return [name for name in shared if all(_agree(runs[0], run, name) for run in runs[1:])]


def _agree(one: PredictionsFile, other: PredictionsFile, name: str) -> bool:
    first, second = labels(one.columns[name]), labels(other.columns[name])
    if one.ids == other.ids:
        return first == second
    known = dict(zip(one.ids, first, strict=True))
    pairs = zip(other.ids, second, strict=True)
    return all(known.get(name, value) == value for name, value in pairs)


def _task_of(config: Config, arms: Sequence[Arm]) -> Task | None:
    """Return `regression` where the primary metric is an error of numbers, else None."""
    names = [config.primary, *(arm.run.record.primary for arm in arms)]
    primary = next((name for name in names if name), "")
    words = set(re.split(r"[^a-z0-9]+", primary.lower()))
    return "regression" if words & _ERRORS else None


def _has_text(run: PredictionsFile) -> bool:
    return str in set(map(type, run.truth)) | set(map(type, run.predictions))


def _are_chances(runs: Sequence[PredictionsFile]) -> bool:
    truths: set[Any] = {value for run in runs for value in set(run.truth) if value is not None}
    return truths <= {0, 1} and all(
        0 <= value <= 1 for run in runs for value in run.predictions if value is not None
    )
