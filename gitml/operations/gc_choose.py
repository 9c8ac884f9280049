"""Which of the objects that may go really are removed, and what is said about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from gitml.operations.dropped import Dropped
from gitml.operations.gc_decide import Decision
from gitml.operations.gc_target import Target
from gitml.operations.gc_values import (
    Forecast,
    GcRequest,
    HeldBack,
    KeptExperiment,
    Share,
    Unpushed,
)
from gitml.operations.needs import Need
from gitml.storage.durable import amount
from gitml.storage.inventory import Held

Needs = Mapping[str, list[Need]]

_LINKED = "hard-linked from a work tree, so removing frees nothing"
_LISTED = "in the list of a folder that stays"


class Chosen(msgspec.Struct, frozen=True):
    """Objects that may go, sorted out.

    Attributes:
        going: What would be removed.
        held_back: What stays, and why.
        alone: Those that have no other copy.
    """

    going: dict[str, Held]
    held_back: tuple[HeldBack, ...]
    alone: frozenset[str]


def candidates(
    decision: Decision, target: Target, request: GcRequest, logged: Mapping[str, list[Dropped]]
) -> dict[str, list[Need]]:
    """Return digest → needs of what may go by the rules; objects without needs are nobody's.

    Args:
        decision: Who needs what.
        target: What is cleaned.
        request: What was asked.
        logged: What was removed before: an interrupted removal goes on.
    """
    found = dict(decision.going)
    known = decision.staying | decision.claimed.keys()
    unreferenced = "unreferenced" in request.drop and not decision.uncertain
    for digest, held in (target.everything or {}).items():
        if digest in known or digest in found:
            continue
        interrupted = not target.is_remote and any(
            # What was stored since then is somebody's again.
            removal.place == "cache" and removal.for_good and held.touched <= removal.at
            for removal in logged.get(digest, ())
        )
        if interrupted or (unreferenced and digest not in decision.history):
            found[digest] = []
    return found


def choose(
    decision: Decision, wanted: Needs, target: Target, request: GcRequest, began: float
) -> Chosen:
    """Leave out what is linked, was stored just now, or would be gone for good without a word.

    Raises:
        StorageError: if it can't be found out where copies are.
    """
    held_back: dict[str, list[Held]] = {}
    going: dict[str, Held] = {}
    for digest, one in target.objects(wanted).items():
        if one.links > 1:
            held_back.setdefault(_LINKED, []).append(one)
        elif one.touched > began - request.min_age:
            why = f"stored less than {_spell(request.min_age)} ago (--min-age)"
            held_back.setdefault(why, []).append(one)
        else:
            going[digest] = one
    alone = _alone(wanted, going, target)
    staying: set[str] = set()
    if not target.is_remote:
        staying = set() if request.also_unpushed else alone
        if decision.uncertain:
            staying = staying | {digest for digest in alone if not digest.endswith(".dir")}
    if staying:
        held_back[target.why_unpushed] = [going.pop(digest) for digest in sorted(staying)]
    for digest in sorted(target.promised(going) & going.keys()):
        held_back.setdefault(_LISTED, []).append(going.pop(digest))
    for digest, one in target.objects(decision.claimed).items():
        held_back.setdefault(f"needed by {decision.claimed[digest]}", []).append(one)
    counted = [HeldBack(why, len(some), _bytes(some)) for why, some in held_back.items()]
    counted.sort(key=lambda one: -one.size)
    return Chosen(going, tuple(counted), frozenset(alone & going.keys()))


def described(
    decision: Decision,
    wanted: Needs,
    chosen: Chosen,
    target: Target,
    began: float,
    unshared: Collection[str] = (),
) -> Forecast:
    """Return the forecast of what was chosen; `unshared` experiments are on no Git remote."""
    notes = list(decision.notes)
    if unshared:
        one = len(unshared) == 1
        notes.append(
            f"{len(unshared):,} {'experiment that loses' if one else 'experiments that lose'} "
            f"something here {'is' if one else 'are'} on no Git remote, so a clone that cleans "
            "the DVC remote doesn't know who needs it; gitml exp push shares what is recorded."
        )
    nobodys = [one for digest, one in chosen.going.items() if not wanted[digest]]
    if target.is_remote and nobodys:
        some = "1 object" if len(nobodys) == 1 else f"{len(nobodys):,} objects"
        notes.append(
            f"No commit of this repository names {some} of it ({amount(_bytes(nobodys))}). "
            f"If other projects use the remote {target.name}, they may need that."
        )
    if decision.uncertain:
        count = len(decision.uncertain)
        folders = "1 stored folder that is" if count == 1 else f"{count:,} stored folders that are"
        notes.append(
            f"Nobody has the list of files of {folders} needed (gitml fsck says which); so what "
            "may be in there stays unless the remote has it."
        )
    return Forecast(
        place=target.name,
        remote=target.is_remote,
        backup=target.backup,
        objects=chosen.going,
        alone=chosen.alone,
        total=target.total,
        total_size=target.total_size,
        experiments=len(decision.rows),
        kept=tuple(
            KeptExperiment(row.experiment, row.commit, row.study, decision.kept[row.commit])
            for row in decision.rows
            if row.commit in decision.kept
        ),
        shares=tuple(_shares(wanted, chosen.going)),
        held_back=chosen.held_back,
        unpushed=tuple(_unpushed(wanted, chosen)),
        notes=(*notes, *target.notes),
        began=began,
    )


def _alone(wanted: Needs, going: Mapping[str, Held], target: Target) -> set[str]:
    """Return which objects have no other copy; the parts of a folder share its fate."""
    alone = going.keys() - target.copies(going)
    users: dict[tuple[str, str], list[str]] = {}
    for digest in going:
        for need in wanted[digest]:
            users.setdefault((need.commit, need.path), []).append(digest)
    lacking = {(need.commit, need.path) for digest in alone for need in wanted[digest]}
    return alone | {digest for user in lacking for digest in users[user]}


def _shares(wanted: Needs, going: Mapping[str, Held]) -> list[Share]:
    """Count objects by study and role; one that several need counts with the first."""
    groups: dict[tuple[str, str], list[Held]] = {}
    losers: dict[tuple[str, str], set[str]] = {}
    for digest, one in going.items():
        needs = wanted[digest]
        key = (needs[0].study, needs[0].role) if needs else ("", "")
        groups.setdefault(key, []).append(one)
        for need in needs:
            losers.setdefault((need.study, need.role), set()).add(need.commit)
    return [
        Share(study, role, len(losers.get((study, role), ())), len(some), _bytes(some))
        for (study, role), some in sorted(groups.items())
    ]


def _unpushed(wanted: Needs, chosen: Chosen) -> list[Unpushed]:
    """Return the outputs that would be gone for good, the largest first."""
    sizes: dict[tuple[str, str], int] = {}
    digests: dict[tuple[str, str], str] = {}
    for digest in sorted(chosen.alone, key=lambda one: (not one.endswith(".dir"), one)):
        needs = wanted[digest]
        key = (needs[0].experiment, needs[0].path) if needs else ("", digest)
        digests.setdefault(key, digest)
        sizes[key] = sizes.get(key, 0) + chosen.going[digest].size
    found = [Unpushed(*key, digests[key], size) for key, size in sizes.items()]
    return sorted(found, key=lambda one: -one.size)


def _bytes(some: Iterable[Held]) -> int:
    return sum(one.size for one in some)


def _spell(seconds: float) -> str:
    if seconds >= 86_400:
        days = f"{seconds / 86_400:g}"
        return "1 day" if days == "1" else f"{days} days"
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"
