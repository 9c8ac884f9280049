"""Signals during a run: the first goes to the command, and gitml waits; the second kills."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from gitml.execution.processes import descendants

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Schedulers and `timeout` send the same signal to a process and to its group: that is one request.
_TOGETHER = 0.3


class Stopping:
    """Signal handlers for the time of a run; a context manager.

    Args:
        shared: The command is in our own process group, in the foreground of a terminal, which
            sends Ctrl-C to it as well as to us.
        on_interrupt: Called once, at the first request to stop.
    """

    def __init__(self, *, shared: bool, on_interrupt: Callable[[], None] | None = None) -> None:
        self.interrupted = False
        self._shared = shared
        self._on_interrupt = on_interrupt
        self._pid = 0
        self._ended = False
        self._pending: signal.Signals | None = None
        self._first = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            for number in _STOPPING:
                # What is ignored, as SIGHUP under nohup, stays ignored, also by the command.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def started(self, pid: int) -> None:
        """Say which process it is about; a request that came earlier reaches it now."""
        self._pid = pid
        if self._pending is not None:
            self._send(self._pending)

    def ended(self) -> None:
        """Say that the command has ended; what an interrupted one left behind is ended too."""
        self._ended = True
        if self.interrupted and not self._shared:
            with suppress(OSError):
                os.killpg(self._pid, signal.SIGTERM)

    def request(self, number: signal.Signals, *, delivered: bool = False) -> None:
        """Stop the command: ask at first, kill if asked again.

        Args:
            number: The signal that asked for it.
            delivered: A terminal has sent it to the command already.
        """
        now = time.monotonic()
        if self._ended:
            return
        if not self.interrupted:
            self.interrupted = True
            self._first = now
            if not delivered:
                self._send(number)
            if self._on_interrupt is not None:
                with suppress(Exception):  # whoever is told may have no terminal any more
                    self._on_interrupt()
        elif now - self._first > _TOGETHER:
            self.kill()

    def kill(self) -> None:
        """Kill the command with everything that it started."""
        if not self._pid or self._ended:
            return
        family = descendants(self._pid)
        with suppress(OSError):
            os.kill(self._pid, signal.SIGKILL)
        for pid in family:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not self._shared:
            with suppress(OSError):
                os.killpg(self._pid, signal.SIGKILL)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.request(signal.Signals(number), delivered=self._shared and number == signal.SIGINT)

    def _send(self, number: signal.Signals) -> None:
        if not self._pid:
            self._pending = number
            return
        with suppress(OSError):
            if number == signal.SIGINT and not self._shared:
                os.killpg(self._pid, signal.SIGINT)  # as a terminal does
            else:
                # Only to the command itself: its workers are its own business.
                stop = number if number == signal.SIGINT else signal.SIGTERM
                os.kill(self._pid, stop)
            os.kill(self._pid, signal.SIGCONT)


def shares_terminal() -> bool:
    """Return whether we are in the foreground of a terminal, which sends us its signals."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
