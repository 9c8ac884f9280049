"""Gathering many experiments for a report: rows, champions, and curves with few points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gitml.errors import GitmlError, NotFoundError
from gitml.history.index import Index
from gitml.history.rows import Goals, Progress, Row
from gitml.operations.reading import Reading, open_reading

if TYPE_CHECKING:
    from gitml.comparison.histories import History
    from gitml.history.expression import Query
    from gitml.operations.artifact_files import Run

# More is no page that a phone can show.
MOST = 2_000
# Of all curves together, so that the file stays below two megabytes.
_MOST_POINTS = 96_000
_FEWEST_POINTS, _MOST_OF_ONE = 16, 240
_MOST_METRICS = 4


class Points(msgspec.Struct, frozen=True):
    """One metric over the steps of one run, thinned.

    Attributes:
        steps: Training steps; numbers of the measurements where no steps are known.
        values: One for each; NaN where there is none.
    """

    steps: tuple[float, ...]
    values: tuple[float, ...]


class Best(msgspec.Struct, frozen=True):
    """The champion of a study.

    Attributes:
        study: Which study.
        experiments: How many it has, hidden ones left out.
        row: The champion; None where nothing says what is better.
    """

    study: str
    experiments: int
    row: Row | None


class Overview(msgspec.Struct, frozen=True):
    """Many experiments at a glance.

    Attributes:
        studies: That were asked for, with their champions.
        rows: Experiments that match, oldest first.
        total: How many there are in these studies.
        where: The expression that they match; empty for all.
        goals: What is better.
        curves: Commit → metric → curve.
        cut: How many older experiments that match are left out.
        problems: Sentences about what can't be read.
    """

    studies: tuple[Best, ...]
    rows: tuple[Row, ...]
    total: int
    where: str
    goals: Goals
    curves: dict[str, dict[str, Points]]
    cut: int = 0
    problems: tuple[str, ...] = ()


def gather(
    start: Path,
    studies: Sequence[str] = (),
    *,
    all_studies: bool = False,
    where: str = "",
    hidden: bool = False,
    limit: int = MOST,
    progress: Progress | None = None,
) -> Overview:
    """Return the experiments of studies with what a report says about them.

    Args:
        start: Folder where the user stands.
        studies: Names; that of the branch when there are none.
        all_studies: Every study instead.
        where: Expression that experiments must match.
        hidden: Also hidden ones.
        limit: At most so many, the newest ones.
        progress: Takes (done, total) while experiments are read.

    Raises:
        UsageError: if `where` makes no sense.
        NotFoundError: if a study doesn't exist, or nothing is recorded.
    """
    query: Query | None = None
    if where:
        from gitml.history.query import parse_query

        query = parse_query(where)
    reading = open_reading(start)
    with reading.index(progress) as index:
        reading.declare_goals(index)
        names = _names(reading, index, studies, all_studies=all_studies)
        rows = _rows(index, names, query, hidden=hidden)
        kept = rows[-limit:] if limit else rows
        goals = _goals(index, names)
        curves, problems = _curves(reading, index, kept, goals, progress)
        return Overview(
            studies=tuple(_best(index, name) for name in names),
            rows=tuple(kept),
            total=sum(index.count(name, hidden=hidden) for name in names),
            where=where,
            goals=goals,
            curves=curves,
            cut=len(rows) - len(kept),
            problems=(*index.problems, *problems),
        )


def _names(
    reading: Reading, index: Index, studies: Sequence[str], *, all_studies: bool
) -> list[str]:
    known = index.studies()
    if all_studies:
        names = [name for name, count in known.items() if count]
    else:
        names = list(dict.fromkeys(reading.named_study(name) for name in studies or ("",)))
    for name in names:
        if not known.get(name):
            raise _unknown(name, [name for name, count in known.items() if count])
    if not names:
        raise _unknown("", [])
    return names


def _unknown(study: str, known: Sequence[str]) -> NotFoundError:
    if not known:
        hint = "`gitml exp run -- COMMAND` records an experiment."
        return NotFoundError("Nothing is recorded yet.", hint=hint)
    return NotFoundError(
        f"No experiment is recorded in the study {study!r}.",
        hint=f"There are: {', '.join(known[:5])}; --all shows every study.",
    )


def _rows(index: Index, names: Iterable[str], query: Query | None, *, hidden: bool) -> list[Row]:
    """Return the experiments of all studies once, oldest first."""
    found = {row.commit: row for name in names for row in index.rows(name, query, hidden=hidden)}
    return sorted(found.values(), key=lambda row: (row.started, row.committed, row.commit))


def _best(index: Index, study: str) -> Best:
    return Best(study, index.count(study), index.best(study))


def _goals(index: Index, names: Sequence[str]) -> Goals:
    """Return what is better; of several studies what the first one that says so optimises."""
    goals: dict[str, str] = {}
    primary = ""
    for name in names:
        found = index.goals(name)
        goals = dict(found.goals) | goals
        primary = primary or found.primary
    return Goals(primary, goals, dict(index.declared.min_effects))


def _curves(
    reading: Reading,
    index: Index,
    rows: Sequence[Row],
    goals: Goals,
    progress: Progress | None,
) -> tuple[dict[str, dict[str, Points]], list[str]]:
    from gitml.operations.artifact_files import ArtifactFiles
    from gitml.operations.compare_histories import histories_of

    runs = [run for row in rows if (run := _run(index, row)) is not None]
    share = _MOST_POINTS // max(1, len(runs) * _MOST_METRICS)
    most = min(_MOST_OF_ONE, max(_FEWEST_POINTS, share))
    chosen = _Chosen(goals)
    found: dict[str, dict[str, Points]] = {}
    with ArtifactFiles(reading.repository, reading.folder) as files:
        # The newest experiments say which metrics are drawn.
        for done, (run, history) in enumerate(
            zip(reversed(runs), histories_of(files, runs[::-1]), strict=True), 1
        ):
            if progress is not None:
                progress(done, len(runs))
            if history is not None:
                found[run.row.commit] = chosen.curves(history, most)
        missing = len(files.missing)
    problems = []
    if missing:
        problems.append(
            f"{missing:,} histories aren't on this machine, so their curves are left out."
            if missing > 1
            else "One history isn't on this machine, so its curves are left out."
        )
    return {commit: curves for commit, curves in found.items() if curves}, problems


def _run(index: Index, row: Row) -> Run | None:
    from gitml.operations.artifact_files import Run

    if row.problem:
        return None
    try:
        return Run(row, index.record(row.commit))
    except GitmlError:
        return None


class _Chosen:
    """Chooses which metrics are drawn: the primary one, those with a goal, then others."""

    def __init__(self, goals: Goals) -> None:
        self._goals = goals
        self._names: dict[str, None] = {}

    def curves(self, history: History, most: int) -> dict[str, Points]:
        """Return the curves of one run, with at most so many points each."""
        from gitml.comparison.downsampling import places_kept

        known = [name for name, points in history.points.items() if len(points.values) > 1]
        known.sort(key=lambda name: (name != self._goals.primary, name not in self._goals.goals))
        for name in known:
            if len(self._names) < _MOST_METRICS:
                self._names[name] = None
        found = {}
        for name in self._names:
            if name in known:
                points = history.points[name]
                places = places_kept(points.values, most)
                steps = points.steps or range(len(points.values))
                found[name] = Points(
                    tuple(steps[place] for place in places),
                    tuple(points.values[place] for place in places),
                )
        return found
