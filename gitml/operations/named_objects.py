"""Which objects of DVC storage the trees of commits name, read in bulk and without judging.

Every digest in a `.dvc` file or a `dvc.lock` counts, also in one that is malformed: whoever is
about to remove objects must rather see too many than too few. What can't be read is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gitml.errors import RepositoryError
from gitml.git.objects import ObjectReader
from gitml.git.repository import Repository
from gitml.operations.trees_in_bulk import Trees

_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?:\.dir)?(?![0-9a-f])")
_LOCK = "dvc.lock"


def is_pointer(path: str) -> bool:
    """Whether a file names objects of DVC storage, by its name."""
    name = path.rpartition("/")[2]
    return name == _LOCK or name.endswith(".dvc")


def digests_in(data: bytes) -> frozenset[str]:
    """Return everything in some bytes that looks like the name of an object."""
    return frozenset(found.decode() for found in _DIGEST.findall(data))


def named_by(repository: Repository, trees: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return tree → digests that its `.dvc` and `dvc.lock` files name.

    Raises:
        RepositoryError: if a tree or such a file isn't in this clone.
    """
    wanted = list(dict.fromkeys(trees))
    read = Trees(repository, wanted)
    for oid in read.absent:
        raise _lacking(oid)
    pointers = {tree: read.named(tree, is_pointer) for tree in wanted}
    named = _contents(repository, {oid for some in pointers.values() for oid in some})
    return {tree: _union(named[oid] for oid in some) for tree, some in pointers.items()}


def _union(some: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset(digest for digests in some for digest in digests)


def named_in_history(repository: Repository) -> frozenset[str]:
    """Return the digests that any commit names which a reference or a reflog reaches.

    Raises:
        RepositoryError: if the history can't be read.
    """
    arguments = (
        *("-c", "log.showRoot=true", "-c", "log.showSignature=false"),
        *("log", "--all", "--reflog", "--full-history", "-m", "--raw", "--no-abbrev"),
        *("--no-renames", "--no-ext-diff", "--no-textconv", "--format=", "-z"),
        *("--", ":(glob)**/*.dvc", f":(glob)**/{_LOCK}"),
    )
    output = repository.git.run(*arguments)
    blobs = set()
    for part in output.split(b"\0"):
        head = part.strip(b"\n")
        if head.startswith(b":"):
            fields = head.split(b" ")
            blobs |= {oid.decode() for oid in fields[2:4] if oid.strip(b"0")}
    return _union(_contents(repository, blobs).values())


def _contents(repository: Repository, blobs: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return file → digests in it."""
    ordered = sorted(blobs)
    found: dict[str, frozenset[str]] = {}
    with ObjectReader(repository.git) as reader:
        for oid, data in zip(ordered, reader.read_many(ordered), strict=True):
            if data is None:
                raise _lacking(oid)
            found[oid] = digests_in(data)
    return found


def _lacking(oid: str) -> RepositoryError:
    return RepositoryError(
        f"The object {oid[:12]} of Git isn't in this clone, so what is needed isn't known.",
        hint="In a partial clone: `git fetch --refetch --no-filter`. Else `git fsck` says more.",
    )
