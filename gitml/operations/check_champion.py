"""An experiment beside the champion of its study: the best by the primary metric."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence

import msgspec

from gitml.comparison.compare import Comparison, compare
from gitml.errors import NotFoundError, RecordError
from gitml.experiment.record import Record
from gitml.git.repository import Repository
from gitml.history.index import Goals, Index, Row
from gitml.values import as_number


class Rivals(msgspec.Struct, frozen=True):
    """An experiment and the champion that it has to stand up to.

    Attributes:
        study: The study.
        metric: Its primary metric.
        goal: `max` or `min`.
        challenger: The experiment in question.
        champion: The best of the others, or None when there are none.
        comparison: The champion first, so that changes read as the challenger's; None without a
            champion, or when a record can't be read.
    """

    study: str
    metric: str
    goal: str
    challenger: Row
    champion: Row | None = None
    comparison: Comparison | None = None


def against_champion(repository: Repository, index: Index, row: Row) -> Rivals | None:
    """Return an experiment beside the best of the others; None without a primary metric."""
    ranked = index.ranked(row.study, 2)
    champion = next((other for other in ranked if other.commit != row.commit), None)
    return _rivals(repository, index, row, champion)


def best_of_added(
    repository: Repository, index: Index, study: str, added: Sequence[Row], sound: Container[str]
) -> Rivals | None:
    """Return the best of some experiments beside the best of the others in their study.

    Args:
        repository: Where.
        index: What is recorded.
        study: The study.
        added: The experiments in question.
        sound: Commits of those that nothing is wrong with; the others only count without them.
    """
    goals = index.goals(study)
    own = [row for row in added if row.study == study and _score(row, goals) is not None]
    own = [row for row in own if row.commit in sound] or own
    if not own:
        return None
    best = min(own, key=lambda row: (_score(row, goals) or 0.0, row.position))
    commits = {row.commit for row in added}
    others = index.ranked(study, len(commits) + 1)
    champion = next((row for row in others if row.commit not in commits), None)
    return _rivals(repository, index, best, champion)


def _score(row: Row, goals: Goals) -> float | None:
    """Return a number that is lower the better an experiment is, None where it isn't ranked."""
    value = as_number(row.metrics.get(goals.primary)) if goals.goal else None
    if value is None or row.status != "completed" or row.hidden:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if not math.isfinite(number):
        return None
    return -number if goals.goal == "max" else number


def _rivals(repository: Repository, index: Index, row: Row, champion: Row | None) -> Rivals | None:
    goals = index.goals(row.study)
    if not goals.goal:
        return None
    found = Rivals(row.study, goals.primary, goals.goal, row, champion)
    if champion is None:
        return found
    rows = [champion, row]
    try:
        records = [_with_goals(index.record(one.commit), goals) for one in rows]
    except (RecordError, NotFoundError):
        return found
    comparison = compare(repository, rows, records, everything=True)
    return msgspec.structs.replace(found, comparison=comparison)


def _with_goals(record: Record, goals: Goals) -> Record:
    """Return a record that says what is better now, which it may not have known."""
    return msgspec.structs.replace(
        record, goals={**record.goals, **goals.goals}, primary=goals.primary
    )
