"""Small loose objects, read and written as Git does, without starting Git.

Only into repositories of the plain kind; for any other, and whenever something fails, there is
`git hash-object`, which takes as long as writing a few dozen of them.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from gitml.git.command import Git

SMALL_BYTES = 1 << 20
SMALL_FILES = 50  # from here on one process is no slower
# Settings by which objects would have to look otherwise, or that may be in another file.
_UNUSUAL = (b"objectformat", b"sharedrepository", b"include", b"refstorage", b"compression")


def write_loose(git: Git, contents: Sequence[bytes], kind: bytes = b"blob") -> list[str] | None:
    """Write objects of one kind durably and return their ids; None where that is left to Git.

    What was written before something failed is what Git itself would write, too.
    """
    if len(contents) > SMALL_FILES or any(len(data) > SMALL_BYTES for data in contents):
        return None
    try:
        objects = _folder(git)
        return [_write(objects, kind, data) for data in contents] if objects else None
    except OSError:
        return None


def read_loose(git: Git, oid: str, kind: bytes) -> bytes | None:
    """Return the content of a small object; None if it isn't loose, of another kind or damaged."""
    try:
        objects = _folder(git)
        if objects is None:
            return None
        packed = (objects / oid[:2] / oid[2:]).read_bytes()
        whole = zlib.decompressobj().decompress(packed, SMALL_BYTES)
    except (OSError, zlib.error):
        return None
    intact = hashlib.sha1(whole, usedforsecurity=False).hexdigest() == oid
    head, _, data = whole.partition(b"\0")
    return data if intact and head == b"%b %d" % (kind, len(data)) else None


def has_loose(git: Git, oids: Iterable[str]) -> bool:
    """Tell whether all of these objects are loose."""
    try:
        objects = _folder(git)
    except OSError:
        return False
    return objects is not None and all((objects / one[:2] / one[2:]).is_file() for one in oids)


def _folder(git: Git) -> Path | None:
    """Return where loose objects are; None in a repository that isn't of the plain kind."""
    config = (git.folder / ".git" / "config").read_bytes().lower()
    objects = git.folder / ".git" / "objects"
    return objects if objects.is_dir() and not any(word in config for word in _UNUSUAL) else None


def _write(objects: Path, kind: bytes, data: bytes) -> str:
    whole = b"%b %d\0%b" % (kind, len(data), data)
    oid = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    folder, name = objects / oid[:2], oid[2:]
    try:
        os.utime(folder / name)  # as young as a new one, so that no collection takes it
        return oid
    except FileNotFoundError:
        folder.mkdir(exist_ok=True)
    # Git removes forgotten files of this name.
    fresh = folder / f"tmp_obj_{os.getpid()}{os.urandom(6).hex()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(zlib.compress(whole, 1))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / name)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return oid
