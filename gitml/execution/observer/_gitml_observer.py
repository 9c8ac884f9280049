# ruff: noqa: F401, UP004
"""Notes what a Python process opens, imports, writes and connects to, from audit events.

Each process appends to its own file, one `write` a line, so that SIGKILL and `os._exit` lose
nothing. `gitml.execution.trace` reads them; the operations:

    H key value        about the process; the first one is `format`
    R path modified    opened for reading, the first time; when it was modified, in nanoseconds
    W path             opened for writing, the first time
    E path             a directory entry that was made, replaced or removed
    N path path        renamed from, to
    I path             source file of a module that was loaded
    S folder name      something of the site folder was opened, of the module or folder `name`
    B folder           so many files of it were read that they are no longer told apart
    P kind folder words  a program that is started: `spawn` beside this one or `exec` in its place,
                       with `-hidden` where Python in it can't be observed; `hidden` alone is a
                       change of the environment that hides what is started from now on
    M path             not there when it was opened for reading
    L path             listed
    Z                  standard input is a file, and was read
    X                  a connection that is not to this machine
    F name kind value  a fact about a library, told at exit
"""

import os
import sys
import time

from _gitml_children import Children  # type: ignore[import-not-found]
from _gitml_facts import SITES  # type: ignore[import-not-found]
from _gitml_paths import absolute, caller, loading, skipped, source  # type: ignore[import-not-found]
from _gitml_writer import Writer  # type: ignore[import-not-found]

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

BULK = 1000  # files of one folder

_SOURCES = (".py", ".pyw", ".so", ".pyc")
_LISTERS = ("importlib", "_frozen_importlib", "zipimport", "pkg_resources")


