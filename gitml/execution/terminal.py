"""A pseudo-terminal for the command, so that it behaves as on the terminal that the user sees."""

from __future__ import annotations

import os
import signal
import termios
import tty
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from gitml.execution.stopping import Stopping

_LFLAG, _CC = 3, 6  # places in what `tcgetattr` returns


class Terminal:
    """The command's terminal, and the user's in raw mode; a context manager.

    Entering makes the user's terminal raw, where standard input is one, since the command's own
    does the echoing and editing. Leaving puts it back.

    Attributes:
        master: Our end: what the command prints can be read from it.
        slave: The command's end.
        keyboard: Whether standard input is the user's terminal.
    """

    def __init__(self, stopping: Stopping) -> None:
        self.master, self.slave = os.openpty()
        os.set_blocking(self.master, False)
        self.keyboard = os.isatty(0)
        self._stopping = stopping
        self._group = 0
        self._saved: list[Any] | None = None
        self._before: dict[int, Any] = {}
        with suppress(termios.error):
            termios.tcsetattr(
                self.slave, termios.TCSANOW, termios.tcgetattr(0 if self.keyboard else 1)
            )
        self._resize()

    def __enter__(self) -> Terminal:
        with suppress(ValueError):  # only the main thread may set handlers
            self._before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, self._on_resize)
            self._before[signal.SIGCONT] = signal.signal(signal.SIGCONT, self._on_continue)
        self._make_raw()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._restore()
        self.release()
        os.close(self.master)

    def release(self) -> None:
        """Close the command's end, once the command has it."""
        if self.slave >= 0:
            os.close(self.slave)
            self.slave = -1

    def started(self, pid: int) -> None:
        """Say which process group the terminal belongs to."""
        self._group = pid
        self.release()
        with suppress(ValueError):
            # Reading in the background then fails, instead of stopping us.
            self._before[signal.SIGTTIN] = signal.signal(signal.SIGTTIN, signal.SIG_IGN)

    def typed(self, data: bytes) -> None:
        """Pass on what the user typed. A second interrupt kills, a suspend suspends us too.

        Nothing at all means that nothing more will come; Ctrl-C then is a signal again.
        """
        if not data:
            self._restore()
            self.keyboard = False
        interrupt, suspend = self._special()
        while data:
            found = [at for at in map(data.find, (interrupt, suspend)) if at >= 0]
            at = min(found, default=len(data))
            key, rest = data[at : at + 1], data[at + 1 :]
            self._type(data[:at])
            if key == interrupt:
                delivered = self._type(key)
                self._stopping.request(signal.SIGINT, delivered=delivered)
            elif key == suspend:
                self._suspend()
            data = rest

    def _type(self, data: bytes) -> bool:
        if not data:
            return True
        try:
            os.write(self.master, data)
        except OSError:  # the command reads nothing, or is gone
            return False
        return True

    def _special(self) -> tuple[bytes, bytes]:
        """Return the keys that interrupt and suspend; such that are never found, if none do."""
        never = b"\0never"
        try:
            modes = termios.tcgetattr(self.master)
        except termios.error:
            return never, never
        if not modes[_LFLAG] & termios.ISIG:
            return never, never
        keys = modes[_CC]
        return keys[termios.VINTR], keys[termios.VSUSP]

    def _suspend(self) -> None:
        """Stop the command and ourselves, as the shell expects; both go on together.

        The kernel doesn't do it: the command's process group has no parent in its session.
        """
        with suppress(OSError):
            os.killpg(self._group, signal.SIGSTOP)
        self._restore()
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        self._on_continue()

    def _on_continue(self, number: int = 0, frame: FrameType | None = None) -> None:
        self._make_raw()
        self._resize()
        with suppress(OSError):
            os.killpg(self._group, signal.SIGCONT)

    def _on_resize(self, number: int, frame: FrameType | None) -> None:
        self._resize()

    def _resize(self) -> None:
        with suppress(termios.error, OSError):
            termios.tcsetwinsize(self.master, termios.tcgetwinsize(1))

    def _make_raw(self) -> None:
        if not self.keyboard:
            return
        with suppress(termios.error, OSError):
            if os.tcgetpgrp(0) != os.getpgrp():
                return  # in the background the terminal isn't ours
            if self._saved is None:
                self._saved = termios.tcgetattr(0)
            tty.setraw(0, termios.TCSANOW)

    def _restore(self) -> None:
        if self._saved is not None:
            with suppress(termios.error):
                termios.tcsetattr(0, termios.TCSANOW, self._saved)
