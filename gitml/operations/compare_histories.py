"""The metrics over steps of compared experiments, and of their replicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise

from gitml.comparison.contents import HistoryComparison
from gitml.comparison.histories import Clock, History, Side, compare
from gitml.errors import GitmlError
from gitml.experiment.record import HISTORY_PATH, Record
from gitml.git.objects import ObjectReader
from gitml.operations.artifact_files import Arm, ArtifactFiles, Run
from gitml.outputs.artifact import Artifact
from gitml.outputs.history_columns import Points, pieces_in, pieces_of, points_of

# Of each experiment.
MOST_REPLICATES = 20


def compare_histories(
    files: ArtifactFiles, arms: Sequence[Arm], goals: Mapping[str, str], primary: str
) -> tuple[HistoryComparison, ...]:
    """Return the curves of every metric of any of the experiments.

    A history that isn't on this machine is remembered by `files`. One that can't be read is left
    out: curves are a convenience, and no reason not to show the rest.

    Args:
        files: Gives the histories.
        arms: The experiments; of many replicates the newest count.
        goals: Metric → `max` or `min`.
        primary: Name of the primary metric, or empty.
    """
    kept = [(arm.run, *arm.replicates[-MOST_REPLICATES:]) for arm in arms]
    runs = {run.row.commit: run for own in kept for run in own}
    read = dict(zip(runs, histories_of(files, list(runs.values())), strict=True))
    sides = []
    for arm, (own, *others) in zip(arms, kept, strict=True):
        found = (read[run.row.commit] for run in others)
        replicates = tuple(history for history in found if history is not None)
        sides.append(Side(arm.title, read[own.row.commit], replicates))
    return compare(sides, goals, primary)


def histories_of(files: ArtifactFiles, runs: Sequence[Run]) -> Iterator[History | None]:
    """Yield the history of each run; None where it has none, or none that can be read here."""
    small = [f"{run.row.commit}:{HISTORY_PATH}" for run in runs if _stored(run) is None]
    with ObjectReader(files.repository.git) as reader:
        committed = _answers(reader, small)
        for run in runs:
            stored = _stored(run)
            points = _points(files, run, stored, next(committed) if stored is None else None)
            clock = clock_of(run.record, points)
            yield History(run.row.experiment, points, clock) if points else None


def _answers(reader: ObjectReader, names: Sequence[str]) -> Iterator[bytes | None]:
    """Yield objects; None for what Git can't read."""
    with suppress(GitmlError):
        yield from reader.read_many(names)
    while True:
        yield None


def clock_of(record: Record, points: Mapping[str, Points]) -> Clock:
    """Return when a run ran, and for how long it stood still before it was resumed."""
    started = _seconds(record.created)
    if len(record.segments) < 2:
        return Clock(started)
    pauses = []
    for before, after in pairwise(record.segments):
        went_on = _seconds(after.started)
        if went_on is None:
            continue
        ended = _seconds(before.ended)
        if ended is None:  # it was cut off, some time after its last measurement
            ended = _last_before(went_on, points)
        if ended is not None and ended < went_on:
            pauses.append((went_on, went_on - ended))
    return Clock(started, tuple(pauses))


def _last_before(moment: float, points: Mapping[str, Points]) -> float | None:
    return max(
        (time for one in points.values() for time in one.times if time < moment), default=None
    )


def _stored(run: Run) -> Artifact | None:
    """Return the history as an artifact, when it is large and went to DVC storage."""
    return next((item for item in run.record.artifacts if item.path == HISTORY_PATH), None)


def _points(
    files: ArtifactFiles, run: Run, stored: Artifact | None, committed: bytes | None
) -> dict[str, Points]:
    where = f"The history of {run.row.experiment}"
    try:
        if stored is None:
            return points_of(pieces_in(committed), where) if committed else {}
        path = files.file(run, stored)
        return points_of(pieces_of(path, where), where) if path else {}
    except GitmlError:
        return {}


def _seconds(text: str) -> float | None:
    """Return an RFC 3339 time in seconds since 1970; None for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
