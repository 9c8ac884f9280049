"""The versions of files that an explanation reads from Git: a bounded number, in one go."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import msgspec

from gitml.errors import RepositoryError
from gitml.git.fetching import fetch_objects
from gitml.git.objects import ObjectReader
from gitml.git.offline import without_promises
from gitml.git.repository import Repository

# What is read for one experiment; people read less, and scripts have the object ids.
MAX_FILES = 50
_MAX_BYTES = 4_000_000
_STUDIES = "exp/"


class Texts(msgspec.Struct, frozen=True):
    """Blobs that could be read, and why the others couldn't.

    Attributes:
        contents: Object id → bytes.
        reasons: Object id → a sentence.
    """

    contents: dict[str, bytes]
    reasons: dict[str, str]


def read_texts(repository: Repository, oids: Iterable[str], remote: str = "") -> Texts:
    """Read blobs.

    Args:
        repository: Where.
        oids: Their ids; what is too large is left out.
        remote: Where to fetch from, all at once, what a partial clone lacks; nothing is fetched
            when empty.

    Raises:
        RepositoryError: if the repository can't be read.
    """
    wanted = list(dict.fromkeys(oids))
    if not wanted:
        return Texts({}, {})
    if remote:
        with suppress(RepositoryError):  # what is missing is said file by file
            fetch_objects(repository, remote, wanted, _STUDIES)
    sizes = _sizes(repository, wanted)
    reasons = {
        oid: "It is too large to be compared." if size >= 0 else "Its text isn't in this clone."
        for oid, size in sizes.items()
        if not 0 <= size <= _MAX_BYTES
    }
    readable = [oid for oid in wanted if oid not in reasons]
    with ObjectReader(repository.git, offline=True) as reader:
        found = dict(zip(readable, reader.read_many(readable), strict=True))
    return Texts({oid: data for oid, data in found.items() if data is not None}, reasons)


def _sizes(repository: Repository, oids: list[str]) -> dict[str, int]:
    """Return the sizes of blobs, -1 for what isn't here; nothing is fetched."""
    offline = repository.git.with_environment(without_promises(repository.git))
    request = "".join(f"{oid}\n" for oid in oids).encode()
    output = offline.run("cat-file", "--batch-check=%(objectsize)", stdin=request)
    lines = output.decode("utf-8", "replace").splitlines()
    return {oid: int(line) if line.isdigit() else -1 for oid, line in zip(oids, lines, strict=True)}
