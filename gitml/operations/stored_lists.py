"""Which files stored folders have: from their lists in the cache, else from those on the remote."""

from __future__ import annotations

from collections.abc import Iterable

from gitml.errors import StorageError
from gitml.storage.listing import Member
from gitml.storage.objects import holds, members
from gitml.storage.place import Storage
from gitml.storage.remotes import Remote


class Lists:
    """Knows the files of stored folders, and remembers them.

    Args:
        storage: The cache.
        remote: Has the lists that the cache lacks; None where there is none.
    """

    def __init__(self, storage: Storage, remote: Remote | None) -> None:
        self._storage = storage
        self._remote = remote
        self._known: dict[str, tuple[Member, ...]] = {}
        self._not_here: set[str] = set()
        self._nowhere: set[str] = set()

    def members(self, digests: Iterable[str]) -> dict[str, tuple[Member, ...]]:
        """Return folder → its files, for the folders among some objects.

        One whose list is neither here nor on the remote, or is corrupt or unsafe, is left out.

        Raises:
            StorageError: The remote can't be read.
        """
        folders = [digest for digest in digests if digest.endswith(".dir")]
        for folder in folders:
            if not any(folder in some for some in (self._known, self._not_here, self._nowhere)):
                self._read(folder)
        self._fetch([folder for folder in folders if folder in self._not_here])
        return {folder: self._known[folder] for folder in folders if folder in self._known}

    def files(self, digests: Iterable[str]) -> dict[str, frozenset[str]]:
        """Return folder → digests of its files; see `members`."""
        return {
            folder: frozenset(member.digest for member in listed)
            for folder, listed in self.members(digests).items()
        }

    def unknown(self, digests: Iterable[str]) -> set[str]:
        """Return those folders among some objects whose list nobody has."""
        wanted = {digest for digest in digests if digest.endswith(".dir")}
        return wanted - self.members(wanted).keys()

    def _read(self, folder: str) -> None:
        for legacy in (False, True):
            try:
                if holds(self._storage, folder, legacy=legacy):
                    self._known[folder] = tuple(members(self._storage, folder, legacy=legacy))
                    return
            except StorageError:
                continue  # corrupt here: the remote's own list is asked
        self._not_here.add(folder)

    def _fetch(self, folders: list[str]) -> None:
        if not folders:
            return
        from gitml.storage.remote_upkeep import lists_on

        found = lists_on(self._storage, self._remote, folders) if self._remote else {}
        self._known.update(found)
        self._not_here.difference_update(folders)
        self._nowhere.update(folder for folder in folders if folder not in found)
