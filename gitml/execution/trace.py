"""What a run was seen to do, put together from the files that its processes wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from gitml.execution.children import Child, Report
from gitml.execution.trace_lines import Line, as_number, read_lines
from gitml.execution.trace_paths import Locations


class Interpreter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Python interpreter that took part in the run.

    Attributes:
        executable: Absolute path of the interpreter.
        version: Such as `3.11.7`.
        implementation: `cpython`, `pypy` …
        prefix: `sys.prefix`.
        base_prefix: `sys.base_prefix`.
        sites: Folders that distributions are installed in, first on `sys.path` first.
    """

    executable: str
    version: str
    implementation: str
    prefix: str
    base_prefix: str
    sites: tuple[str, ...]


class Trace(msgspec.Struct, frozen=True, omit_defaults=True):
    """The union of what all processes of a run did.

    All paths are absolute, and real but for the last part: a file that is itself a symbolic link
    is there under its own name, and under that of its target too, unless the target is an object
    of DVC's cache.

    Attributes:
        observed: At least one Python process of the run reported.
        interpreters: The interpreters that reported, the first process first.
        read: Files opened for reading, with whether this was before the run wrote them
            (`True`: an input; `False`: the run wrote it first, or it is newer than the run, since
            native code of the run writes unseen).
        written: Files opened for writing, created by renaming, or appended to.
        modules: Source files of the modules that were imported from outside of the interpreter's
            own installation and its site folders (the project's own and editable ones).
        imported: Top-level names imported from a site folder: `(site folder, name)` pairs.
        listed: Folders that the program itself listed.
        missing: Paths whose opening failed because they don't exist.
        network: Whether a connection to another address than loopback was seen.
        piped: Whether standard input was a file, and was read.
        facts: What processes said about their libraries when they ended: `torch.cuda`,
            `torch.threads`, `blas`, …
        processes: How many Python processes reported.
        children: Programs that these started.
        reports: The Python programs that began, forks left out.
    """

    observed: bool = False
    interpreters: tuple[Interpreter, ...] = ()
    read: dict[str, bool] = {}
    written: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()
    imported: frozenset[tuple[str, str]] = frozenset()
    listed: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    network: bool = False
    piped: bool = False
    facts: dict[str, Any] = {}
    processes: int = 0
    children: tuple[Child, ...] = ()
    reports: tuple[Report, ...] = ()


def read_trace(folder: Path) -> Trace:
    """Return the union of what the processes of a run wrote into `folder`.

    Torn and foreign lines are passed over, since a process may be killed while it writes and
    anybody may write into the folder. A folder that isn't there is a run that nobody saw.
    """
    lines: list[Line] = []
    try:
        files = sorted(folder.glob("*.trace"))
    except OSError:
        files = []
    for file in files:
        lines.extend(read_lines(file))
    lines.sort(key=lambda line: line.time)
    union = _Union()
    for line in lines:
        union.add(line)
    return union.trace()


class _Union:
    """The lines of all processes, taken in the order of time."""

    def __init__(self) -> None:
        self.where = Locations()
        self.interpreters: dict[str, Interpreter] = {}
        self.read: dict[str, bool] = {}
        self.written: dict[str, None] = {}
        self.holding: set[str] = set()
        self.modules: dict[str, None] = {}
        self.imported: set[tuple[str, str]] = set()
        self.listed: set[str] = set()
        self.missing: set[str] = set()
        self.bulk: set[str] = set()
        self.network = False
        self.piped = False
        self.facts: dict[str, Any] = {}
        self.processes: set[str] = set()
        self.children: list[Child] = []
        self.reports: list[Report] = []
        self.stamp = 0

    def add(self, line: Line) -> None:
        first = line.fields[0] if line.fields else ""
        match line.operation:
            case "R":
                for path in self.where.of_file(first):
                    self.take(path, line.value)
            case "I":
                for path in self.where.of_file(first):
                    if path in self.written:  # code that the run wrote is no input
                        self.read.setdefault(path, False)
                    else:
                        self.modules[path] = None
            case "W":
                self.write(*self.where.of_file(first))
            case "E":
                self.write(self.where.of_entry(first))
            case "N":
                self.rename(self.where.of_entry(first), self.where.of_entry(line.fields[1]))
            case "S":
                self.imported.add((self.where.real(first), line.fields[1]))
            case "M":
                self.missing.add(self.where.of_entry(first))
            case "L":
                self.listed.add(self.where.real(first))
            case "B":
                self.bulk.add(self.where.real(first))
            case "X":
                self.network = True
            case "Z":
                self.piped = True
            case "F":
                self.tell(first, line.value)
            case "P":
                self.start(line)
            case "H":
                self.meet(line)

    def take(self, path: str, modified: int) -> None:
        """Note a read; what was modified since the run began, native code of the run wrote."""
        if path not in self.read:
            self.read[path] = path not in self.written and not 0 < self.stamp < modified

    def write(self, *paths: str) -> None:
        for path in paths:
            if path not in self.written:
                self.written[path] = None
                self.holding.update(self.where.parents(path))

    def rename(self, before: str, after: str) -> None:
        """A folder takes along what was written in it."""
        inside = before + "/"
        if before in self.holding:
            moved = [path for path in self.written if path.startswith(inside)]
            self.write(*[after + path[len(before) :] for path in moved])
        self.write(before, after)

    def tell(self, name: str, value: Any) -> None:
        known = self.facts.get(name)
        if known is None or (isinstance(known, list) and len(known) < len(value)):
            self.facts[name] = value

    def start(self, line: Line) -> None:
        kind, folder, *words = line.fields
        parent = line.file.partition("-")[0]
        if kind == "shown":  # nothing was started since its environment had hidden us
            for place in reversed(range(len(self.children))):
                child = self.children[place]
                if (child.kind, child.parent) == ("hidden", parent):
                    del self.children[place]
                    break
            return
        self.children.append(
            Child(
                kind=kind.removesuffix("-hidden"),
                hidden="hidden" in kind,
                parent=parent,
                time=line.time,
                folder=folder,
                words=tuple(words),
            )
        )

    def meet(self, line: Line) -> None:
        about = line.header
        self.processes.add(line.file)
        if "again" not in about:
            self.reports.append(Report(about.get("pid", ""), about.get("ppid", ""), line.time))
        if not self.stamp:
            self.stamp = as_number(about.get("stamp", ""))
        executable = about.get("executable", "")
        if executable and executable not in self.interpreters:
            sites = dict.fromkeys(self.where.real(site) for site in line.sites)
            self.interpreters[executable] = Interpreter(
                executable=executable,
                version=about.get("version", ""),
                implementation=about.get("implementation", ""),
                prefix=about.get("prefix", ""),
                base_prefix=about.get("base_prefix", ""),
                sites=tuple(sites),
            )

    def trace(self) -> Trace:
        for folder in self.bulk:
            for path, modified in self.where.files_in(folder):
                self.take(path, modified)
        return Trace(
            observed=bool(self.processes),
            interpreters=tuple(self.interpreters.values()),
            read=self.read,
            written=frozenset(self.written),
            modules=frozenset(self.modules),
            imported=frozenset(self.imported),
            listed=frozenset(self.listed),
            missing=frozenset(self.missing - self.read.keys() - self.written.keys()),
            network=self.network,
            piped=self.piped,
            facts=self.facts,
            processes=len(self.processes),
            children=tuple(self.children),
            reports=tuple(self.reports),
        )
