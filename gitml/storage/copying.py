"""Copying a file and hashing it in the same pass over its bytes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gitml import faults
from gitml.errors import StorageError
from gitml.storage.digests import md5, open_regular, same_file, wait_for_clock
from gitml.storage.durable import free_space_for, sync_descriptor, write_all

if TYPE_CHECKING:
    from concurrent.futures import Future

_BLOCK = 2 << 20
_SLOTS = 6
_LARGE = 8 << 20
_SYNC_EVERY = 64 << 20
_ATTEMPTS = 3

# ioctl of Linux that makes a file share another's extents (Btrfs, XFS, bcachefs): linux/fs.h.
_FICLONE = 0x40049409


class Copied(msgspec.Struct, frozen=True):
    """What was copied.

    Attributes:
        digest: MD5 of the bytes.
        size: Number of bytes.
        sha256: Their SHA-256, where it was asked for.
        source: State of the source before and after, which was the same.
    """

    digest: str
    size: int
    sha256: str
    source: os.stat_result


class _Changed(Exception):
    """The source was written to meanwhile."""


def copy_and_hash(
    source: Path | str, target: Path, *, want_sha256: bool = False, durable: bool = True
) -> Copied:
    """Copy `source` to the new file `target`, reading it once, and only if it holds still.

    Args:
        source: A regular file.
        target: Path that doesn't exist yet; left behind on errors, for the caller to remove.
        want_sha256: Whether to make the SHA-256 also.
        durable: Whether to wait for the disk.

    Raises:
        StorageError: The source changed in each of three attempts, or there is no space.
        OSError: Reading or writing failed.
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            target.unlink(missing_ok=True)
            time.sleep(0.1 * attempt)
        try:
            return _copy_once(source, target, want_sha256, durable)
        except _Changed:
            continue
    raise StorageError(
        f"Unstable output: {source} was written to while it was being stored ({_ATTEMPTS} times).",
        hint="Wait until whatever writes it is done, then record the run with `gitml exp recover`.",
    )


def clone(source: int, target: int) -> bool:
    """Make the open file `target` share the extents of `source`; False where that can't be."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def _copy_once(source: Path | str, target: Path, want_sha256: bool, durable: bool) -> Copied:
    reading = open_regular(source)
    try:
        before = os.fstat(reading)
        wait_for_clock(before)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        writing = os.open(target, flags, 0o600)
        try:
            faults.reach("storage.copying")
            pump = _Pump(reading, writing, target.parent, want_sha256)
            size = pump.run(before.st_size)
            # By name: another file may have been renamed to it meanwhile.
            if size != before.st_size or not same_file(before, os.stat(source)):
                raise _Changed
            if durable:
                sync_descriptor(writing)
        finally:
            os.close(writing)
    finally:
        os.close(reading)
    return Copied(digest=pump.digest, size=size, sha256=pump.sha256, source=before)


class _Pump:
    """Moves bytes from one open file to another, through the hashes.

    A clone is hashed from the source, whose pages are likelier in memory; that the source held
    still (which the caller compares) makes the two equal.
    """

    def __init__(self, reading: int, writing: int, folder: Path, want_sha256: bool) -> None:
        self._reading = reading
        self._writing = writing
        self._folder = folder
        self._md5 = md5()
        self._sha256 = hashlib.sha256() if want_sha256 else None

    @property
    def digest(self) -> str:
        return self._md5.hexdigest()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest() if self._sha256 else ""

    def run(self, expected: int) -> int:
        """Move everything; `expected` bytes are a guess that only chooses the way."""
        if expected < _LARGE:
            return self._run_alone()
        sinks: list[Callable[[memoryview], Any]] = [self._sha256.update] if self._sha256 else []
        if clone(self._reading, self._writing):
            return self._run_threaded(sinks, sync=False)
        free_space_for(self._folder, expected)
        sinks.append(lambda block: write_all(self._writing, block))
        return self._run_threaded(sinks, sync=True)

    def _run_alone(self) -> int:
        total = 0
        buffer = memoryview(bytearray(1 << 18))
        while count := os.readv(self._reading, [buffer]):
            block = buffer[:count]
            self._md5.update(block)
            if self._sha256:
                self._sha256.update(block)
            write_all(self._writing, block)
            total += count
        return total

    def _run_threaded(self, sinks: list[Callable[[memoryview], Any]], *, sync: bool) -> int:
        """Read and make the MD5 here, while one thread for each sink keeps up.

        A further thread asks the disk to write early, so that the sync at the end has little
        left to wait for.
        """
        from concurrent.futures import ThreadPoolExecutor

        workers = [ThreadPoolExecutor(max_workers=1) for _ in range(len(sinks) + 1)]
        slots = [memoryview(bytearray(_BLOCK)) for _ in range(_SLOTS)]
        pending: list[list[Future[Any]]] = [[] for _ in slots]
        flush: Future[None] | None = None
        total = synced = turn = 0
        try:
            while True:
                for future in pending[turn]:
                    future.result()
                count = os.readv(self._reading, [slots[turn]])
                if not count:
                    break
                block = slots[turn][:count]
                pending[turn] = [
                    worker.submit(sink, block) for worker, sink in zip(workers, sinks, strict=False)
                ]
                self._md5.update(block)
                total += count
                turn = (turn + 1) % _SLOTS
                if sync and total - synced >= _SYNC_EVERY and (flush is None or flush.done()):
                    if flush is not None:
                        flush.result()
                    flush, synced = workers[-1].submit(_flush, self._writing), total
            for future in [*(one for slot in pending for one in slot), *([flush] if flush else [])]:
                future.result()
        finally:
            for worker in workers:
                worker.shutdown(wait=True, cancel_futures=True)
        return total


def _flush(descriptor: int) -> None:
    getattr(os, "fdatasync", os.fsync)(descriptor)
