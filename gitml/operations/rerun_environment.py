"""The Python that an experiment is rerun with: the one at hand if it matches, else one built."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gitml.errors import ExecutionError, UsageError
from gitml.execution.interpreter import describe, find_interpreter
from gitml.execution.trace import Interpreter
from gitml.experiment.record import LOCK_PATH, Record
from gitml.git.objects import read_object
from gitml.inputs.difference import Difference, compare_libraries
from gitml.inputs.libraries import builds_of, installed
from gitml.inputs.lock import drift, locked_versions
from gitml.operations.project import Project

if TYPE_CHECKING:
    from gitml.execution.virtualenv import Pin

_FOLDER = "environments"
_NAMED = 5
_HASHES = ("sha256:", "sha384:", "sha512:")
# Installed with every environment, and no business of what runs in it.
_TOOLS = frozenset(["pip", "setuptools", "wheel", "uv"])


class Chosen(msgspec.Struct, frozen=True):
    """The Python of a rerun.

    Attributes:
        kind: `here` (one that was there), `locked` (built from the lock), or `none` (the
            experiment ran no Python).
        python: The interpreter, once it is there.
        differing: Python and the libraries that the experiment imported, where this one has
            others.
        others: Name → (locked, installed) of what is merely installed and differs.
        build: Folder that it has to be built in; empty when there is nothing to build.
        packages: How many distributions that takes.
    """

    kind: Literal["here", "locked", "none"]
    python: Path | None = None
    differing: tuple[Difference, ...] = ()
    others: dict[str, tuple[str, str | None]] = {}
    build: str = ""
    packages: int = 0


def choose(project: Project, record: Record, commit: str, *, here: bool, python: str) -> Chosen:
    """Say which Python an experiment is rerun with; nothing is built yet.

    Args:
        project: Where the user stands.
        record: Of the experiment.
        commit: Its commit.
        here: Take the one at hand, whatever differs.
        python: Path of the one to take; empty for the one that the command would find now.

    Raises:
        UsageError: if there is no such interpreter.
        ExecutionError: if it doesn't work.
    """
    libraries = record.inputs.libraries
    if not libraries.python and not python:
        return Chosen("none")
    lock = read_object(project.repository.git, f"{commit}:{LOCK_PATH}") or b""
    found = _at_hand(project, record, python)
    if found is not None:
        chosen = _compared(project, record, lock, found)
        if here or python or not chosen.differing:
            return chosen
    elif here:
        raise UsageError(
            "There is no Python at hand that the command would find.",
            hint="Activate an environment, or name one: --python PATH.",
        )
    _refuse_unbuildable(record, lock)
    folder = environment_folder(project, record)
    return Chosen("locked", build=str(folder), packages=len(record.libraries.packages))


def provide(
    project: Project, record: Record, commit: str, chosen: Chosen, say: Callable[[str], None]
) -> Chosen:
    """Return the chosen Python, built if it has to be.

    Raises:
        ExecutionError: if it can't be built, or isn't what was locked.
        StorageError: if there is no space.
    """
    from gitml.execution.virtualenv import build, installer, ready

    if not chosen.build:
        return chosen
    folder = Path(chosen.build)
    libraries = record.inputs.libraries
    lock = read_object(project.repository.git, f"{commit}:{LOCK_PATH}") or b""
    pins, left = read_pins(lock)
    if ready(folder) is None:
        tool = "uv" if installer() else "pip"
        say(
            f"Building an environment of {len(pins)} packages with Python {libraries.python} "
            f"({tool}); it is kept in {folder}."
        )
    if left:
        say(f"Left out, since they come from a folder: {', '.join(left[:_NAMED])}.")
    at_hand = _at_hand(project, record, "")
    bases = [Path(at_hand.executable)] if at_hand else []
    cache = project.state_dir / "interpreters"
    path = build(folder, libraries.python, libraries.implementation, pins, bases, cache, say)
    made = _compared(project, record, lock, describe(path, cache))
    if made.differing:
        named = ", ".join(item.name for item in made.differing[:_NAMED])
        raise ExecutionError(
            f"The environment in {folder} is not what the lock says: {named}.",
            hint=f"Remove the folder, and it is built anew: rm -r '{folder}'",
        )
    return msgspec.structs.replace(made, kind="locked")


def environment_folder(project: Project, record: Record) -> Path:
    """Return where the environment of a lock is kept."""
    libraries = record.inputs.libraries
    said = f"{record.libraries.digest} {libraries.implementation} {libraries.python}"
    name = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:24]
    return project.state_dir / _FOLDER / name


def read_pins(lock: bytes) -> tuple[list[Pin], list[str]]:
    """Return the pins of a lock, and the names of what came from a folder, which has none.

    Raises:
        ExecutionError: if the lock can't be read.
    """
    import tomllib

    try:
        document = tomllib.loads(lock.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ExecutionError(
            f"The experiment's {LOCK_PATH} can't be read: {error}.",
            hint="`--here` uses the Python at hand instead, and says what differs.",
        ) from error
    pins: list[Pin] = []
    left: list[str] = []
    for table in _tables(document.get("packages")):
        pins.append(_locked(table))
    tool = document.get("tool")
    own = tool.get("gitml") if isinstance(tool, dict) else None
    for kind in ("hashed", "unlocked"):
        for table in _tables(own.get(kind) if isinstance(own, dict) else None):
            pin = _unlocked(table)
            if pin is None:
                left.append(str(table.get("name", "")))
            else:
                pins.append(pin)
    return pins, left


def _unlocked(table: Mapping[str, Any]) -> Pin | None:
    """Return the pin of what has no address in the lock; None for what came from a folder."""
    from gitml.execution.virtualenv import Pin

    source = table.get("source")
    if source in ("editable", "local"):
        return None
    hashes = table.get("hashes")
    known = [str(one) for one in hashes] if isinstance(hashes, list) else []
    return Pin(
        str(table.get("name", "")),
        str(table.get("version", "")),
        tuple(sorted(one for one in known if one.startswith(_HASHES))),
        str(table.get("url", "")) if source in ("url", "vcs") else "",
    )


def _locked(table: Mapping[str, Any]) -> Pin:
    from gitml.execution.virtualenv import Pin

    name, version = str(table.get("name", "")), str(table.get("version", ""))
    vcs, archive = table.get("vcs"), table.get("archive")
    if isinstance(vcs, dict):
        address = f"{vcs.get('type', 'git')}+{vcs.get('url', '')}@{vcs.get('commit-id', '')}"
        return Pin(name, version, address=address)
    if isinstance(archive, dict):
        return Pin(name, version, _hashes([archive]), str(archive.get("url", "")))
    wheels = _tables(table.get("wheels"))
    files = wheels or _tables([table.get("sdist")])
    address = ""
    # What has a local label is on an index of its own, and its address says on which.
    if "+" in version and len(files) == 1:
        address = str(files[0].get("url", ""))
    return Pin(name, version, _hashes(files), address)


def _hashes(files: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    found = []
    for file in files:
        hashes = file.get("hashes")
        pairs = hashes.items() if isinstance(hashes, dict) else ()
        found += [f"{kind}:{value}" for kind, value in pairs if f"{kind}:" in _HASHES]
    return tuple(sorted(found))


def _tables(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _at_hand(project: Project, record: Record, python: str) -> Interpreter | None:
    """Return the interpreter that is named, or that the experiment's command would find now."""
    folder = project.repository.root / record.inputs.command.folder
    if not folder.is_dir():
        folder = project.root
    if python:
        path = Path(os.path.abspath(Path(python).expanduser()))
        if not path.is_file():
            raise UsageError(
                f"There is no interpreter {python}.",
                hint="Name a Python that can be executed, such as --python .venv/bin/python.",
            )
    else:
        words = (record.argv, ("python",), ("python3",))
        candidates = (find_interpreter(argv, folder, os.environ) for argv in words)
        found = next((one for one in candidates if one), None)
        if found is None:
            return None
        path = found
    return describe(path, project.state_dir / "interpreters")


