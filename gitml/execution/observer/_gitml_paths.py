# ruff: noqa: F401, UP031
"""Paths as audit events give them, and who caused an event."""

import os
import sys

MYPY = False
if MYPY:
    from types import FrameType

_SYSTEM = ["/proc/", "/sys/", "/dev/", "/etc/", "/bin/", "/lib/", "/lib64/"]
_SYSTEM += ["/usr/bin/", "/usr/lib/", "/usr/lib64/", "/usr/share/"]


def absolute(path, folder=-1):
    # type: (object, object) -> str
    """Return `path` as absolute text, or nothing for what is no path (a descriptor)."""
    if not isinstance(path, str):
        if not isinstance(path, (bytes, os.PathLike)):
            return ""
        path = os.fsdecode(path)
    if path[:1] == "/":
        return path
    if isinstance(folder, int) and folder >= 0:
        return os.readlink("/proc/self/fd/%d" % folder) + "/" + path
    return os.getcwd() + ("/" + path if path != "." else "")


def source(folder, name):
    # type: (str, str) -> str
    """Return the source of a cached byte-code file (PEP 3147), or the file itself."""
    cached = getattr(sys, "pycache_prefix", None)
    if cached and folder.startswith(cached + "/"):
        folder = folder[len(cached) :]
    elif folder.endswith("/__pycache__"):
        folder = folder[: -len("/__pycache__")]
    else:
        return folder + "/" + name
    stem = name[: -len(".pyc")]
    if stem.rpartition(".")[2].startswith("opt-"):
        stem = stem.rpartition(".")[0]
    return folder + "/" + stem.rpartition(".")[0] + ".py"


def caller():
    # type: () -> FrameType | None
    """Return the frame that caused the event: the first that isn't the observer's."""
    frame = sys._getframe(1)  # type: FrameType | None
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("_gitml_"):
        frame = frame.f_back
    return frame


def loading():
    # type: () -> bool
    """Return whether the event comes from the import system, `runpy` or the interpreter itself."""
    frame = caller()
    if frame is None:  # the script
        return True
    name = frame.f_code.co_filename
    if name.startswith(("<frozen importlib", "<frozen zipimport", "<frozen runpy")):
        return True
    return name.endswith("/runpy.py")


def skipped(folder):
    # type: (str) -> tuple[str, ...]
    """Return the prefixes of files that say nothing about the experiment."""
    own = os.path.dirname(os.path.abspath(__file__))
    library = os.path.dirname(os.path.abspath(os.__file__))
    found = {own + "/", folder + "/", library + "/"}
    run = os.environ.get("GITML_RUN_DIR", "")
    if run[:1] == "/":
        found.add(run + "/")
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}:
        for root in {prefix, os.path.realpath(prefix)}:
            found.add(root + "/pyvenv.cfg")
            parts = ["bin", "include"]
            if prefix in (sys.base_prefix, sys.base_exec_prefix):
                parts += ["lib", "lib64", "ssl", "share/zoneinfo"]
            found.update([root + "/" + part + "/" for part in parts])
    return tuple(sorted(found) + _SYSTEM)
