"""Content hashes as DVC makes them: MD5 of the bytes, and the older one that skips CRs in text."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from pathlib import Path

from gitml.errors import StorageError
from gitml.storage.durable import disk_errors
from gitml.storage.parallel import in_threads

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"

_BLOCK = 1 << 20
_SNIFFED = 512
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"

# A file that is written twice within one tick of the clock keeps its modification time. The
# slowest tick of a supported kernel is 10 ms.
_TICK = 0.02


def md5(data: bytes = b"") -> hashlib._Hash:
    """Return an MD5 that FIPS builds of Python allow: it names content, it protects nothing."""
    return hashlib.md5(data, usedforsecurity=False)


def open_regular(path: Path | str) -> int:
    """Open a regular file for reading, without hanging on pipes.

    Raises:
        OSError: It can't be opened.
        StorageError: It is a pipe, a device or a socket.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StorageError(f"{path} is not a regular file, so it can't be stored.")
    return descriptor


def digest_of(path: Path | str, *, legacy: bool = False) -> str:
    """Return the digest of a file's bytes.

    Args:
        path: File to read.
        legacy: Whether to make DVC 2's `md5-dos2unix` instead.

    Raises:
        StorageError: It can't be read.
    """
    with disk_errors(f"read {path}"):
        descriptor = open_regular(path)
        try:
            return _digest(descriptor, legacy)
        finally:
            os.close(descriptor)


def matching(files: dict[str, Path], *, legacy: bool = False) -> set[str]:
    """Return those digests whose file is there and has the bytes that they name.

    Args:
        files: Digest (of a file or of the list of a folder) → where its object is.
        legacy: Whether they are DVC 2's.
    """

    def check(digest: str) -> str:
        try:
            found = digest_of(files[digest], legacy=legacy and not digest.endswith(".dir"))
        except StorageError:
            return ""
        return digest if found == digest.removesuffix(".dir") else ""

    return set(in_threads(check, files)) - {""}


def _digest(descriptor: int, legacy: bool) -> str:
    state = md5()
    if not legacy:
        buffer = memoryview(bytearray(_BLOCK))
        while count := os.readv(descriptor, [buffer]):
            state.update(buffer[:count])
        return state.hexdigest()
    # DVC 2 looked at every block of exactly 1 MiB on its own; other blocks, other digests.
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        while block := stream.read(_BLOCK):
            state.update(block.replace(b"\r\n", b"\n") if _is_text(block[:_SNIFFED]) else block)
    return state.hexdigest()


def _is_text(block: bytes) -> bool:
    """Guess like DVC 2: no NUL byte, and at most 30 % bytes that are not ASCII text."""
    if b"\0" in block:
        return False
    return len(block.translate(None, _TEXT)) / len(block) <= 0.30


def same_file(before: os.stat_result, after: os.stat_result) -> bool:
    """Return whether nothing wrote to a file between two looks at it."""
    return (before.st_size, before.st_mtime_ns, before.st_ino, before.st_dev) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_ino,
        after.st_dev,
    )


def wait_for_clock(state: os.stat_result) -> None:
    """Wait until a further write to a file would show in its modification time."""
    age = time.time() - state.st_mtime
    if -_TICK < age < _TICK:
        time.sleep(_TICK)
