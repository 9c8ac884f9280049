"""Reading what is new on the branches into the index's tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from gitml.errors import RepositoryError
from gitml.experiment.message import ABOUT, parse
from gitml.git.log import read_commits
from gitml.git.repository import Repository
from gitml.history.branches import study_of
from gitml.history.contents import forget_outputs, store_event, store_experiment
from gitml.history.database import Database
from gitml.history.folding import fold_events
from gitml.history.lines import extend, node_of, rebuild, settle
from gitml.history.reading import read_records
from gitml.history.rows import Progress
from gitml.history.walk import Step, walk


def update(
    repository: Repository,
    connection: sqlite3.Connection,
    present: dict[str, str],
    progress: Progress | None,
) -> list[str]:
    """Make the tables say what the branches say.

    Args:
        repository: Where.
        connection: The index, in a write transaction.
        present: Reference → tip of every study's branch; what can't be read is taken out.
        progress: Takes (done, total) while new experiments are read.

    Returns:
        One sentence for each branch that can't be read.

    Raises:
        sqlite3.Error: if the index is damaged or can't be written.
    """
    stored: dict[str, str] = dict(connection.execute("SELECT ref, oid FROM tips").fetchall())
    steps, problems = _walk_new(repository, connection, present, stored)
    for ref in problems:
        # Asked again next time.
        present.pop(ref)
    _store_steps(repository, connection, steps, progress)
    changed = {study_of(ref) for ref, _ in present.items() ^ stored.items()}
    if not extend(connection, present, stored, steps):
        rebuild(connection, present, stored, changed)
    # What a branch reaches again is not lost any more.
    connection.execute("DELETE FROM lost WHERE tip IN (SELECT oid FROM commits)")
    connection.execute("DELETE FROM tips")
    connection.executemany(
        "INSERT INTO tips VALUES (?, ?, ?)",
        [(ref, study_of(ref), oid) for ref, oid in present.items()],
    )
    return list(problems.values())


def _walk_new(
    repository: Repository,
    connection: sqlite3.Connection,
    present: dict[str, str],
    stored: dict[str, str],
) -> tuple[list[Step], dict[str, str]]:
    """Return the commits that the index doesn't have yet, and what can't be read by reference."""
    known = _Known(connection)
    steps: list[Step] = []
    problems: dict[str, str] = {}
    for ref, tip in present.items():
        if stored.get(ref) == tip or tip in known:
            continue
        found: list[Step] = []
        try:
            found.extend(walk(repository, tip, known))
        except RepositoryError as error:
            # What was walked isn't kept: the walk would end there next time.
            problems[ref] = f"{ref} can't be read: {error.message}"
            continue
        if not found:
            problems[ref] = f"{ref} points at {tip[:12]}, which is not a commit."
        steps += found
        known.walked.update(step.commit.oid for step in found)
    return steps, problems


class _Known:
    """The commits that were walked before, as a container."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._empty = connection.execute("SELECT 1 FROM commits LIMIT 1").fetchone() is None
        self.walked: set[str] = set()

    def __contains__(self, oid: object) -> bool:
        if self._empty or oid in self.walked:
            return oid in self.walked
        found = self._connection.execute("SELECT 1 FROM commits WHERE oid = ?", (oid,))
        return found.fetchone() is not None


def _store_steps(
    repository: Repository,
    connection: sqlite3.Connection,
    steps: Sequence[Step],
    progress: Progress | None,
) -> None:
    numbers: dict[str, int] = {}
    for step in reversed(steps):
        commit = step.commit
        values = (commit.oid, " ".join(step.line), commit.committed, step.header.kind)
        done = connection.execute(
            "INSERT INTO commits (oid, parents, committed, kind) VALUES (?, ?, ?, ?)", values
        )
        numbers[commit.oid] = done.lastrowid or 0
    wanted = [step for step in steps if step.header.kind == "experiment"]
    for step, entry in read_records(repository, wanted, progress):
        store_experiment(connection, numbers[step.commit.oid], entry)
    for step in steps:
        about = step.header.trailers.get(ABOUT, "")
        if step.header.kind == "event" and about:
            store_event(connection, numbers[step.commit.oid], step, about)


def complete(repository: Repository, database: Database, oids: Sequence[str]) -> None:
    """Store experiments again, now that their records are here.

    Raises:
        RepositoryError: if Git can't read the commits.
        sqlite3.Error: if the index is damaged or can't be written.
    """
    commits = read_commits(repository.git, oids)
    steps = [Step(commit, parse(commit.message), commit.parents[:1]) for commit in commits]
    entries = list(read_records(repository, steps))
    with database.writing() as connection:
        numbers = [node_of(connection, step.commit.oid).id for step in steps]
        forget_outputs(connection, numbers)
        for number, (_, entry) in zip(numbers, entries, strict=True):
            store_experiment(connection, number, entry)
        settle(connection, numbers)
        fold_events(connection, oids)
