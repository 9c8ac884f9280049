"""Starting the command of an experiment, passing its output through, and waiting for its end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from gitml.errors import ExecutionError
from gitml.execution.passing import Passage, flush_own
from gitml.execution.refusal import not_started
from gitml.execution.stopping import Stopping, shares_terminal

TRACE_VARIABLE = "GITML_TRACE"
RUN_VARIABLE = "GITML_RUN_DIR"

_OBSERVER = Path(__file__).resolve().parent / "observer"
_GRACE = 1.0  # seconds that a grandchild may keep the output open after the command's end
_LAST = 1 << 20  # bytes that are still passed on after that
_TICK = 0.25
_CHUNK = 1 << 16
_PR_SET_PDEATHSIG = 1  # prctl(2)


class Outcome(msgspec.Struct, frozen=True):
    """How a command ended.

    Attributes:
        exit_status: Of the command; negative for the signal that ended it.
        started: RFC 3339 time, UTC.
        ended: RFC 3339 time, UTC.
        seconds: Between the two, by a clock that is never set.
        interrupted: Whether it was asked to stop (Ctrl-C, SIGTERM, SIGHUP).
        trouble: Sentences about output that could not be logged or read along.
    """

    exit_status: int
    started: str
    ended: str
    seconds: float
    interrupted: bool = False
    trouble: tuple[str, ...] = ()


def environment_for(
    trace_folder: Path, run_folder: Path, base_env: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of an observed command.

    Args:
        trace_folder: Where its processes write what they do; an existing folder.
        run_folder: The folder of the run, for `gitml.log` and its like.
        base_env: What the command would have got; its own `PYTHONPATH` is kept.
    """
    env = dict(base_env)
    own = str(_OBSERVER)
    # An empty entry means the current folder, so the user's value is kept as it is.
    paths = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path != own]
    env["PYTHONPATH"] = os.pathsep.join([own, *paths] if any(paths) else [own])
    env[TRACE_VARIABLE] = str(trace_folder)
    env[RUN_VARIABLE] = str(run_folder)
    return env


def launch(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    log: Path,
    capture: bool = True,
    on_output: Callable[[bytes], None] | None = None,
    on_start: Callable[[int], None] | None = None,
    on_interrupt: Callable[[], None] | None = None,
) -> Outcome:
    """Run a command to its end.

    Its output appears live on our own standard streams and in `log`. Where standard output is a
    terminal the command runs under a pseudo-terminal, else with a pipe for each stream.

    Args:
        argv: The command; no shell is involved.
        cwd: Folder that it runs in.
        env: Its whole environment.
        log: File that its output is appended to.
        capture: If not, it gets our own streams, and nothing is logged.
        on_output: Gets everything that goes into the log, piece by piece.
        on_start: Gets the number of the process.
        on_interrupt: Called at the first request to stop; a second one kills the command.

    Raises:
        ExecutionError: if the command can't be started.
    """
    if not argv or not argv[0]:
        raise ExecutionError("There is no command to run.", hint="Name one after `--`.")
    pty = capture and os.isatty(1) and sys.__stdout__ is not None
    shared = not pty and shares_terminal()
    flush_own()
    passage = Passage(log, on_output, unify=pty) if capture else None
    with ExitStack() as stack:
        if passage:
            stack.callback(passage.close)
        stopping = stack.enter_context(Stopping(shared=shared, on_interrupt=on_interrupt))
        started, clock = _now(), time.monotonic()
        start = _Start(list(argv), cwd, env, shared, on_start)
        status = _run(start, stopping, passage, pty=pty)
        seconds = time.monotonic() - clock
    interrupted = stopping.interrupted or status == -signal.SIGINT
    trouble = tuple(passage.trouble) if passage else ()
    return Outcome(status, started, _now(), seconds, interrupted, trouble)


class _Start(msgspec.Struct, frozen=True):
    """What is needed to start the command."""

    argv: list[str]
    cwd: Path
    env: Mapping[str, str]
    shared: bool
    on_start: Callable[[int], None] | None


