"""Progress on standard error: only on a terminal, and only for what takes longer than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE_SECONDS = 1.0

Report = Callable[[int, int], None]


@contextmanager
def progress(title: str) -> Iterator[Report | None]:
    """Yield what takes (done, total), or None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    bar = _Bar(title)
    try:
        yield bar.report
    finally:
        bar.close()


class Bars:
    """One bar at a time: the next part's takes the place of the one before."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, title: str) -> Report | None:
        """Return what takes the progress of a part."""
        self._stack.close()
        return self._stack.enter_context(progress(title))


class _Bar:
    """A bar that appears late, so that quick work shows none and rich isn't imported for it."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._began = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def report(self, done: int, total: int) -> None:
        """Show how far it is."""
        if self._bar is None:
            if time.monotonic() - self._began < _PATIENCE_SECONDS:
                return
            self._open(total)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total)

    def _open(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self._title, total=total)
        self._bar.start()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
