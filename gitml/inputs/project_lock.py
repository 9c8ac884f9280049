"""The project's own lock: which versions `uv.lock`, `pylock.toml`, `poetry.lock` … ask for.

What a lock means depends on the interpreter (markers), so the answer is remembered for each
interpreter together with the state of the files that it was read from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from gitml.inputs.distribution import Distribution, build_of
from gitml.inputs.lock_formats import Entry
from gitml.inputs.remembered import recall, remember, state_of
from gitml.inputs.versions import equal

_VERSION = 1
_KEPT = 16  # locks and interpreters that are remembered
_MAX_BYTES = 32 << 20
_FIXED = ("uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock")
_NAMED_PYLOCK = re.compile(r"pylock\.[^.]+\.toml\Z")
_REQUIREMENTS = re.compile(r"requirements[\w.-]*\.(?:txt|lock)\Z|requirements\.lock\Z")
_USUAL = ("requirements.txt", "requirements.lock", "requirements-lock.txt", "requirements.lock.txt")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,198}[a-z0-9])?\Z")
_VERSION_TEXT = re.compile(r"[A-Za-z0-9.+!_-]{0,100}\Z")
# A pin, or an include; the quoted strings of markers (`sys_platform == "linux"`) are none.
_PINS = re.compile(rb"==[ \t]*[0-9A-Za-z]|^[ \t]*-r", re.MULTILINE)
_PYTHON = re.compile(r"(?:cpython[-@]|python-?)?(\d+(?:\.\d+){0,2})\Z")


class Pin(msgspec.Struct, frozen=True, array_like=True):
    """What a lock asks for of one distribution.

    Attributes:
        versions: Any of them will do; there are several when a lock has forks.
        needed: Whether it is installed by default.
        commits: Of a version control system; any of them will do.
    """

    versions: tuple[str, ...]
    needed: bool
    commits: tuple[str, ...] = ()

    def allows(self, version: str, build: str = "") -> bool:
        """Whether an installed version is one that the lock has.

        Args:
            version: That is installed.
            build: From `distribution.build_of`.
        """
        if self.commits and not any(build and one.startswith(build) for one in self.commits):
            return False
        return version in self.versions or any(equal(version, locked) for locked in self.versions)


class ProjectLock(msgspec.Struct, frozen=True):
    """The lock of a project, as it is meant for one interpreter.

    Attributes:
        path: Absolute path of the file.
        pins: Normalised name → what it asks for.
        python: What `.python-version` beside it says, such as `3.11`; empty when it says nothing.
        problem: Why it can't be read; empty when it can.
        notes: Sentences about parts that were left out.
    """

    path: str
    pins: dict[str, Pin] = {}
    python: str = ""
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the file."""
        return os.path.basename(self.path)


class _Known(msgspec.Struct, frozen=True):
    files: list[tuple[str, list[int]]]
    lock: ProjectLock


class _Cache(msgspec.Struct, frozen=True):
    version: int
    locks: dict[str, _Known]


def find_project_lock(folders: Iterable[Path]) -> Path | None:
    """Return the lock of a project, or None.

    In the first folder that has any: `uv.lock`, `pylock.toml` (or the only `pylock.<name>.toml`),
    `poetry.lock`, `Pipfile.lock`, `requirements.txt` and what else locks are called, or the only
    `requirements*.txt`.

    Args:
        folders: Where to look: the project's, then the repository's.
    """
    for folder in folders:
        try:
            names = {entry.name for entry in os.scandir(folder)}
        except OSError:
            continue
        pylocks = sorted(filter(_NAMED_PYLOCK.match, names))
        others = sorted(name for name in names if _REQUIREMENTS.match(name))
        order = [*_FIXED[:2], *_only(pylocks), *_FIXED[2:], *_USUAL, *_only(others)]
        found = next((name for name in order if name in names and _is_lock(folder, name)), None)
        if found is not None:
            return folder / found
    return None


def read_project_lock(
    path: Path,
    python: str,
    implementation: str,
    *,
    root: Path,
    member: str = "",
    cache: Path | None = None,
) -> ProjectLock:
    """Return what a lock asks for of an interpreter; one that can't be read says why.

    Args:
        path: From `find_project_lock`.
        python: Version of the interpreter, such as `3.11.7`.
        implementation: `cpython`, `pypy` …
        root: The repository's; requirements files outside of it are not read.
        member: The project's folder relative to the lock's, for a member of a uv workspace.
        cache: JSON file to remember what was read in; derived, and any failure with it is ignored.
    """
    pinned = pinned_python([path.parent / member, path.parent])
    key = "\n".join((str(path), python, implementation, member, os.uname().machine))
    recalled = recall(cache, _Cache)
    known = recalled.locks if recalled is not None and recalled.version == _VERSION else {}
    entry = known.get(key)
    if entry is not None and all(state_of(name) == state for name, state in entry.files):
        return msgspec.structs.replace(entry.lock, python=pinned)
    lock, files = _read(path, python, implementation, root, member)
    if cache is not None:
        states = [(name, state_of(name)) for name in files]
        kept = dict(list(known.items())[-_KEPT + 1 :])
        remember(cache, _Cache(_VERSION, {**kept, key: _Known(states, lock)}))
    return msgspec.structs.replace(lock, python=pinned)


