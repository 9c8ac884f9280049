"""Hashing many objects with all cores: which are not what their names say?"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from gitml.errors import StorageError
from gitml.storage.digests import digest_of, md5, open_regular
from gitml.storage.durable import disk_errors
from gitml.storage.inventory import Held
from gitml.storage.parallel import cores

if TYPE_CHECKING:
    from concurrent.futures import Future

Progress = Callable[[int, int], None]

_BLOCK = 1 << 20
# Small files are handed out many at a time, since handing one out takes longer than hashing it.
_BATCH_BYTES = 8 << 20
_BATCH_FILES = 200

CORRUPT = "its bytes don't match its name"


class _StoppedError(Exception):
    """Somebody wants the work to end."""


def unsound(objects: Iterable[Held], progress: Progress | None = None) -> dict[str, str]:
    """Return digest → what is wrong, for every object that is corrupt or can't be read.

    Every byte is read; remembered hashes play no part.

    Args:
        objects: Which.
        progress: Takes (done, total) in bytes.
    """
    ordered = sorted(objects, key=lambda one: one.size, reverse=True)
    meter = _Meter(sum(one.size for one in ordered), progress)
    stop = threading.Event()

    def check(batch: Sequence[Held]) -> dict[str, str]:
        found = {}
        for one in batch:
            why = _why(one, meter, stop)
            if why:
                found[one.digest] = why
        return found

    batches = list(_batches(ordered))
    if len(batches) <= 1:
        return check(ordered)
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(min(cores(), len(batches)))
    try:
        futures: list[Future[dict[str, str]]] = [pool.submit(check, batch) for batch in batches]
        bad: dict[str, str] = {}
        for future in futures:
            bad.update(future.result())
        return bad
    finally:
        # An interrupt must not wait for gigabytes that were already begun.
        stop.set()
        pool.shutdown(cancel_futures=True)


def _why(one: Held, meter: _Meter, stop: threading.Event) -> str:
    try:
        if one.legacy and not one.digest.endswith(".dir"):
            found = digest_of(one.path, legacy=True)
            meter.add(one.size)
        else:
            with disk_errors(f"read {one.path}"):
                found = _digest(one.path, meter, stop)
    except StorageError as error:
        return error.message
    return "" if found == one.digest.removesuffix(".dir") else CORRUPT


def _digest(path: str, meter: _Meter, stop: threading.Event) -> str:
    state = md5()
    buffer = memoryview(bytearray(_BLOCK))
    descriptor = open_regular(path)
    try:
        while count := os.readv(descriptor, [buffer]):
            state.update(buffer[:count])
            meter.add(count)
            if stop.is_set():
                raise _StoppedError
    finally:
        os.close(descriptor)
    return state.hexdigest()


class _Meter:
    """Counts the bytes that threads have read."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        if self._progress is None:
            return
        with self._lock:
            self._done = min(self._done + count, self._total)
            self._progress(self._done, self._total)


def _batches(ordered: Sequence[Held]) -> Iterator[list[Held]]:
    batch: list[Held] = []
    size = 0
    for one in ordered:
        batch.append(one)
        size += one.size
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
