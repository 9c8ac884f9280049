"""`.dir` objects: the JSON list of a stored folder's files, written and read as DVC does."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from gitml.errors import StorageError
from gitml.storage.digests import md5
from gitml.storage.paths import check_digest, check_member_paths

# Some hundred bytes a file: this is room for millions of them.
LARGEST = 1 << 30


class Member(msgspec.Struct, frozen=True):
    """One file of a stored folder.

    Attributes:
        path: Path from the folder, with `/`; checked.
        digest: MD5 of its bytes.
    """

    path: str
    digest: str


class _Line(msgspec.Struct):
    relpath: str
    md5: str


def render(members: Iterable[Member]) -> bytes:
    """Return the bytes of the `.dir` object, the same as DVC's for the same files."""
    lines = [{"md5": member.digest, "relpath": member.path} for member in members]
    lines.sort(key=lambda line: line["relpath"])
    return json.dumps(lines, sort_keys=True).encode()


def digest_of(data: bytes) -> str:
    """Return the digest of a `.dir` object, with its suffix."""
    return md5(data).hexdigest() + ".dir"


def parse(data: bytes, digest: str) -> list[Member]:
    """Read a `.dir` object and check everything that it says.

    Args:
        data: Its bytes.
        digest: Its name, which they must match.

    Raises:
        StorageError: It is corrupt, malformed, or lists a path that must not be written.
    """
    where = f"The stored folder {digest}"
    if len(data) > LARGEST:
        raise StorageError(f"{where} has a list of more than 1 GiB.")
    if digest_of(data) != digest:
        raise StorageError(
            f"{where} is corrupt: its bytes don't match its name.",
            hint="`gitml fsck` says whether a remote still has it.",
        )
    try:
        lines = msgspec.json.decode(data, type=list[_Line])
    except (msgspec.DecodeError, RecursionError) as error:
        raise StorageError(f"{where} is malformed: {error}.") from error
    check_member_paths((line.relpath for line in lines), where)
    for line in lines:
        if check_digest(line.md5).endswith(".dir"):
            raise StorageError(f"{where} lists a folder as if it were a file.")
    return [Member(path=line.relpath, digest=line.md5) for line in lines]