def _compared(project: Project, record: Record, lock: bytes, found: Interpreter) -> Chosen:
    there = installed(found.sites, project.state_dir / "libraries.json")
    recorded = record.inputs.libraries
    editable = record.inputs.code.editable
    present = {
        name: there[name].version
        for name in (*recorded.imported, *editable)
        if name in there and (name in recorded.imported or there[name].folder)
    }
    planned = msgspec.structs.replace(
        recorded,
        python=found.version,
        implementation=found.implementation,
        imported={name: version for name, version in present.items() if name not in editable},
        builds=builds_of(recorded.imported, there),
    )
    differing = compare_libraries(recorded, planned)
    differing += [
        Difference("libraries", name, "installed from a folder", None)
        for name in editable
        if name not in present
    ]
    named = {item.name for item in differing} | _TOOLS
    others = {
        name: step
        for name, step in drift(locked_versions(lock), there).items()
        if name not in named
    }
    return Chosen("here", Path(found.executable), tuple(differing), others)


def _refuse_unbuildable(record: Record, lock: bytes) -> None:
    """Refuse what no lock can bring back, before anything is built."""
    hint = "`--here` uses the Python at hand instead, and says what differs."
    if not lock:
        raise ExecutionError(f"{record.name} has no lock file to build from.", hint=hint)
    _, left = read_pins(lock)
    needed = [name for name in left if name in record.inputs.libraries.imported]
    needed += list(record.inputs.code.editable)
    if needed:
        raise ExecutionError(
            f"{record.name} imported {', '.join(needed[:_NAMED])} from a folder of the machine "
            "that it ran on, which no lock file can bring back.",
            hint=f"Install it in an environment and name that (--python PATH). {hint}",
        )
