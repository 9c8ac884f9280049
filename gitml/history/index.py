"""The index over all recorded experiments: derived from commits, rebuilt whenever it can't be used.

It is a file in `<git common dir>/gitml/`, and safe to delete. Where the file can't be written, is
locked for long, or is damaged while others have it open, the same index is made in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitml.git.repository import Repository
from gitml.history.records import Records
from gitml.history.rows import Event, Goals, Lost, Progress, Row
from gitml.history.selection import (
    ALL,
    NEWEST,
    OF_STUDY,
    decode_list,
    decode_texts,
    event_of,
    rank,
    row_of,
)
from gitml.history.store import Store

if TYPE_CHECKING:
    from gitml.experiment.record import Record
    from gitml.history.expression import Query
    from gitml.history.ordering import Sort

__all__ = ["Event", "Goals", "Index", "Lost", "Row", "open_index"]


def open_index(repository: Repository, progress: Progress | None = None) -> Index:
    """Return the index, up to date with the branches; use it in a `with` block.

    Args:
        repository: Where.
        progress: Takes (done, total) while many new experiments are read.

    Raises:
        RepositoryError: if Git can't list the branches.
    """
    return Index(repository, progress)


class Index:
    """All experiments that the branches reach.

    Attributes:
        declared: Goals that hold besides those in the records, and instead of them: what the
            configuration says now.
    """

    def __init__(self, repository: Repository, progress: Progress | None = None) -> None:
        self.declared = Goals()
        self._store = Store(repository, progress)
        self._records = Records(repository)

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index's file."""
        self._records.close()
        self._store.close()

    def refresh(self) -> None:
        """Read what was recorded since the index was opened."""
        self._store.refresh()

    @property
    def in_memory(self) -> bool:
        """Whether the file can't be used, so that the next command starts from the commits."""
        return self._store.in_memory

    @property
    def problems(self) -> list[str]:
        """One sentence for each branch that can't be read."""
        return self._store.problems

    def rows(
        self,
        study: str | None = None,
        where: Query | None = None,
        sort: Sequence[Sort] = (),
        limit: int | None = None,
        hidden: bool = False,
    ) -> list[Row]:
        """Return experiments, the newest first unless `sort` says otherwise.

        Args:
            study: Only those on this study's line; None for all studies.
            where: Only those that match.
            sort: Keys, the most important one first; rows without a key come last.
            limit: At most so many.
            hidden: Also those that were hidden.
        """
        early = limit if limit is not None and not sort and where is None else -1
        rows = self._select(study, hidden, early)
        if where is not None:
            from gitml.history.matching import matches

            rows = [row for row in rows if matches(where, row)]
        if sort:
            from gitml.history.ordering import sorted_rows

            rows = sorted_rows(rows, sort)
        return rows if limit is None else rows[:limit]

    def count(
        self, study: str | None = None, where: Query | None = None, hidden: bool = False
    ) -> int:
        """Return how many experiments `rows` would return without a limit."""
        if where is not None:
            return len(self.rows(study, where, hidden=hidden))
        if study is None:
            total = self._number("SELECT count(*) FROM experiments")
            out = "SELECT count(*) FROM experiments WHERE hidden = 1"
            return total - (0 if hidden else self._number(out))
        total = self._number(
            "SELECT count(*) FROM line WHERE study = ? AND experiment = 1", (study,)
        )
        out = (
            "SELECT count(*) FROM experiments e JOIN line l ON l.id = e.id"
            " WHERE e.hidden = 1 AND l.study = ?"
        )
        return total - (0 if hidden else self._number(out, (study,)))

    def studies(self) -> dict[str, int]:
        """Return study → number of experiments on its line, hidden ones included, by name."""
        return dict(
            self._ask("SELECT study, sum(experiment) FROM line GROUP BY study ORDER BY study")
        )

    def by_lookup(self, lookup: str, limit: int = -1) -> list[Row]:
        """Return the experiments with this look-up digest, the newest first, hidden ones too.

        Args:
            lookup: The digest.
            limit: At most so many (all if negative).
        """
        where = f"{ALL} WHERE e.lookup = ?{NEWEST} LIMIT ?"
        return self._rows(where, (lookup, limit)) if lookup else []

    def by_name(self, name: str) -> list[Row]:
        """Return the experiments of this name in all studies, the newest first."""
        return self._rows(f"{ALL} WHERE e.name = ?{NEWEST}", (name,))

    def find(self, commit: str) -> Row | None:
        """Return the experiment that this commit (its full id) is, or None."""
        found = self._rows(f"{ALL} WHERE c.oid = ?", (commit,))
        return found[0] if found else None

    def record(self, commit: str) -> Record:
        """Return an experiment's record, fetched if it isn't in this clone.

        Raises:
            NotFoundError: if the commit has no record, or it can't be fetched.
            RecordError: if it can't be read.
        """
        record = self._records.read(commit)
        row = self.find(commit)
        if row is not None and not row.complete:
            self.complete([commit])
        return record

    def complete(self, commits: Sequence[str]) -> None:
        """Read the records of experiments again that came into this clone after their commits."""
        if commits:
            self._store.complete(commits)

    def output_paths(self, command: str = "") -> set[str]:
        """Return every path that a recorded run wrote; with a command's digest, only its runs."""
        if command:
            found = self._ask("SELECT path FROM outputs WHERE command = ?", (command,))
        else:
            found = self._ask("SELECT DISTINCT path FROM outputs")
        return {row[0] for row in found}

    def maker_of(self, digest: str) -> Row | None:
        """Return the oldest experiment that made an artifact with this DVC content hash."""
        found = self._rows(
            f"{ALL} JOIN made m ON m.id = e.id WHERE m.digest = ?"
            " ORDER BY e.committed, e.position LIMIT 1",
            (digest,),
        )
        return found[0] if found else None

    def names(self, study: str | None = None) -> set[str]:
        """Return the names that are taken in a study, or anywhere."""
        if study is None:
            return {row[0] for row in self._ask("SELECT DISTINCT name FROM experiments")}
        joined = "SELECT e.name FROM line l JOIN experiments e ON e.id = l.id WHERE l.study = ?"
        return {row[0] for row in self._ask(joined, (study,))}

    def latest(self, study: str) -> Row | None:
        """Return the newest experiment of a study that isn't hidden, or None."""
        found = self._select(study, False, 1)
        return found[0] if found else None

    def goals(self, study: str) -> Goals:
        """Return what a study optimises: as declared, else as its newest experiment says."""
        found = self._ask(
            "SELECT e.primary_metric, e.goals FROM line l JOIN experiments e ON e.id = l.id"
            " WHERE l.study = ? AND (e.primary_metric != '' OR e.goals != '')"
            " ORDER BY l.position DESC LIMIT 1",
            (study,),
        )
        primary, goals = (found[0][0], decode_texts(found[0][1] or "{}")) if found else ("", {})
        return Goals(self.declared.primary or primary, goals | self.declared.goals)

    def ranked(self, study: str, limit: int = -1, before: int | None = None) -> list[Row]:
        """Return a study's completed experiments, the best first; empty without a primary metric.

        Those whose primary metric is missing, NaN or infinite are left out; of equal ones the
        oldest comes first.

        Args:
            study: Which study.
            limit: At most so many (all if negative).
            before: Only those at an earlier position of the study's line.
        """
        goals = self.goals(study)
        if not goals.goal:
            return []
        found = self._ask(
            "SELECT e.id, e.metrics FROM line l JOIN experiments e ON e.id = l.id"
            " WHERE l.study = ? AND l.position < ? AND e.status = 'completed' AND e.hidden = 0"
            " ORDER BY l.position",
            (study, 1 << 62 if before is None else before),
        )
        best = rank([(row[0], row[1]) for row in found], goals.primary, goals.goal == "max")
        where = f"{OF_STUDY} WHERE l.id = ? AND l.study = ?"
        chosen = best if limit < 0 else best[:limit]
        return [row for number in chosen for row in self._rows(where, (number, study))]

    def best(self, study: str) -> Row | None:
        """Return the champion of a study, or None (see `ranked`)."""
        return next(iter(self.ranked(study, 1)), None)

    def events(self, commit: str) -> list[Event]:
        """Return what was said about an experiment since it was recorded, oldest first."""
        found = self._ask(
            "SELECT c.oid, e.kind, e.about, e.author, e.mail, e.committed, e.body"
            " FROM events e JOIN commits c ON c.id = e.id JOIN line l ON l.id = e.id"
            " WHERE e.about = ? GROUP BY e.id ORDER BY min(l.position), e.committed, e.id",
            (commit,),
        )
        return [event_of(row) for row in found]

    def nearest_on_line(self, commit: str) -> Row | None:
        """Return the experiment that a commit of a study is, or the last one before it."""
        found = self._ask(
            "SELECT l.study, l.position FROM line l JOIN commits c ON c.id = l.id"
            " WHERE c.oid = ? ORDER BY l.study LIMIT 1",
            (commit,),
        )
        if not found:
            return None
        where = " WHERE l.study = ? AND l.position <= ? ORDER BY l.position DESC LIMIT 1"
        rows = self._rows(f"{OF_STUDY}{where}", found[0])
        return rows[0] if rows else None

    def lost(self) -> list[Lost]:
        """Return the lines that were recorded and that no branch reaches any more."""
        found = self._ask(
            "SELECT study, ref, tip, experiments, noticed FROM lost ORDER BY noticed, ref"
        )
        return [Lost(row[0], row[1], row[2], decode_list(row[3]), row[4]) for row in found]

    def _select(self, study: str | None, hidden: bool, limit: int) -> list[Row]:
        shown = "" if hidden else " AND e.hidden = 0"
        if study is None:
            return self._rows(f"{ALL} WHERE 1{shown}{NEWEST} LIMIT ?", (limit,))
        where = f" WHERE l.study = ? AND l.experiment = 1{shown} ORDER BY l.position DESC LIMIT ?"
        return self._rows(OF_STUDY + where, (study, limit))

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._store.guarded(
            lambda connection: list(map(row_of, connection.execute(sql, values)))
        )

    def _ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._store.guarded(lambda connection: connection.execute(sql, values).fetchall())

    def _number(self, sql: str, values: Sequence[Any] = ()) -> int:
        return int(self._ask(sql, values)[0][0])