def _run(start: _Start, stopping: Stopping, passage: Passage | None, *, pty: bool) -> int:
    if passage is None:
        return _finish(start, _popen(start, stopping), stopping, lambda child: None)
    if pty:
        return _run_in_terminal(start, stopping, passage)
    child = _popen(start, stopping, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout and child.stderr
    sources = {child.stdout.fileno(): 1, child.stderr.fileno(): 2}
    with child.stdout, child.stderr:
        return _finish(start, child, stopping, lambda child: _pump(child, sources, passage))


def _run_in_terminal(start: _Start, stopping: Stopping, passage: Passage) -> int:
    from gitml.execution.terminal import Terminal

    with Terminal(stopping) as terminal:
        child = _popen(
            start,
            stopping,
            terminal=terminal.slave,
            stdin=terminal.slave if terminal.keyboard else None,
            stdout=terminal.slave,
            stderr=terminal.slave if os.isatty(2) else subprocess.PIPE,
        )
        terminal.started(child.pid)
        sources = {terminal.master: 1}
        with ExitStack() as stack:
            if child.stderr:
                stack.enter_context(child.stderr)
                sources[child.stderr.fileno()] = 2
            typed = terminal.typed if terminal.keyboard else None
            return _finish(
                start, child, stopping, lambda child: _pump(child, sources, passage, typed)
            )


def _popen(
    start: _Start, stopping: Stopping, terminal: int = -1, **streams: Any
) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own, unless a terminal serves ours."""
    try:
        child = subprocess.Popen(
            start.argv,
            cwd=start.cwd,
            env=dict(start.env),
            bufsize=0,
            start_new_session=terminal >= 0,
            process_group=0 if terminal < 0 and not start.shared else None,
            preexec_fn=_preparation(terminal),  # noqa: PLW1509  (it takes no lock)
            **streams,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise not_started(start.argv[0], start.cwd, error) from error
    stopping.started(child.pid)
    return child


def _preparation(terminal: int) -> Callable[[], None] | None:
    """Return what the new process does before it becomes the command.

    It takes the terminal as its own, and asks Linux for SIGTERM when gitml dies, so that even
    `kill -9` leaves no training behind that nobody knows of.
    """
    parent = os.getpid()
    prctl: Any = None
    if sys.platform.startswith("linux"):
        import ctypes

        prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if terminal < 0 and prctl is None:
        return None
    import fcntl
    import termios

    def prepare() -> None:
        if terminal >= 0:
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(128 + signal.SIGTERM)

    return prepare


def _finish(
    start: _Start,
    child: subprocess.Popen[bytes],
    stopping: Stopping,
    attend: Callable[[subprocess.Popen[bytes]], None],
) -> int:
    """Attend to the command until it has ended; it never outlives a failure of ours."""
    try:
        if start.on_start is not None:
            start.on_start(child.pid)
        attend(child)
        status = child.wait()
    except BaseException:
        stopping.kill()
        child.wait()
        raise
    stopping.ended()
    return status


def _pump(
    child: subprocess.Popen[bytes],
    sources: dict[int, int],
    passage: Passage,
    typed: Callable[[bytes], None] | None = None,
) -> None:
    """Pass on what comes from `sources` until they end, or the command has."""
    with selectors.DefaultSelector() as selector:
        for source in sources:
            selector.register(source, selectors.EVENT_READ)
        if typed is not None:
            selector.register(0, selectors.EVENT_READ)
        left, deadline, looked = len(sources), 0.0, 0.0
        budget = _LAST
        while left:
            events = selector.select(_TICK)
            for key, _ in events:
                data = _read(key.fd)
                if data is None:
                    continue
                if not data:
                    selector.unregister(key.fd)
                    left -= key.fd in sources
                if key.fd in sources:
                    passage.take(data, sources[key.fd])
                    budget -= len(data) if deadline else 0
                elif typed is not None:
                    typed(data)
            now = time.monotonic()
            if deadline and now > deadline and (not events or budget < 0):
                return
            if not deadline and now - looked >= _TICK:
                looked = now
                deadline = now + _GRACE if child.poll() is not None else 0.0


def _read(descriptor: int) -> bytes | None:
    """Return what there is: nothing at the end, None for nothing yet."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None
    except OSError:  # a terminal whose other end is closed says EIO
        return b""


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
