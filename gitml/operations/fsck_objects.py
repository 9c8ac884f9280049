"""Is every object of storage what its name says, and is what experiments need somewhere at all?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

import msgspec

from gitml.errors import StorageError
from gitml.operations.dropped import gone_for_good
from gitml.operations.fsck_values import FsckRequest
from gitml.operations.needs import Need, agreed_size, by_digest, newest, with_members
from gitml.operations.project import Project
from gitml.operations.stored_lists import Lists
from gitml.storage.digests import EMPTY
from gitml.storage.inventory import Held, inventory, look
from gitml.storage.objects import members, object_path
from gitml.storage.place import Storage
from gitml.storage.remote_upkeep import folder_of
from gitml.storage.remotes import Remote, default_remote, open_remote
from gitml.storage.verifying import unsound

Progress = Callable[[int, int], None]

_MOST_PATHS = 20


class Needed(msgspec.Struct, frozen=True):
    """What must be in storage.

    Attributes:
        experiments: Needs of experiments.
        pointers: Needs of pointers on branches and tags.
    """

    experiments: tuple[Need, ...]
    pointers: tuple[Need, ...] = ()


class Objects(msgspec.Struct, frozen=True):
    """What was found about objects.

    Attributes:
        uses: Digest → the needs of experiments for it; the files of folders are needed by who
            needs the folder.
        named: The same of pointers on branches and tags.
        paths: Digest → where its bytes may be, from the repository's root.
        here: Digest → object of the cache that was looked at.
        bad: Digest → what is wrong with the one in the cache.
        unsafe: Digest → what is wrong with a list of a folder that is what its name says.
        away: Needed objects that are not here (or not sound), and on the remote.
        lost: Needed objects that are neither here nor on the remote.
        dropped: Those of them that `gitml gc` left no copy of.
        remote: Name of the remote that was asked; empty if none was.
        unknown: Why it isn't known what is lost; empty when it is.
    """

    uses: dict[str, list[Need]]
    named: dict[str, list[Need]]
    paths: dict[str, tuple[str, ...]]
    here: dict[str, Held]
    bad: dict[str, str]
    unsafe: dict[str, str]
    away: frozenset[str]
    lost: frozenset[str]
    dropped: frozenset[str]
    remote: str = ""
    unknown: str = ""

    @property
    def needs(self) -> dict[str, list[Need]]:
        """Digest → all needs for it: those of experiments where there are any."""
        return self.named | self.uses


class Asker:
    """Asks a DVC remote what it has, once it is needed, and remembers why it can't be asked.

    Args:
        storage: Whose configuration names it.
        name: Which; the default one when empty.

    Attributes:
        name: Its name; empty where there is none.
        problem: Why it can't be asked; empty as long as it can.
    """

    def __init__(self, storage: Storage, name: str = "") -> None:
        self._storage = storage
        info = default_remote(storage, name or None)
        self.name = info.name if info is not None else ""
        self.problem = ""

    def open(self, *, legacy: bool = False) -> Remote | None:
        """Return the remote, or None if there is none or it can't be used."""
        if not self.name or self.problem:
            return None
        try:
            remote = open_remote(self._storage, self.name, legacy=legacy)
        except StorageError as error:
            self._stop(error)
            return None
        folder = folder_of(remote)
        if folder is not None and not folder.is_dir():
            # Sending makes it; whoever looks for what was sent has a disk that isn't mounted.
            self.problem = f"{folder} doesn't exist (is the disk mounted?)."
            return None
        return remote

    def has(self, digests: Iterable[str], uses: Mapping[str, list[Need]]) -> set[str]:
        """Return which objects are there, in the size that everybody expects."""
        sizes = {digest: agreed_size(uses.get(digest, ())) for digest in digests}
        found: set[str] = set()
        for legacy in (False, True):  # what DVC 2 stored lies elsewhere
            left = {digest: size for digest, size in sizes.items() if digest not in found}
            remote = self.open(legacy=legacy) if left else None
            if remote is None:
                break
            try:
                found |= remote.has(left)
            except StorageError as error:
                self._stop(error)
        return found

    def _stop(self, error: StorageError) -> None:
        self.problem = f"{error.message} {error.hint}".strip()


