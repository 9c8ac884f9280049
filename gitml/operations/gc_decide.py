"""Which objects may go: those that only experiments need which keep nothing, and nobody else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from gitml.errors import NotFoundError, RecordError, RepositoryError
from gitml.experiment.record import Record
from gitml.git.log import read_commits
from gitml.history.index import Index, Row
from gitml.operations.gc_keep import Kept, Rules, kept_experiments
from gitml.operations.gc_roots import Claim, claims
from gitml.operations.gc_values import GcRequest
from gitml.operations.named_objects import named_by, named_in_history
from gitml.operations.needs import Need, by_digest, needs_of, with_members
from gitml.operations.project import Project
from gitml.operations.stored_lists import Lists
from gitml.storage.paths import is_digest
from gitml.storage.place import Storage

# An experiment's record may be unreadable where its pointers aren't.
_UNREADABLE = "its record can't be read"


class Decision(msgspec.Struct, frozen=True):
    """What may go, and what stays.

    Attributes:
        rows: All experiments.
        kept: Those that keep all they have.
        going: Digest → needs, of objects that nobody needs who keeps them.
        claimed: Digest → what needs it, for objects that would go by the rules alone.
        staying: Every object that somebody needs.
        history: Objects that some commit names, whoever it is; empty unless that was asked.
        uncertain: Stored folders that somebody needs and whose list of files nobody has.
        notes: Sentences that users should see.
    """

    rows: tuple[Row, ...]
    kept: dict[str, tuple[str, ...]]
    going: dict[str, list[Need]]
    claimed: dict[str, str]
    staying: frozenset[str]
    history: frozenset[str] = frozenset()
    uncertain: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def decide(
    project: Project,
    storage: Storage,
    index: Index,
    request: GcRequest,
    lists: Lists,
    published: Collection[str] = (),
) -> Decision:
    """Look at everything that needs objects.

    Args:
        project: Where.
        storage: The cache, whose links in work trees count.
        index: What is recorded.
        request: What is to be dropped, and what keeps experiments.
        lists: Knows the files of stored folders.
        published: Commits of experiments that are kept since other clones may need them.

    Raises:
        RepositoryError: if something can't be read, so that what it needs isn't known.
        StorageError: if the remote that has lists of folders can't be asked.
    """
    rows = index.rows(hidden=True)
    known = kept_experiments(project.repository, index, rows, _rules(request))
    kept = _with_published(known, published)
    needs, staying = _needs(project, index, rows, kept, request.roles)
    others = claims(project.repository, storage)
    claimed = _claimed(others)
    wanted = staying | claimed
    going = with_members(by_digest(needs), lists.files(need.digest for need in needs))
    staying_files = _expanded(lists, staying)
    claimed_files = _expanded(lists, claimed)
    history: frozenset[str] = frozenset()
    if "unreferenced" in request.drop:
        history = _expanded(lists, named_in_history(project.repository))
        wanted |= history
    free = {
        digest: some
        for digest, some in going.items()
        if digest not in staying_files and digest not in claimed_files
    }
    return Decision(
        rows=tuple(rows),
        kept=kept,
        going=free,
        claimed=_why(others, lists, going.keys() & claimed_files - staying_files),
        staying=staying_files | claimed_files,
        history=history,
        uncertain=frozenset(lists.unknown(wanted)),
        notes=known.notes,
    )


def _rules(request: GcRequest) -> Rules:
    from gitml.history.query import parse_query

    return Rules(
        best=request.keep_best,
        last=request.keep_last,
        tagged=request.keep_tagged,
        where=parse_query(request.keep_where) if request.keep_where else None,
        older_than=request.older_than,
        studies=request.studies,
    )


def _with_published(kept: Kept, published: Collection[str]) -> dict[str, tuple[str, ...]]:
    found = dict(kept.reasons)
    for commit in published:
        found[commit] = (*found.get(commit, ()), "published, so other clones may need it")
    return found


def _needs(
    project: Project,
    index: Index,
    rows: Sequence[Row],
    kept: dict[str, tuple[str, ...]],
    roles: frozenset[str],
) -> tuple[list[Need], set[str]]:
    """Return what experiments lose, and what they keep; unreadable ones are added to `kept`."""
    trees = {c.oid: c.tree for c in read_commits(project.repository.git, [r.commit for r in rows])}
    named = named_by(project.repository, trees.values())
    records: dict[str, Record] = {}
    for row in rows:
        try:
            records[row.commit] = index.record(row.commit)
        except (NotFoundError, RecordError, RepositoryError):
            kept[row.commit] = (*kept.get(row.commit, ()), _UNREADABLE)
    made = _made_from(records.values())
    losing: list[Need] = []
    staying: set[str] = set()
    for row in rows:
        own = set(named[trees[row.commit]])
        record = records.get(row.commit)
        if record is not None:
            needs = needs_of(row, record)
            own |= {need.digest for need in needs}
            if row.commit in kept:
                own |= _inputs(record, made)
            else:
                going = [need for need in needs if need.role in roles]
                losing += going
                own -= {need.digest for need in going}
        staying |= own
    return losing, staying


def _made_from(records: Iterable[Record]) -> dict[str, set[str]]:
    """Return content hash of what a run wrote → what is stored of it, where that was converted."""
    found: dict[str, set[str]] = {}
    for record in records:
        for artifact in record.artifacts:
            if artifact.source_digest:
                found.setdefault(artifact.source_digest, set()).add(artifact.digest)
    return found


def _inputs(record: Record, made: Mapping[str, set[str]]) -> set[str]:
    """Return the objects that hold what an experiment read: also the weights that it began with."""
    read = {item.digest for item in record.inputs.data.values() if is_digest(item.digest)}
    return read.union(*(made.get(digest, set()) for digest in read))


def _expanded(lists: Lists, digests: Iterable[str]) -> frozenset[str]:
    digests = list(digests)
    return frozenset(digests).union(*lists.files(digests).values())


def _claimed(others: Iterable[Claim]) -> set[str]:
    return {digest for claim in others for digest in claim.digests}


def _why(others: Iterable[Claim], lists: Lists, digests: Collection[str]) -> dict[str, str]:
    """Return digest → the first of the claims on it, in words."""
    found: dict[str, str] = {}
    if digests:
        for claim in others:
            for digest in _expanded(lists, claim.digests) & set(digests):
                found.setdefault(digest, claim.what)
    return found
