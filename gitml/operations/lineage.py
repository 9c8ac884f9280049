"""Was a model tested on what it was trained on, by way of the weights that it started from?"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gitml.comparison.partition import leaked, same_examples
from gitml.errors import GitmlError
from gitml.experiment.record import Nearest, Record
from gitml.git.repository import Repository
from gitml.history.index import Index
from gitml.inputs.examples import NAMED, Parts, purpose_of, some
from gitml.inputs.manifest import Manifest
from gitml.operations.examples import Reader, reader

MAX_ANCESTORS = 200


class Leak(msgspec.Struct, frozen=True):
    """Test examples that an ancestor was trained on.

    Attributes:
        experiment: The ancestor's name.
        commit: The ancestor's commit.
        count: How many test examples.
        tested: Of how many.
        ids: Some of them, sorted.
    """

    experiment: str
    commit: str
    count: int
    tested: int
    ids: tuple[str, ...]

    def sentence(self, name: str = "") -> str:
        """Return the leak as one sentence about the experiment `name` (empty: this run)."""
        whose = f" of {name}" if name else ""
        dots = ", …" if self.count > len(self.ids) else ""
        return (
            f"{self.count:,} of the {self.tested:,} test examples{whose} were trained on by "
            f"{self.experiment}, whose weights {name or 'this run'} started from: "
            f"{some(self.ids)}{dots}."
        )


class Lineage(msgspec.Struct, frozen=True):
    """What is known of the experiments that one started from.

    Attributes:
        leaks: Ancestors that were trained on its test examples, the nearest first.
        unknown: Names of ancestors that logged no partition, or whose ids or record are not on
            this machine, so that nothing can be said about them.
        checked: How many ancestors were compared.
    """

    leaks: tuple[Leak, ...] = ()
    unknown: tuple[str, ...] = ()
    checked: int = 0


def lineage_leaks(
    repository: Repository,
    index: Index,
    record: Record,
    commit: str,
    *,
    folder: str = "",
    read: Reader | None = None,
) -> Lineage:
    """Return which test examples of an experiment its ancestors were trained on.

    Ancestors are the experiments in `init_from`, those that they started from, and so on, up to
    `MAX_ANCESTORS`. Ids are read from Git and the local DVC cache; nothing is fetched but records
    that a partial clone lacks.

    Args:
        repository: Where.
        index: All experiments.
        record: Of the experiment in question.
        commit: Its commit.
        folder: The project's folder in the repository.
        read: How ids are read, where several questions share what was read; see
            `gitml.operations.examples.reader`.
    """
    tests = any(purpose_of(name) == "test" for name in record.inputs.partition.parts)
    if not record.init_from or not tests:
        return Lineage()
    read = read or reader(repository, folder)
    return leaks_of(index, read(commit, record), record.inputs, record.init_from, read)


def leaks_of(
    index: Index,
    tested: Parts | None,
    inputs: Manifest,
    init_from: tuple[Nearest, ...],
    read: Reader,
) -> Lineage:
    """Return the same for an experiment that needn't be recorded yet.

    Args:
        index: All experiments.
        tested: Ids of its parts; None if they aren't here.
        inputs: Its manifest.
        init_from: What it started from.
        read: How ids of ancestors are read.
    """
    if tested is None:
        return Lineage(unknown=tuple(origin.experiment for origin in init_from))
    leaks: list[Leak] = []
    unknown: list[str] = []
    checked = 0
    for origin, record in _ancestors(index, init_from):
        trained = read(origin.commit, record) if record is not None else None
        if record is None or trained is None:
            unknown.append(origin.experiment)
            continue
        checked += 1
        # Weights come from every split of a run, so a fold's name separates nothing here.
        shared, count = leaked(tested, trained, by_split=False)
        if shared and same_examples(inputs, record.inputs, shared):
            ids = tuple(sorted(shared)[:NAMED])
            leaks.append(Leak(origin.experiment, origin.commit, len(shared), count, ids))
    return Lineage(tuple(leaks), tuple(unknown), checked)


def _ancestors(
    index: Index, init_from: tuple[Nearest, ...]
) -> Iterator[tuple[Nearest, Record | None]]:
    """Yield each ancestor once, the nearest first, with its record if that can be read."""
    seen: set[str] = set()
    waiting = list(init_from)
    while waiting and len(seen) < MAX_ANCESTORS:
        origin = waiting.pop(0)
        if origin.commit in seen:
            continue
        seen.add(origin.commit)
        try:
            record = index.record(origin.commit)
        except GitmlError:
            yield origin, None
            continue
        yield origin, record
        waiting.extend(record.init_from)
