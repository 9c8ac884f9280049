"""Doing the same to many files at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_threads(
    work: Callable[[T], R], items: Iterable[T], threads: int | None = None
) -> Iterator[R]:
    """Do `work` on every item, several at once, and yield the results in the items' order.

    The first error is raised where its result would be; what hasn't begun by then never does.

    Args:
        work: What to do; hashing and input/output let other threads run.
        items: What to do it to.
        threads: How many at once; as many as there are cores when not given.
    """
    items = list(items)
    count = min(threads or cores(), len(items))
    if count <= 1:
        yield from map(work, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=count) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def cores() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # pragma: no cover
        return os.cpu_count() or 1