class Observer(object):
    """What one process did so far, and the file that says so."""

    def __init__(self, folder):
        # type: (str) -> None
        self.writer = Writer(folder)
        self.log = self.writer.log
        self.read = set()  # type: set[str]
        self.written = set()  # type: set[str]
        self.absent = set()  # type: set[str]
        self.sites = set()  # type: set[tuple[str, str]]
        self.others = set()  # type: set[tuple[str, ...]]
        self.counts = {}  # type: dict[str, int]
        self.bulk = set()  # type: set[str]
        self.texts = {}  # type: dict[str, int]
        self.skipped = skipped(folder)
        self.handlers = {
            "open": self.opened,
            "import": self.imported,
            "cpython.run_file": self.ran,
            "compile": self.compiled,
            "ctypes.dlopen": self.loaded,
            "os.rename": self.renamed,
            "os.remove": self.removed,
            "os.rmdir": self.removed,
            "os.truncate": self.truncated,
            "os.link": self.linked,
            "os.symlink": self.linked,
            "os.listdir": self.listed,
            "os.scandir": self.listed,
            "sqlite3.connect": self.database,
            "socket.connect": self.connected,
        }  # type: dict[str, Callable[[tuple[Any, ...]], None]]
        self.handlers.update(Children(self.log, folder).handlers)

    # What happened

    def opened(self, args):
        # type: (tuple[Any, ...]) -> None
        """`open(path, mode, flags)`; `os.open` has no mode."""
        path, mode, flags = absolute(args[0]), args[1], args[2]
        if not path:
            return
        if mode is None:
            access = flags & os.O_ACCMODE
            if flags & os.O_DIRECTORY:
                return
            reads, writes = access != os.O_WRONLY, access != os.O_RDONLY
            emptied = bool(flags & os.O_TRUNC)
        else:
            reads = "r" in mode or "+" in mode
            writes = "r" not in mode or "+" in mode
            emptied = "w" in mode or "x" in mode
        if reads and not (writes and emptied):
            self.reads(path, mode is not None and not writes)
        if writes:
            self.writes(path)

    def reads(self, path, tell):
        # type: (str, bool) -> None
        """Note a file that is opened for reading; `tell` says so when it is missing."""
        if path in self.read or self.inside(path):
            return
        folder, _, name = path.rpartition("/")
        if folder in self.bulk:
            return
        if name.endswith(".pyc"):
            self.module(source(folder, name))
            return
        try:
            status = os.stat(path)
        except OSError as error:
            # A file's name with a slash behind it, or below a file, is as missing as any other.
            if tell and error.errno in (2, 20) and path not in self.absent:
                self.absent.add(path)
                self.log("M", _now(), path)
            return
        if status.st_mode & 0o170000 != 0o100000:
            return
        if name.endswith(_SOURCES) and loading():
            self.module(path)
            return
        if name.endswith(".py"):
            self.texts[path] = status.st_size
        self.read.add(path)
        self.counts[folder] = count = self.counts.get(folder, 0) + 1
        if count > BULK:
            self.bulk.add(folder)
            self.log("B", _now(), folder)
        else:
            self.log("R", _now(), path, str(status.st_mtime_ns))

    def writes(self, path):
        # type: (str) -> None
        """Note a file that is opened for writing."""
        if path not in self.written and not self.inside(path) and "/__pycache__/" not in path:
            self.written.add(path)
            self.log("W", _now(), path)

    def inside(self, path):
        # type: (str) -> bool
        """Return whether `path` is Python's own, the system's, ours, or below a site folder."""
        for mark in SITES:
            at = path.find(mark)
            if at >= 0:
                self.site(path[: at + len(mark) - 1], path[at + len(mark) :])
                return True
        return path.startswith(self.skipped) and "/../" not in path

    def site(self, folder, path):
        # type: (str, str) -> None
        """Note the top-level name of a file of a site folder; metadata is no use of it."""
        name, below, rest = path.partition("/")
        if name == "__pycache__":
            name, below = rest, ""
        if not below:
            name = name.partition(".")[0]
        if name and (folder, name) not in self.sites:
            self.sites.add((folder, name))
            if not name.endswith((".dist-info", ".egg-info")) and not path.endswith(".pth"):
                self.log("S", _now(), folder, name)

    def module(self, path):
        # type: (str) -> None
        """Note the source of a module that is loaded."""
        self.once("I", path)

    def once(self, *fields):
        # type: (*str) -> None
        """Append a line unless this process did before."""
        if fields not in self.others:
            self.others.add(fields)
            self.log(fields[0], _now(), *fields[1:])

    def imported(self, args):
        # type: (tuple[Any, ...]) -> None
        """`import(module, filename, …)`; only extension modules have a file name here."""
        if args[1] is not None:
            path = absolute(args[1])
            if path and not self.inside(path):
                self.module(path)

    def ran(self, args):
        # type: (tuple[Any, ...]) -> None
        """`cpython.run_file(filename)`: the script."""
        path = absolute(args[0])
        if path and not self.inside(path):
            self.module(path)

    def compiled(self, args):
        # type: (tuple[Any, ...]) -> None
        """`compile(source, filename)`: a file that was read as text turns out to be code."""
        if not self.texts:
            return
        code, path = args[0], absolute(args[1])
        if path not in self.texts:
            if not isinstance(code, (str, bytes)):
                return
            size = len(code) if isinstance(code, bytes) else len(code.encode())
            path = next((text for text, length in self.texts.items() if length == size), "")
        if self.texts.pop(path, None) is not None:
            self.module(path)

    def loaded(self, args):
        # type: (tuple[Any, ...]) -> None
        """`ctypes.dlopen(name)`: without a slash it is looked up among the system's."""
        name = args[0]
        if isinstance(name, (str, bytes)) and "/" in os.fsdecode(name):
            self.imported((None, name))

    def renamed(self, args):
        # type: (tuple[Any, ...]) -> None
        """`os.rename(src, dst, src_dir_fd, dst_dir_fd)`, by `os.replace` too."""
        before, target = absolute(args[0], args[2]), absolute(args[1], args[3])
        if not before or not target or "/__pycache__/" in target:
            return
        if not self.inside(target) and not (before in self.written and target in self.written):
            self.log("N", _now(), before, target)
            self.written.add(target)

    def removed(self, args):
        # type: (tuple[Any, ...]) -> None
        """`os.remove(path, dir_fd)`, `os.rmdir(path, dir_fd)`."""
        self.entry(absolute(args[0], args[1]))

    def linked(self, args):
        # type: (tuple[Any, ...]) -> None
        """`os.link(src, dst, src_dir_fd, dst_dir_fd)`, `os.symlink(src, dst, dir_fd)`."""
        self.entry(absolute(args[1], args[-1]))

    def entry(self, path):
        # type: (str) -> None
        """Note an entry of a folder that comes or goes."""
        known = not path or path in self.written or "/__pycache__/" in path
        if not known and not self.inside(path):
            self.once("E", path)

    def truncated(self, args):
        # type: (tuple[Any, ...]) -> None
        """`os.truncate(fd or path, length)`."""
        path = absolute(args[0])
        if path:
            self.writes(path)

    def listed(self, args):
        # type: (tuple[Any, ...]) -> None
        """`os.listdir(path)`, `os.scandir(path)`; not when it is the import system."""
        path = absolute("." if args[0] is None else args[0])
        if not path or self.inside(path + "/") or path.endswith("/__pycache__"):
            return
        frame = caller()
        while frame is not None and frame.f_globals.get("__name__") == "pkgutil":
            frame = frame.f_back  # it lists for whoever called it
        if frame is not None:
            name = str(frame.f_globals.get("__name__", ""))
            if name.startswith(_LISTERS) or (name == "shutil" and "rmtree" in frame.f_code.co_name):
                return
        self.once("L", path)

    def database(self, args):
        # type: (tuple[Any, ...]) -> None
        """`sqlite3.connect(database)`: reads what is there, and may write."""
        name = args[0]
        if isinstance(name, (str, bytes)) and name and name not in (":memory:", b":memory:"):
            path = absolute(name)
            if path and "file:" not in path and "?" not in path:
                self.reads(path, False)
                self.writes(path)

    def connected(self, args):
        # type: (tuple[Any, ...]) -> None
        """`socket.connect(socket, address)`; a datagram socket sends nothing by it."""
        address = args[1]
        if not isinstance(address, tuple) or getattr(args[0], "type", 1) == 2:
            return
        host = address[0]
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        if host not in ("localhost", "::1", "", "0.0.0.0", "::") and not host.startswith("127."):
            self.once("X")


def _now():
    # type: () -> str
    return str(time.monotonic_ns())
