"""What is wrong with objects, told with who needs them and where sound copies are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gitml.errors import GitmlError
from gitml.history.index import Row
from gitml.operations.fsck_objects import Objects
from gitml.operations.fsck_remote import named_by, users_of
from gitml.operations.fsck_values import Fault, State
from gitml.operations.gc_roots import claims
from gitml.operations.needs import Need, agreed_size
from gitml.operations.project import Project
from gitml.operations.sources import Wanted, find_sources
from gitml.storage.place import Storage


def faults_of(
    project: Project, storage: Storage, found: Objects, rows: Sequence[Row]
) -> tuple[Fault, ...]:
    """Return what is wrong with the objects of the cache, and what is lost.

    Args:
        project: Where.
        storage: The cache.
        found: What was found about objects.
        rows: The experiments.
    """
    needs = found.needs
    lost = found.lost if not found.unknown else frozenset()
    wrong = {*found.bad, *lost}
    wanted = [
        Wanted(one, found.paths.get(one, ()), agreed_size(needs.get(one, ())))
        for one in sorted(wrong)
    ]
    affected = {need.commit for one in wrong for need in found.uses.get(one, ())}
    bases = dict.fromkeys(row.base for row in rows if row.commit in affected)
    there = {found.remote: found.away} if found.remote else {}
    sources = find_sources(project, storage, wanted, there, bases) if wanted else {}
    told = sorted(wrong | found.unsafe.keys())
    others = _others(project, storage, told)
    return tuple(
        Fault(
            digest=digest,
            state=_state(digest, found),
            size=_size(digest, needs.get(digest, ()), found),
            why=found.bad.get(digest, "") or found.unsafe.get(digest, ""),
            users=users_of(found.uses.get(digest, ())),
            others=tuple(
                dict.fromkeys((*named_by(found, digest), *others.get(digest, ()))),
            ),
            source=sources.get(digest),
        )
        for digest in told
    )


def _state(digest: str, found: Objects) -> State:
    if digest in found.bad:
        return "corrupt"
    return "unsafe" if digest in found.unsafe else "lost"


def _size(digest: str, needs: Sequence[Need], found: Objects) -> int:
    held = found.here.get(digest)
    return agreed_size(needs) or (held.size if held else 0)


def _others(project: Project, storage: Storage, digests: Collection[str]) -> dict[str, list[str]]:
    """Return digest → what else needs it, in words, as far as that can be told."""
    found: dict[str, list[str]] = {}
    if not digests:
        return found
    try:
        for claim in claims(project.repository, storage):
            for digest in claim.digests.intersection(digests):
                found.setdefault(digest, []).append(claim.what)
    except GitmlError:
        return found  # said where branches and Git's objects are looked at
    return found
