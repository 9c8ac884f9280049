# ruff: noqa: F401, UP004
"""How the observation of a process begins, and what the process tells when it ends."""

import atexit
import os
import sys
import time

from _gitml_facts import SITES, blas_facts, torch_facts  # type: ignore[import-not-found]
from _gitml_observer import Observer  # type: ignore[import-not-found]

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

# What of ours, or called by us, may fail without the program's doing.
_OWN = ["_gitml_life", "_gitml_observer", "_gitml_children", "_gitml_paths", "_gitml_writer"]
_OWN += ["os", "posixpath", "codecs", "_collections_abc"]


class Ending(object):
    """Knows how the process began, and tells at its end what no event told."""

    def __init__(self, log, imported):
        # type: (Callable[..., None], Callable[[tuple[Any, ...]], None]) -> None
        self.log = log
        self.imported = imported
        self.input = _standard_input()

    def finish(self):
        # type: () -> None
        """Tell the facts that libraries know, and the modules that were loaded before us."""
        try:
            now = _standard_input()
            if now is not None and self.input is not None and now != self.input:
                self.log("Z", _now())
            for module in list(sys.modules.values()):
                path = getattr(module, "__dict__", {}).get("__file__")
                if not isinstance(path, str) or any(mark in path for mark in SITES):
                    continue
                if path.endswith((".py", ".so")):
                    self.imported((None, path))
            for tell in (torch_facts, blas_facts):
                try:
                    for name, value in tell():
                        self.fact(name, value)
                except Exception:
                    continue
        except BaseException:
            pass

    def fact(self, name, value):
        # type: (str, object) -> None
        """Tell one fact; None is nothing to tell."""
        if isinstance(value, bool):
            self.log("F", _now(), name, "b", str(int(value)))
        elif isinstance(value, int):
            self.log("F", _now(), name, "i", str(value))
        elif isinstance(value, (list, tuple)):
            self.log("F", _now(), name, "l", *[str(item) for item in value])
        elif value is not None:
            self.log("F", _now(), name, "s", str(value))


def _foreign(error):
    # type: (BaseException) -> bool
    """Return whether a signal handler of the program raised `error` while we were at work."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") not in _OWN:
            return True
        trace = trace.tb_next
    return False


def observe(folder):
    # type: (str) -> None
    """Observe this process from now on; there is no way back."""
    observer = Observer(folder)
    observer.writer.begin()
    handlers = observer.handlers

    def hook(event, args):
        # type: (str, tuple[Any, ...]) -> None
        if event in handlers:
            try:
                handlers[event](args)
            except Exception as error:
                if _foreign(error):
                    raise

    sys.addaudithook(hook)
    atexit.register(Ending(observer.log, observer.imported).finish)


def _standard_input():
    # type: () -> tuple[int, int, int] | None
    """Return which file standard input is and how far it was read; None when it is no file."""
    try:
        status = os.fstat(0)
        if status.st_mode & 0o170000 != 0o100000:
            return None
        return (status.st_dev, status.st_ino, os.lseek(0, 0, os.SEEK_CUR))
    except OSError:
        return None


def _now():
    # type: () -> str
    return str(time.monotonic_ns())
