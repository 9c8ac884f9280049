"""Where the output of a command goes: on to the user, into the log, and to whoever reads along."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gitml.storage.durable import write_all


class Passage:
    """Takes what a command prints; nothing that goes wrong here ever stops the command.

    Args:
        log: File that everything is appended to.
        on_output: Gets everything that goes into the log, piece by piece.
        unify: In the log, make plain line feeds of the line ends that a terminal makes.
    """

    def __init__(
        self, log: Path, on_output: Callable[[bytes], None] | None, *, unify: bool
    ) -> None:
        self.trouble: list[str] = []
        self._on_output = on_output
        self._unify = unify
        self._held = b""
        # Without a standard stream its number may be any file, such as the log.
        self._open = {1: sys.__stdout__ is not None, 2: sys.__stderr__ is not None}
        self._unended = False
        self._log = -1
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._log = os.open(log, flags, 0o600)
        except OSError as error:
            self._complain(f"The output could not be logged: {error.strerror} ({log}).")

    def take(self, data: bytes, stream: int) -> None:
        """Pass on what the command wrote to `stream` (1 or 2)."""
        if data and self._open[stream]:
            try:
                _write(stream, data)
                self._unended = not data.endswith(b"\n") if stream == 1 else self._unended
            except OSError:  # nobody reads any more; the run goes on
                self._open[stream] = False
        if self._unify:
            data = self._held + data
            self._held = b"\r" if data.endswith(b"\r") else b""
            data = data[: len(data) - len(self._held)].replace(b"\r\n", b"\n")
        self._keep(data)

    def close(self) -> None:
        """Write what was held back, end the user's line, and close the log."""
        if self._unended and self._open[1]:
            # What gitml prints next, a JSON document perhaps, is on a line of its own.
            with suppress(OSError):
                _write(1, b"\n")
        self._keep(self._held)
        self._held = b""
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        if self._log >= 0:
            try:
                write_all(self._log, data)
            except OSError as error:
                self._complain(f"The log of the output is incomplete: {error.strerror}.")
                os.close(self._log)
                self._log = -1
        if self._on_output is not None:
            try:
                self._on_output(data)
            except Exception as error:
                self._complain(f"The output could not be read along: {error!r}.")
                self._on_output = None

    def _complain(self, sentence: str) -> None:
        self.trouble.append(sentence)


def flush_own() -> None:
    """Write out what this process has printed so far, so that the order is right."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # somebody made our output non-blocking
            select.select([], [descriptor], [])
