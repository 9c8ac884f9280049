"""Writing small blobs as loose objects, as Git does, without starting Git.

Only into repositories of the plain kind; for any other, and whenever something fails, there is
`git hash-object`, which takes as long as writing a few dozen of them.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from gitml.git.command import Git

SMALL_BYTES = 1 << 20
SMALL_FILES = 50  # from here on one process is no slower
# Settings by which objects would have to look otherwise, or that may be in another file.
_UNUSUAL = (b"objectformat", b"sharedrepository", b"include", b"refstorage", b"compression")


def write_loose(git: Git, contents: Sequence[bytes]) -> list[str] | None:
    """Write blobs durably and return their ids; None where that is left to Git.

    What was written before something failed is what Git itself would write, too.
    """
    objects = git.folder / ".git" / "objects"
    if len(contents) > SMALL_FILES or any(len(data) > SMALL_BYTES for data in contents):
        return None
    try:
        config = (git.folder / ".git" / "config").read_bytes().lower()
        if not objects.is_dir() or any(word in config for word in _UNUSUAL):
            return None
        return [_write(objects, data) for data in contents]
    except OSError:
        return None


def _write(objects: Path, data: bytes) -> str:
    whole = b"blob %d\0%b" % (len(data), data)
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
