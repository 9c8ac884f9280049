"""Which experiments keep everything that they have in storage, and why: gc by meaning."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import msgspec

from gitml.errors import RecordError
from gitml.experiment.message import FROM, parse
from gitml.experiment.record import PATH, decode
from gitml.git.log import list_refs, read_commits
from gitml.git.objects import ObjectReader
from gitml.git.repository import Repository
from gitml.history.branches import study_of
from gitml.history.expression import Query
from gitml.history.index import Index, Row
from gitml.operations.gc_published import FETCHED_TAGS
from gitml.operations.gc_roots import peeled

_TAGS = "refs/tags/"


class Rules(msgspec.Struct, frozen=True):
    """What keeps an experiment.

    Attributes:
        best: So many of each study are kept, the best by its primary metric; the champion always
            is. 0: only the champion.
        last: So many of each study are kept, the newest.
        tagged: Those with a tag or a note are.
        where: Those that match are.
        older_than: Those that began less than so many seconds ago are.
        studies: Those of any other study are; empty for no such rule.
    """

    best: int = 3
    last: int = 5
    tagged: bool = True
    where: Query | None = None
    older_than: float = 0.0
    studies: tuple[str, ...] = ()


class Kept(msgspec.Struct, frozen=True):
    """Experiments that are kept.

    Attributes:
        reasons: Commit → why, the most important reason first.
        notes: Sentences that users should see.
    """

    reasons: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()


def kept_experiments(
    repository: Repository, index: Index, rows: Sequence[Row], rules: Rules
) -> Kept:
    """Decide which experiments are kept.

    Args:
        repository: Where.
        index: What is recorded, with the goals that are declared now.
        rows: All experiments, hidden ones too.
        rules: What keeps one.
    """
    reasons: dict[str, dict[str, None]] = {}
    notes: list[str] = []

    def keep(commit: str, why: str) -> None:
        reasons.setdefault(commit, {})[why] = None

    for commit, why in _registered(repository, index, rows):
        keep(commit, why)
    for study in index.studies():
        for row, why in _of_study(index, study, rules, notes):
            keep(row.commit, why)
    now = time.time()
    for row in rows:
        for why in _own(row, rules, now):
            keep(row.commit, why)
    return Kept({commit: tuple(some) for commit, some in reasons.items()}, tuple(notes))


def _of_study(
    index: Index, study: str, rules: Rules, notes: list[str]
) -> Iterator[tuple[Row, str]]:
    """Yield the best and the newest experiments of a study."""
    goals = index.goals(study)
    best = index.ranked(study, max(rules.best, 1))
    for place, row in enumerate(best):
        yield row, f"the champion of {study}" if place == 0 else f"among the best of {study}"
    if not best and rules.best:
        rows = [row for row in index.rows(study) if row.status == "completed"]
        if len(rows) > rules.last:
            lacking = f"none has a finite {goals.primary}" if goals.goal else "no primary metric"
            notes.append(
                f"What is best in {study} isn't known ({lacking}), so all that completed are "
                "kept; --keep-best 0 goes by the other rules alone."
            )
        for row in rows:
            yield row, f"of {study}, where none is known to be the best"
    if rules.last:
        for row in index.rows(study, limit=rules.last):
            yield row, f"among the newest of {study}"


def _own(row: Row, rules: Rules, now: float) -> Iterator[str]:
    """Yield what an experiment says of itself that keeps it."""
    if rules.studies and row.study not in rules.studies:
        yield "of another study"
    if rules.tagged and row.tags:
        yield f"tagged {row.tags[0]}"
    if rules.tagged and row.notes:
        yield "has a note"
    if rules.older_than and row.started > now - rules.older_than:
        yield "not old enough"
    if rules.where is not None:
        from gitml.history.matching import matches

        if matches(rules.where, row):
            yield "matches --keep-where"
    if row.problem or not row.complete:
        yield "its record can't be read"


def _registered(
    repository: Repository, index: Index, rows: Sequence[Row]
) -> Iterator[tuple[str, str]]:
    """Yield experiments that a tag points at, and those that a branch or tag was made from."""
    commits = {row.commit for row in rows}
    refs = {ref: oid for ref, oid in list_refs(repository.git).items() if not study_of(ref)}
    names = list(refs)
    found = peeled(repository, [refs[ref] for ref in names])
    tips = {ref: oid for ref, (oid, kind) in zip(names, found, strict=True) if kind == "commit"}
    for ref, oid in tips.items():
        what = _spoken(ref)
        if oid in commits:
            yield oid, what
            continue
        on_line = index.nearest_on_line(oid)
        if on_line is not None:
            yield on_line.commit, what
    yield from _applied(repository, index, tips)


def _applied(
    repository: Repository, index: Index, tips: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield the experiments whose record, or whose name in a trailer, the tips have."""
    refs = {oid: ref for ref, oid in tips.items()}
    with ObjectReader(repository.git, offline=True) as reader:
        records = list(reader.read_many([f"{oid}:{PATH}" for oid in refs]))
    for ref, data in zip(refs.values(), records, strict=True):
        for row in _described(index, data):
            yield row.commit, f"applied on {_spoken(ref)}"
    heads = [oid for oid, ref in refs.items() if ref.startswith("refs/heads/")]
    for commit in read_commits(repository.git, heads):
        origin = parse(commit.message).trailers.get(FROM, "")
        if origin and index.find(origin) is not None:
            yield origin, f"applied on {_spoken(refs[commit.oid])}"


def _described(index: Index, data: bytes | None) -> list[Row]:
    """Return the experiments that a record in another tree is of."""
    try:
        record = decode(data) if data is not None else None
    except RecordError:
        return []
    if record is None:
        return []
    return [row for row in index.by_name(record.name) if row.fingerprint == record.fingerprint]


def _spoken(ref: str) -> str:
    if ref.startswith(FETCHED_TAGS):
        # `refs/gitml/tags/<remote>/<tag>`
        ref = _TAGS + ref.removeprefix(FETCHED_TAGS).partition("/")[2]
    if ref.startswith(_TAGS):
        name = ref.removeprefix(_TAGS)
        model, at, _ = name.partition("@")
        if at and model:
            return f"registered as {name}"
        return f"in a stage: {name}" if "#" in name else f"tag {name}"
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")
