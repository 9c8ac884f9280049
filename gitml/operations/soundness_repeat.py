"""Does a recorded experiment repeat an older one? Digests find candidates, inputs are compared."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import msgspec

from gitml.errors import NotFoundError, RecordError
from gitml.experiment.record import Record
from gitml.history.index import Index, Row
from gitml.inputs import sameness
from gitml.inputs.sameness import LEVELS, Difference, Level

_CANDIDATES = 50
_NEIGHBOURS = 200
_ALIKE = ("command", "settings", "code", "partition")


class Sameness(msgspec.Struct, frozen=True):
    """How an experiment relates to the older ones.

    Attributes:
        level: The strictest one.
        nearest: The experiment that it holds for.
        differences: The inputs that differ from it.
    """

    level: Level
    nearest: Row | None = None
    differences: tuple[Difference, ...] = ()


class Older:
    """Finds the older experiment that one is most like.

    Experiments that aren't among the added ones are older than those; among the added ones the
    order of the study counts, and between studies the date. Only experiments that count as
    recorded before are compared.

    Args:
        index: What is recorded.
        rows: All experiments.
        added: Commits of the added ones.
    """

    def __init__(self, index: Index, rows: Iterable[Row], added: Container[str]) -> None:
        self._index = index
        self._added = added
        self._records: dict[str, Record | None] = {}
        self._rows = [row for row in rows if row.reusable and not row.problem]
        self._by_lookup: dict[str, list[Row]] = {}
        self._by_digests: dict[tuple[str, ...], list[Row]] = {}
        for row in self._rows:
            self._by_lookup.setdefault(row.lookup, []).append(row)
            self._by_digests.setdefault(_key(row.digests), []).append(row)

    def nearest(self, row: Row, record: Record) -> Sameness:
        """Return the older experiment that is most like this one.

        Args:
            row: The experiment.
            record: Its record; the digests in it are not trusted.

        Raises:
            NotFoundError: if the record of an older one can't be fetched.
        """
        best = Sameness("new")
        for other in self._candidates(row, record):
            found = self._compare(other, record)
            if found is not None:
                best = min(best, found, key=_rank)
            if best.level == "identical":
                return best
        if best.level not in ("near", "new"):
            return best
        neighbour = self._neighbour(row)
        found = self._compare(neighbour, record) if neighbour is not None else None
        return best if found is None else min(best, found, key=_rank)

    def _candidates(self, row: Row, record: Record) -> list[Row]:
        inputs = record.inputs
        lookup = sameness.lookup_digest(
            inputs.command, inputs.settings, inputs.data, inputs.partition, inputs.seeds
        )
        found = [
            *self._by_digests.get(_key(inputs.digests()), ()),
            *self._by_lookup.get(lookup, ()),
        ]
        unique = {other.commit: other for other in found if self._is_older(other, row)}
        ordered = sorted(unique.values(), key=lambda other: other.fingerprint != record.fingerprint)
        return ordered[:_CANDIDATES]

    def _neighbour(self, row: Row) -> Row | None:
        """Return the recent experiment whose settings differ in the fewest places."""
        mine = row.params.items()
        near: Sequence[Row] = [
            other
            for other in self._rows
            if other.study == row.study and other.complete and self._is_older(other, row)
        ]
        recent = sorted(near, key=lambda other: other.position)[-_NEIGHBOURS:]
        return min(recent, key=lambda other: len(mine ^ other.params.items()), default=None)

    def _is_older(self, other: Row, row: Row) -> bool:
        if other.commit == row.commit:
            return False
        if other.commit not in self._added:
            return True
        if other.study == row.study:
            return other.position < row.position
        return (other.committed, other.commit) < (row.committed, row.commit)

    def _compare(self, other: Row, record: Record) -> Sameness | None:
        recorded = self._record(other)
        if recorded is None:
            return None
        differences = sameness.compare(recorded.inputs, record.inputs)
        seeds = {*recorded.inputs.seeds, *record.inputs.seeds}
        cap = sameness.cap_of(recorded.inputs.data, record.inputs.data)
        level = sameness.level_of(differences, seeds, cap)
        return Sameness(level, other, tuple(differences))

    def _record(self, row: Row) -> Record | None:
        if row.commit not in self._records:
            try:
                self._records[row.commit] = self._index.record(row.commit)
            except RecordError:
                self._records[row.commit] = None
            except NotFoundError:
                if not row.complete:
                    raise
                self._records[row.commit] = None
        return self._records[row.commit]


def _key(digests: dict[str, str]) -> tuple[str, ...]:
    """Return what two experiments share that differ at most in libraries and names of data."""
    return tuple(digests.get(name, "") for name in _ALIKE)


def _rank(found: Sameness) -> tuple[int, bool, int]:
    counting = sum(difference.counts for difference in found.differences)
    return LEVELS.index(found.level), found.nearest is None, counting