def pinned_python(folders: Iterable[Path]) -> str:
    """Return the version in the first `.python-version` file, such as `3.11`, or nothing."""
    for folder in folders:
        try:
            with (folder / ".python-version").open("rb") as stream:
                text = stream.read(1024).decode("utf-8", "replace")
        except OSError:
            continue
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        match = _PYTHON.match(next(filter(None, lines), ""))
        return match[1] if match else ""
    return ""


def differing(
    lock: ProjectLock, distributions: dict[str, Distribution]
) -> list[tuple[str, Pin, Distribution | None]]:
    """Return what an environment has otherwise than its lock asks for, sorted by name.

    What is installed besides is fine, and so is an extra or a development group that isn't there.
    In a requirements file `==2.13.0` allows `2.13.0+cpu`, as installers have it (PEP 440).
    """
    plain = _REQUIREMENTS.match(lock.name) is not None
    found: list[tuple[str, Pin, Distribution | None]] = []
    for name, pin in sorted(lock.pins.items()):
        present = distributions.get(name)
        if present is None:
            if pin.needed:
                found.append((name, pin, None))
        elif present.source in ("editable", "local") or not (
            pin.allows(present.version, build_of(present))
            or (plain and pin.allows(present.version.partition("+")[0], build_of(present)))
        ):
            found.append((name, pin, present))
    return found


def _only(names: Sequence[str]) -> Sequence[str]:
    return names if len(names) == 1 else ()


def _is_lock(folder: Path, name: str) -> bool:
    """Whether it is a file, and pins something if it is a requirements file."""
    path = folder / name
    if not path.is_file():
        return False
    if not _REQUIREMENTS.match(name):
        return True
    try:
        with path.open("rb") as stream:
            return _PINS.search(stream.read(_MAX_BYTES)) is not None
    except OSError:
        return False


def _read(
    path: Path, python: str, implementation: str, root: Path, member: str
) -> tuple[ProjectLock, list[str]]:
    """Return the lock, and the files that it was read from."""
    from gitml.inputs.lock_formats import parse_toml
    from gitml.inputs.markers import Markers, environment_of

    environment = environment_of(python, implementation)
    try:
        if _REQUIREMENTS.match(path.name):
            from gitml.inputs.requirements_file import read_requirements, requirement_entries

            lines = read_requirements(path, root)
            pins = _pins(requirement_entries(lines, Markers(environment)))
            lock = ProjectLock(str(path), pins, notes=lines.problems[:5])
            return lock, [str(path), *lines.files]
        text = _text_of(path)
        tables = _json(text) if path.name == "Pipfile.lock" else parse_toml(text)
        pins = _pins(_entries(path.name, tables, environment, member))
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error).partition("\n")[0]
        return ProjectLock(str(path), problem=f"{said}"[:200]), [str(path)]
    return ProjectLock(str(path), pins), [str(path)]


def _entries(
    name: str, tables: dict[str, object], environment: dict[str, str], member: str
) -> list[Entry]:
    from gitml.inputs import lock_formats
    from gitml.inputs.markers import Markers

    if name == "uv.lock":
        return lock_formats.uv_entries(tables, Markers(environment), member)
    if name == "poetry.lock":
        return lock_formats.poetry_entries(tables, Markers(environment))
    if name == "Pipfile.lock":
        return lock_formats.pipfile_entries(tables, Markers(environment))
    groups = tables.get("default-groups")
    names = map(str, groups) if isinstance(groups, list) else ()
    return lock_formats.pylock_entries(tables, Markers(environment, names))


def _pins(entries: Iterable[Entry]) -> dict[str, Pin]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        # What no index would take is no name of a distribution, and belongs in no message.
        if _NAME.match(entry.name) and _VERSION_TEXT.match(entry.version):
            found.setdefault(entry.name, []).append(entry)
    return {
        name: Pin(
            versions=tuple(dict.fromkeys(entry.version for entry in group if entry.version)),
            needed=any(entry.needed for entry in group),
            commits=tuple(dict.fromkeys(entry.commit for entry in group if entry.commit)),
        )
        for name, group in found.items()
    }


def _text_of(path: Path) -> str:
    with path.open("rb") as stream:
        data = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError("it is larger than any lock file should be")
    return data.decode("utf-8").replace("\r\n", "\n")


def _json(text: str) -> dict[str, object]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return found if isinstance(found, dict) else {}
