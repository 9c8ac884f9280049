"""The files of many trees, read with a handful of processes; what trees share is read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gitml.git.fetching import folders_of, missing
from gitml.git.repository import Repository
from gitml.git.trees import Entry

_FOLDER = "40000"

Files = tuple[tuple[str, str, str], ...]


class Trees:
    """Some trees and everything below them.

    Args:
        repository: Where.
        trees: Ids of the trees.

    Attributes:
        absent: Folders that aren't in this clone; nothing is fetched.

    Raises:
        RepositoryError: if Git can't read its objects.
    """

    def __init__(self, repository: Repository, trees: Iterable[str]) -> None:
        self.absent: set[str] = set()
        self._folders: dict[str, dict[str, tuple[str, str]]] = {}
        self._below: dict[str, Files] = {}
        self._lacking: dict[str, bool] = {}
        self._named: dict[str, frozenset[str]] = {}
        waiting = list(dict.fromkeys(trees))
        while waiting:
            self.absent.update(missing(repository.git, waiting))
            self._folders.update(folders_of(repository.git, waiting))
            below = (
                oid
                for tree in waiting
                for mode, oid in self._folders[tree].values()
                if mode == _FOLDER and oid not in self._folders
            )
            waiting = list(dict.fromkeys(below))

    def files(self, tree: str) -> Files:
        """Return (path, mode, id) of every file of a tree, except below folders that are absent."""
        return tuple(self._list(tree))

    def _list(self, tree: str) -> Iterator[tuple[str, str, str]]:
        for name, (mode, oid) in self._folders.get(tree, {}).items():
            if mode != _FOLDER:
                yield name, mode, oid
                continue
            # Folders are remembered, and roots, of which hardly two are equal, aren't.
            if oid not in self._below:
                self._below[oid] = self.files(oid)
            for path, of, at in self._below[oid]:
                yield f"{name}/{path}", of, at

    def named(self, tree: str, wanted: Callable[[str], bool]) -> frozenset[str]:
        """Return the ids of the regular files of a tree whose names are wanted.

        Args:
            tree: Which; always ask with the same `wanted`.
            wanted: Takes a file's name without its folder.
        """
        if tree not in self._named:
            own: set[str] = set()
            for name, (mode, oid) in self._folders.get(tree, {}).items():
                if mode == _FOLDER:
                    own |= self.named(oid, wanted)
                elif mode.startswith("100") and wanted(name):
                    own.add(oid)
            self._named[tree] = frozenset(own)
        return self._named[tree]

    def entries(self, tree: str) -> dict[str, Entry]:
        """Return path → file of a tree; bytes that aren't UTF-8 as records spell them."""
        return {
            (spelled := path.encode("utf-8", "backslashreplace").decode()): Entry(
                mode, oid, spelled
            )
            for path, mode, oid in self.files(tree)
        }

    def lacks(self, tree: str) -> bool:
        """Whether a tree, or a folder in it, isn't in this clone."""
        if tree not in self._lacking:
            self._lacking[tree] = tree in self.absent or any(
                self.lacks(oid)
                for mode, oid in self._folders.get(tree, {}).values()
                if mode == _FOLDER
            )
        return self._lacking[tree]
