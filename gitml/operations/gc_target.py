"""What is cleaned: the local cache, or a DVC remote; and where copies of its objects are."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Protocol

from gitml.errors import StorageError, UsageError
from gitml.operations.gc_values import GcRequest
from gitml.storage.inventory import Held, cache_folders, inventory, look
from gitml.storage.place import Storage
from gitml.storage.remote_upkeep import (
    is_folder_of,
    listed,
    place_on,
    promised_on,
    remove_on,
    unsound_on,
)
from gitml.storage.remotes import Remote, RemoteInfo, default_remote, open_remote
from gitml.storage.removing import Removed, promised, remove


class Target(Protocol):
    """Something that objects can be removed from.

    Attributes:
        name: Folder of the cache, or name of the remote.
        is_remote: Whether it is a remote.
        backup: DVC remote that keeps a copy, or empty.
        lists: Remote that has lists of folders which the cache lacks.
        total: Objects that are there; 0 where that isn't known.
        total_size: Their bytes.
        everything: All objects there; None where they can't be listed.
        why_unpushed: Why objects without a copy stay.
        notes: Sentences that users should see.
    """

    name: str
    is_remote: bool
    backup: str
    lists: Remote | None
    total: int
    total_size: int
    everything: Mapping[str, Held] | None
    why_unpushed: str
    notes: tuple[str, ...]

    def objects(self, digests: Iterable[str]) -> dict[str, Held]:
        """Return those of some objects that are there."""

    def copies(self, objects: Mapping[str, Held]) -> set[str]:
        """Return which objects are somewhere else, too."""

    def promised(self, going: Container[str]) -> set[str]:
        """Return the files in the lists of folders that stay, since a list promises them."""

    def remove(
        self, objects: Mapping[str, Held], newest: float, done: Callable[[], None]
    ) -> Removed:
        """Remove objects, but not those that were touched after `newest`."""


class Cache:
    """The local cache, with a DVC remote as the copy.

    Raises:
        StorageError: if others may use the cache and that wasn't allowed, or the remote can't be
            used.
    """

    is_remote: bool = False
    notes: tuple[str, ...] = ()

    def __init__(self, storage: Storage, request: GcRequest) -> None:
        self._storage = storage
        self._deep = request.deep
        self._held = inventory(storage)
        self.everything: Mapping[str, Held] | None = self._held
        if not request.shared_cache:
            _refuse_shared(storage, self._held)
        info = default_remote(storage)
        self.name = os.path.relpath(storage.cache, storage.root)
        if self.name.startswith(".."):
            self.name = str(storage.cache)
        self.lists: Remote | None = open_remote(storage, info.name) if info is not None else None
        self.backup = info.name if info is not None else ""
        self.total = len(self._held)
        self.total_size = sum(one.size for one in self._held.values())
        self.why_unpushed = (
            f"not on the DVC remote {info.name} (gitml exp push; --also-unpushed)"
            if info is not None
            else "the only copies: there is no DVC remote (--also-unpushed)"
        )

    def objects(self, digests: Iterable[str]) -> dict[str, Held]:
        """Return those of some objects that are in the cache."""
        return {digest: self._held[digest] for digest in digests if digest in self._held}

    def copies(self, objects: Mapping[str, Held]) -> set[str]:
        """Return which objects the remote has, in the right size; read again where asked."""
        if self.lists is None or not objects:
            return set()
        there = self.lists.has({digest: one.size for digest, one in objects.items()})
        there = {digest for digest in there if not _is_same(self.lists, objects[digest])}
        if self._deep:
            sizes = {digest: objects[digest].size for digest in there}
            there -= unsound_on(self._storage, self.lists, sizes).keys()
        return there

    def promised(self, going: Container[str]) -> set[str]:
        """Return the files in the lists of folders that stay in the cache."""
        return promised(self._storage, (one for one in self._held if one not in going))

    def remove(
        self, objects: Mapping[str, Held], newest: float, done: Callable[[], None]
    ) -> Removed:
        """Remove objects from the cache."""
        return remove(self._storage, objects.values(), newest=newest, done=done)


class OnRemote:
    """A DVC remote, which other clones use, too.

    Raises:
        StorageError: if it can't be used.
        UsageError: for what can't be asked of a remote that can't be listed.
    """

    is_remote: bool = True
    backup: str = ""
    why_unpushed: str = ""

    def __init__(self, storage: Storage, request: GcRequest) -> None:
        info = default_remote(storage, request.remote)
        assert info is not None
        self._storage = storage
        self._remote = open_remote(storage, info.name)
        if is_folder_of(self._remote, storage):
            raise StorageError(
                f"The remote {info.name} is the local cache itself.",
                hint="Clean it without --remote.",
            )
        self.name = info.name
        self.lists: Remote | None = self._remote
        self.everything: Mapping[str, Held] | None = listed(self._remote)
        if self.everything is None and "unreferenced" in request.drop:
            raise UsageError(
                f"The remote {info.name} can't be listed with the ages of its objects, so what "
                "nobody names can't be told from what is being sent right now.",
                hint="Drop by roles: --drop weights,checkpoints.",
            )
        held = (self.everything or {}).values()
        self.total = len(held)
        self.total_size = sum(one.size for one in held)
        self.notes: tuple[str, ...] = (_warning(info, known=self.everything is not None),)

    def objects(self, digests: Iterable[str]) -> dict[str, Held]:
        """Return those of some objects that are on the remote; their size may be unknown (0)."""
        wanted = list(digests)
        if self.everything is not None:
            return {one: self.everything[one] for one in wanted if one in self.everything}
        there = self._remote.has(dict.fromkeys(wanted))
        found = {}
        for digest in there:
            here = look(self._storage, digest)
            found[digest] = Held(digest, "", here.size if here else 0, 1, 0.0, -1)
        return found

    def copies(self, objects: Mapping[str, Held]) -> set[str]:
        """Return which objects the local cache has."""
        return {digest for digest in objects if look(self._storage, digest) is not None}

    def promised(self, going: Container[str]) -> set[str]:
        """Return the files in the lists of folders that stay on the remote, if it can be listed."""
        return promised_on(self._remote, (one for one in self.everything or () if one not in going))

    def remove(
        self, objects: Mapping[str, Held], newest: float, done: Callable[[], None]
    ) -> Removed:
        """Remove objects from the remote."""
        return remove_on(self._remote, objects, newest=newest, done=done)


def open_target(storage: Storage, request: GcRequest) -> Target:
    """Open what is to be cleaned.

    Raises:
        StorageError: if it can't be used, or others may use it and that wasn't allowed.
        UsageError: for what can't be asked of it.
    """
    if request.remote:
        return OnRemote(storage, request)
    return Cache(storage, request)


def _is_same(remote: Remote, one: Held) -> bool:
    """Whether a remote's copy is the very file of the cache: one remote may be the cache itself."""
    other = place_on(remote, one.digest)
    try:
        return other is not None and os.path.samefile(other.path, one.path)
    except OSError:
        return False


def _warning(info: RemoteInfo, *, known: bool) -> str:
    said = (
        f"Other clones use {info.name} ({info.url}), too. What they have recorded and not pushed "
        "isn't known here"
    )
    if known:
        return f"{said}: of that, only what was stored there lately is left alone (--min-age)."
    return f"{said}, and this kind of remote doesn't tell how old objects are."


def _refuse_shared(storage: Storage, held: Mapping[str, Held]) -> None:
    real, own = cache_folders(storage)
    hint = "--shared-cache cleans it anyway: others then fetch again what they need, if they can."
    if real != own:
        raise StorageError(
            f"The cache {real} is outside of this project, so others may use it, and what they "
            "need isn't known here.",
            hint=hint,
        )
    if storage.shared_group:
        raise StorageError(
            "The cache is shared with a group (cache.shared), and what the others need isn't "
            "known here.",
            hint=hint,
        )
    strangers = {one.owner for one in held.values()} - {os.getuid()}
    if strangers and os.getuid() != 0:
        raise StorageError(
            f"Objects in the cache {real} belong to other users, who may need them.", hint=hint
        )
