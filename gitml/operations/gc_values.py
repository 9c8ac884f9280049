"""What `gitml gc` is asked, what it would remove, and what it removed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import msgspec

from gitml.outputs.artifact import Role
from gitml.storage.inventory import Held

Drop = Literal["weights", "checkpoints", "all", "data", "unreferenced"]
DROPS: tuple[Drop, ...] = ("weights", "checkpoints", "all", "data", "unreferenced")
DEFAULT_DROPS: tuple[Drop, ...] = ("checkpoints", "weights")

HOUR = 3600.0


class GcRequest(msgspec.Struct, frozen=True):
    """What `gitml gc` was asked.

    Attributes:
        start: Folder where the user stands.
        studies: Only experiments of these lose anything; empty for all.
        keep_best: So many of each study are kept, the best by its primary metric.
        keep_last: So many of each study are kept, the newest.
        keep_tagged: Whether those with a tag or note are kept.
        keep_where: Expression; experiments that match are kept.
        older_than: Seconds; younger experiments are kept.
        drop: What experiments that are not kept lose.
        also_unpushed: Whether to remove what no DVC remote has.
        also_published: With `remote`: whether to remove what published experiments need.
        shared_cache: Whether to clean a cache that others may use, too.
        remote: DVC remote to clean instead of the local cache; empty for the cache.
        min_age: Seconds; objects that were stored later than this before now stay.
        deep: Whether to read what the remote has, instead of trusting that it is there.
    """

    start: Path
    studies: tuple[str, ...] = ()
    keep_best: int = 3
    keep_last: int = 5
    keep_tagged: bool = True
    keep_where: str = ""
    older_than: float = 0.0
    drop: tuple[Drop, ...] = DEFAULT_DROPS
    also_unpushed: bool = False
    also_published: bool = False
    shared_cache: bool = False
    remote: str = ""
    min_age: float = HOUR
    deep: bool = False

    @property
    def roles(self) -> frozenset[str]:
        """The roles of outputs, and `data`, that are dropped."""
        found: set[str] = set()
        for name in self.drop:
            if name == "all":
                found |= _ROLES
            elif name != "unreferenced":
                found.add({"checkpoints": "checkpoint"}.get(name, name))
        return frozenset(found)


_ROLES = frozenset(get_args(Role))


class KeptExperiment(msgspec.Struct, frozen=True):
    """An experiment that keeps all it has, and why."""

    experiment: str
    commit: str
    study: str
    reasons: tuple[str, ...]


class Share(msgspec.Struct, frozen=True):
    """What would be removed of one role in one study.

    Attributes:
        study: The study; empty for objects that no experiment names.
        role: Of the outputs.
        experiments: How many experiments lose something.
        objects: How many objects would go; one that several need counts once.
        size: Their bytes.
    """

    study: str
    role: str
    experiments: int
    objects: int
    size: int


class HeldBack(msgspec.Struct, frozen=True):
    """Objects that would go by the rules and stay: why, how many, and their bytes."""

    why: str
    objects: int
    size: int


class Unpushed(msgspec.Struct, frozen=True):
    """An output whose only known copy is the one that would be removed."""

    experiment: str
    path: str
    digest: str
    size: int


class Forecast(msgspec.Struct, frozen=True):
    """What would be removed, and what stays.

    Attributes:
        place: Folder of the cache, or name of the remote that is cleaned.
        remote: Whether it is a remote.
        backup: DVC remote that has all of it, or empty.
        objects: The objects that would go.
        alone: Those of them that have no other copy.
        total: Objects that are there now.
        total_size: Their bytes.
        experiments: How many are recorded.
        kept: Those that keep all they have.
        shares: What would go, by study and role.
        held_back: What stays though the rules would let it go.
        unpushed: What would be gone for good.
        notes: Sentences that users should see.
        began: When the forecast was made, seconds since the epoch.
    """

    place: str
    remote: bool
    backup: str
    objects: dict[str, Held]
    alone: frozenset[str]
    total: int
    total_size: int
    experiments: int
    kept: tuple[KeptExperiment, ...]
    shares: tuple[Share, ...]
    held_back: tuple[HeldBack, ...] = ()
    unpushed: tuple[Unpushed, ...] = ()
    notes: tuple[str, ...] = ()
    began: float = 0.0

    @property
    def size(self) -> int:
        """The bytes that would be free afterwards."""
        return sum(one.size for one in self.objects.values())


class Collected(msgspec.Struct, frozen=True):
    """What was removed.

    Attributes:
        objects: How many objects.
        size: Their bytes.
        spared: Objects of the forecast that stayed, since something needs them by now, they were
            stored again meanwhile, or the copy that was counted on is gone.
        gone: Objects of the forecast that somebody else has removed meanwhile.
    """

    objects: int
    size: int
    spared: int = 0
    gone: int = 0
