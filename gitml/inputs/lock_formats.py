"""What the lock files of uv, Poetry, Pipenv and PEP 751 pin, for one interpreter.

The archives of a lock are most of its bytes and say nothing about versions, so they are cut out of
the text before it is parsed: tomllib would take ten times as long for them as for all else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from gitml.inputs.distribution import normalised
from gitml.inputs.markers import Markers

_ARCHIVES = re.compile(
    r"^(?:wheels|files) = \[(?:[^\n]*\]\n|\n(?:[ \t]+\{[^\n]*\n)*\]\n)|^sdist = [^\n]*\n",
    re.MULTILINE,
)
_MAX_CUT = 8 << 20  # bytes without archives; the largest public locks have 0.5 MB
_MAX_LINE = 20_000


class Entry(msgspec.Struct, frozen=True):
    """A version of a distribution that a lock has for an interpreter.

    Attributes:
        name: Normalised.
        version: As written.
        needed: Whether it is installed by default; extras and development groups are not.
        commit: Of a version control system, where it is installed from one.
    """

    name: str
    version: str
    needed: bool
    commit: str = ""


def parse_toml(text: str) -> dict[str, Any]:
    """Return the tables of a lock file without its archives.

    Raises:
        ValueError: if it is too large, or no TOML.
    """
    import tomllib

    cut = _ARCHIVES.sub("", text)
    if len(cut) > _MAX_CUT or any(len(line) > _MAX_LINE for line in cut.splitlines()):
        raise ValueError("it is larger than any lock file should be")
    try:
        return tomllib.loads(cut)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def uv_entries(lock: Mapping[str, Any], markers: Markers, member: str = "") -> list[Entry]:
    """Return what a `uv.lock` has for an interpreter.

    Args:
        lock: The parsed file.
        markers: Those of the interpreter.
        member: Folder of the project, relative to the lock's, when it is a workspace's member.
    """
    packages: dict[str, list[dict[str, Any]]] = {}
    for package in _tables(lock.get("package")):
        packages.setdefault(normalised(_text(package.get("name"))), []).append(package)
    roots = _roots(packages, member or ".") or _roots(packages, "")
    needed = _reached(packages, roots, markers, loose=False)
    known = _reached(packages, roots, markers, loose=True) if roots else set(packages)
    known |= {normalised(name) for name in _group_names(lock)}
    return [
        Entry(name, _text(package.get("version")), name in needed, _uv_commit(package))
        for name in sorted(known & packages.keys())
        for package in _for_interpreter(packages[name], markers)
        if not _local_folder(package) and _text(package.get("version"))
    ]


def pylock_entries(lock: Mapping[str, Any], markers: Markers) -> list[Entry]:
    """Return what a `pylock.toml` (PEP 751) has for an interpreter."""
    own = _table(_table(lock.get("tool")).get("gitml"))
    found = []
    for package in [*_tables(lock.get("packages")), *_tables(own.get("unlocked"))]:
        version, name = _text(package.get("version")), normalised(_text(package.get("name")))
        if not version or not name or package.get("source") in ("editable", "local"):
            continue
        if not markers.fits(_text(package.get("requires-python"))):
            continue
        holds = markers.holds(_text(package.get("marker")))
        if holds is not False:
            commit = _text(_table(package.get("vcs")).get("commit-id"))
            found.append(Entry(name, version, bool(holds), commit))
    return found


def poetry_entries(lock: Mapping[str, Any], markers: Markers) -> list[Entry]:
    """Return what a `poetry.lock` has for an interpreter.

    Which packages a project needs by default is only in locks that name groups or categories.
    """
    found = []
    for package in _tables(lock.get("package")):
        version, name = _text(package.get("version")), normalised(_text(package.get("name")))
        source = _table(package.get("source"))
        if not version or not name or source.get("type") == "directory":
            continue
        if not markers.fits(_text(package.get("python-versions"))):
            continue
        groups = package.get("groups", package.get("category"))
        main = "main" in groups if isinstance(groups, list | str) else False
        marker = package.get("markers", "")
        if isinstance(marker, dict):  # one for each group
            texts = [_text(value) for key, value in marker.items() if key == "main" or not main]
        else:
            texts = [_text(marker)]
        holds = [markers.holds(text) for text in texts]
        if holds and all(one is False for one in holds):
            continue
        needed = main and not package.get("optional") and any(holds or [True])
        commit = _text(source.get("resolved_reference")) if source.get("type") == "git" else ""
        found.append(Entry(name, version, needed, commit))
    return found


def pipfile_entries(lock: Mapping[str, Any], markers: Markers) -> list[Entry]:
    """Return what a `Pipfile.lock` has for an interpreter."""
    found = []
    for section, needed in (("default", True), ("develop", False)):
        for name, package in _table(lock.get(section)).items():
            version = _text(_table(package).get("version"))
            holds = markers.holds(_text(_table(package).get("markers")))
            if version.startswith("==") and holds is not False:
                entry = Entry(normalised(name), version.lstrip("="), needed and bool(holds))
                found.append(entry)
    return found


def _roots(packages: Mapping[str, list[dict[str, Any]]], folder: str) -> list[dict[str, Any]]:
    """Return the packages that are a folder of the project (all such when it is empty)."""
    return [
        package
        for tables in packages.values()
        for package in tables
        if (place := _local_folder(package)) and (not folder or place == folder)
    ]


def _local_folder(package: Mapping[str, Any]) -> str:
    source = _table(package.get("source"))
    kinds = ("virtual", "editable", "directory")
    return next((_text(source[kind]) for kind in kinds if kind in source), "")


def _uv_commit(package: Mapping[str, Any]) -> str:
    return _text(_table(package.get("source")).get("git")).partition("#")[2]


def _group_names(lock: Mapping[str, Any]) -> Iterator[str]:
    groups = _table(_table(lock.get("manifest")).get("dependency-groups"))
    for group in groups.values():
        for requirement in _tables(group):
            yield _text(requirement.get("name"))


def _reached(
    packages: Mapping[str, list[dict[str, Any]]],
    roots: Iterable[dict[str, Any]],
    markers: Markers,
    *,
    loose: bool,
) -> set[str]:
    """Return the names that are reached from the roots.

    Args:
        packages: Name → tables.
        roots: Where to begin.
        markers: Those of the interpreter.
        loose: Follow extras and groups of the roots, too, and markers that name extras.
    """
    all_of_it: tuple[str, ...] = ("*",) if loose else ()
    waiting = [(package, all_of_it) for package in roots]
    seen: set[tuple[int, tuple[str, ...]]] = set()
    names: set[str] = set()
    while waiting:
        package, extras = waiting.pop()
        if (id(package), extras) in seen:
            continue
        seen.add((id(package), extras))
        for edge in _edges(package, extras):
            marker = _text(edge.get("marker"))
            if not markers.holds(marker) and not (loose and "extra" in marker):
                continue
            name = normalised(_text(edge.get("name")))
            names.add(name)
            version = _text(edge.get("version"))
            chosen = edge.get("extra")
            more = tuple(sorted(map(_text, chosen))) if isinstance(chosen, list) else ()
            for target in packages.get(name, ()):
                if not version or version == target.get("version"):
                    waiting.append((target, more))
    return names


def _edges(package: Mapping[str, Any], extras: tuple[str, ...]) -> list[dict[str, Any]]:
    found = _tables(package.get("dependencies"))
    optional = _table(package.get("optional-dependencies"))
    for name, edges in optional.items():
        if name in extras or "*" in extras:
            found += _tables(edges)
    if "*" in extras:
        for edges in _table(package.get("dev-dependencies")).values():
            found += _tables(edges)
    return found


def _for_interpreter(tables: list[dict[str, Any]], markers: Markers) -> list[dict[str, Any]]:
    """Return the forks of a package that are meant for the interpreter, or all if none is."""
    meant = []
    for table in tables:
        conditions = table.get("resolution-markers")
        texts = map(_text, conditions) if isinstance(conditions, list) else ()
        if markers.any_holds(texts):
            meant.append(table)
    return meant or tables


def _tables(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
