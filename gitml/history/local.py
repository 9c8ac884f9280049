"""Reading what a partial clone already has, without asking its remote for the rest.

With lazy fetching disabled, `git cat-file --batch` ends at the first object that isn't there. So
the ids of what is there are listed first, and paths are resolved tree by tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitml.git.command import Git
from gitml.git.objects import ObjectReader
from gitml.git.repository import Repository


def is_partial(repository: Repository) -> bool:
    """Whether objects may be missing here on purpose."""
    try:
        text = (repository.common_dir / "config").read_bytes().lower()
    except OSError:
        return False
    return b"partialclone" in text or b"promisor" in text


class LocalObjects:
    """The objects of a repository that need no fetching."""

    def __init__(self, repository: Repository) -> None:
        self._git = repository.git
        self._width = 32 if repository.object_format == "sha256" else 20
        self._here = _list_objects(self._git)

    def read_paths(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Yield the content of each `<tree>:<path>`, None for what isn't here."""
        current: list[str] = []
        for name in names:
            current.append(name.partition(":")[0])
        parts = [name.partition(":")[2].split("/") for name in names]
        for level in range(max((len(part) for part in parts), default=0)):
            trees = {oid for oid in current if oid in self._here}
            entries = dict(zip(trees, map(self._entries, self._read(list(trees))), strict=True))
            current = [
                entries.get(oid, {}).get(part[level], "") if level < len(part) else oid
                for oid, part in zip(current, parts, strict=True)
            ]
        with ObjectReader(self._git, offline=True) as reader:
            for oid in current:
                yield reader.read(oid) if oid in self._here else None

    def _read(self, oids: Sequence[str]) -> list[bytes]:
        with ObjectReader(self._git, offline=True) as reader:
            return [data or b"" for data in reader.read_many(oids)]

    def _entries(self, tree: bytes) -> dict[str, str]:
        """Return name → object id of a tree's raw bytes: mode, space, name, NUL, id, repeated."""
        found = {}
        place = 0
        while place < len(tree):
            end = tree.index(b"\0", place)
            name = tree[place:end].partition(b" ")[2].decode("utf-8", "surrogateescape")
            place = end + 1 + self._width
            found[name] = tree[end + 1 : place].hex()
        return found


def _list_objects(git: Git) -> set[str]:
    output = git.run(
        "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"
    )
    return set(output.decode().split())
