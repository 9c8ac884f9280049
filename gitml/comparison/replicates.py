"""Which recorded experiments are replicates of one: the same in all that counts but the seeds.

Rows of the index are enough for nearly all of them. A record is only read where the digests of a
row leave it open, and only so many.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from gitml.errors import NotFoundError, RecordError
from gitml.experiment.record import Record
from gitml.history.index import Index
from gitml.history.rows import Row
from gitml.inputs.manifest import COMPONENTS, Manifest
from gitml.inputs.sameness import compare_level
from gitml.values import Scalar, digest

MOST_RUNS = 1_000
MOST_READ = 32

REPEATS = ("identical", "equivalent", "replicate")
"""Levels at which two experiments are runs of the same thing."""

Seed = tuple[tuple[str, str, Scalar], ...] | None
_OTHERS = tuple(name for name in COMPONENTS if name != "settings")


class Run(msgspec.Struct, frozen=True):
    """One run of a group.

    Attributes:
        experiment: Its name.
        commit: Id of its commit.
        seed: Names, types and values of its seeds; None where no setting is a seed.
        metrics: Flat names → last values.
    """

    experiment: str
    commit: str
    seed: Seed
    metrics: dict[str, Scalar]


class Group(msgspec.Struct, frozen=True):
    """An experiment with its replicates.

    Attributes:
        runs: The experiment itself, then the others, the newest first.
        failed: Runs that would be replicates, had they been completed.
        cut: Whether there are more than were looked at.
    """

    runs: tuple[Run, ...]
    failed: int = 0
    cut: bool = False


def replicates_of(index: Index, row: Row, record: Record) -> Group:
    """Return an experiment with all that repeat it, in any study, but for the seeds.

    Left out are hidden experiments, those whose inputs changed while they ran, copies of the same
    run on another branch, and those whose record isn't in this clone.

    Args:
        index: What is recorded.
        row: The experiment.
        record: Its record.
    """
    search = _Search(index, record)
    runs = [_run(row, record.inputs.settings, record.inputs.seeds)]
    runs[0] = msgspec.structs.replace(runs[0], metrics=record.metrics)
    failed = 0
    taken = {(row.experiment, row.created)}
    found = index.by_lookup(row.lookup, MOST_RUNS + 1)
    for other in found[:MOST_RUNS]:
        known = (other.experiment, other.created)
        if known in taken or not _counts(other):
            continue
        run = search.replicate(other)
        if run is None:
            continue
        taken.add(known)
        if other.status == "completed":
            runs.append(run)
        else:
            failed += 1
    return Group(tuple(runs), failed, len(found) > MOST_RUNS)


def _counts(row: Row) -> bool:
    """Whether a row can be counted on; `reusable` is false for failed runs too."""
    sound = row.reusable or row.status == "failed"
    return sound and row.complete and not row.hidden and not row.problem


class _Search:
    """Looks for runs like one."""

    def __init__(self, index: Index, record: Record) -> None:
        self._index = index
        self._manifest = record.inputs
        self._digests = record.digests
        self._fixed = _typed(record.inputs.settings, skipped=record.inputs.seeds)
        self._left = MOST_READ

    def replicate(self, row: Row) -> Run | None:
        """Return the run of a row if it is a replicate, else None."""
        if all(row.digests.get(name) == self._digests.get(name) for name in _OTHERS):
            names = self._manifest.settings
            settings = {name: row.params[name] for name in names if name in row.params}
            same = _typed(settings, skipped=self._manifest.seeds) == self._fixed
            # The digest proves that these are all the settings that counted.
            if same and digest(settings) == row.digests.get("settings"):
                return _run(row, settings, self._manifest.seeds)
        other = self._read(row)
        if other is None or compare_level(self._manifest, other) not in REPEATS:
            return None
        return _run(row, other.settings, {*self._manifest.seeds, *other.seeds})

    def _read(self, row: Row) -> Manifest | None:
        if not self._left:
            return None
        self._left -= 1
        try:
            return self._index.record(row.commit).inputs
        except (RecordError, NotFoundError):
            return None


def _typed(settings: Mapping[str, Scalar], *, skipped: Collection[str]) -> dict[str, Any]:
    return {name: (type(value), value) for name, value in settings.items() if name not in skipped}


def _run(row: Row, settings: Mapping[str, Scalar], seeds: Collection[str]) -> Run:
    named = sorted(name for name in seeds if name in settings)
    seed = tuple((name, type(settings[name]).__name__, settings[name]) for name in named)
    return Run(row.experiment, row.commit, seed or None, row.metrics)