def look_at_objects(
    project: Project,
    storage: Storage,
    needed: Needed,
    request: FsckRequest,
    progress: Progress | None = None,
) -> Objects:
    """Look at what is in the cache, and for what isn't there on the remote.

    Args:
        project: Where.
        storage: The cache.
        needed: What must be somewhere.
        request: What was asked.
        progress: Takes (done, total) in bytes.

    Raises:
        StorageError: if the cache can't be read.
        NotFoundError: if there is no such remote.
    """
    direct, pointed = by_digest(needed.experiments), by_digest(needed.pointers)
    asker = Asker(storage, request.name)
    lists, unlisted = _lists(storage, asker, pointed | direct)
    uses, paths = _with_files(direct, lists)
    others, places = _with_files(pointed, lists)
    wanted, paths = others | uses, places | paths
    held = {**inventory(storage, legacy=True), **inventory(storage)}
    here = {one: held[one] for one in held if one in uses or not request.studies}
    if request.fast:
        bad = _odd(here, wanted) | unsound(here[one] for one in unlisted if one in here)
    else:
        bad = unsound(here.values(), progress)
    # What somebody removed in the meantime is gone, not damaged.
    gone = {one for one in bad if look(storage, one, legacy=here[one].legacy) is None}
    here = {one: held for one, held in here.items() if one not in gone}
    bad = {one: why for one, why in bad.items() if one not in gone}
    bad |= _blocked(storage, wanted.keys() - here.keys())
    absent = wanted.keys() - (here.keys() - bad.keys())
    away = asker.has(absent, wanted)
    nowhere = absent - away
    # What a branch names was never removed on purpose.
    ran = {digest: newest(uses[digest]) for digest in nowhere - bad.keys() - others.keys()}
    dropped = gone_for_good(project.repository, ran) if ran else set()
    return Objects(
        uses=uses,
        named=others,
        paths=paths,
        here=here,
        bad=bad,
        unsafe=_unsafe(storage, [here[one] for one in unlisted if one in here and one not in bad]),
        away=frozenset(away),
        lost=frozenset(nowhere - dropped),
        dropped=frozenset(dropped),
        remote=asker.name,
        unknown=asker.problem if nowhere - dropped else "",
    )


def _lists(
    storage: Storage, asker: Asker, direct: Mapping[str, list[Need]]
) -> tuple[Lists, set[str]]:
    """Return what knows the files of folders, and the folders whose list isn't sound here."""
    lists = Lists(storage, None)
    unlisted = lists.unknown(direct)
    remote = asker.open() if unlisted else None
    if remote is None:
        return lists, unlisted
    more = Lists(storage, remote)
    try:
        more.members(direct)
    except StorageError as error:
        asker.problem = error.message
        return lists, unlisted
    return more, unlisted


def _with_files(
    direct: Mapping[str, list[Need]], lists: Lists
) -> tuple[dict[str, list[Need]], dict[str, tuple[str, ...]]]:
    """Return digest → needs and digest → paths, with the files of folders."""
    listed = lists.members(direct)
    paths: dict[str, dict[str, None]] = {
        digest: dict.fromkeys(need.path for need in needs) for digest, needs in direct.items()
    }
    for folder, found in listed.items():
        places = list(paths[folder])
        for member in found:
            own = paths.setdefault(member.digest, {})
            if len(own) < _MOST_PATHS:
                own.update(dict.fromkeys(f"{place}/{member.path}" for place in places))
    uses = with_members(direct, {f: {m.digest for m in some} for f, some in listed.items()})
    return uses, {digest: tuple(some)[:_MOST_PATHS] for digest, some in paths.items()}


def _odd(here: Mapping[str, Held], uses: Mapping[str, list[Need]]) -> dict[str, str]:
    """Return objects whose size can't be right; nothing is read."""
    found = {}
    for digest, one in here.items():
        size = agreed_size(uses.get(digest, ()))
        if size is not None and size != one.size:
            found[digest] = f"it has {one.size:,} bytes instead of {size:,}"
        elif not one.size and digest != EMPTY:
            found[digest] = "it is empty"
    return found


def _blocked(storage: Storage, absent: Iterable[str]) -> dict[str, str]:
    """Return the objects in whose place there is a folder, so that they can't be fetched."""
    return {
        digest: "there is a folder in its place"
        for digest in absent
        if os.path.isdir(object_path(storage, digest))
    }


def _unsafe(storage: Storage, lists: Iterable[Held]) -> dict[str, str]:
    """Return lists of folders that are what their names say, and must not be followed."""
    found = {}
    for one in lists:
        try:
            members(storage, one.digest, legacy=one.legacy)
        except StorageError as error:
            found[one.digest] = error.message
    return found
