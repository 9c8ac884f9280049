"""The distributions installed for an interpreter, read from its site folders.

A native reader of `*.dist-info` and `*.egg-info` (the formats of the PyPA's "Recording installed
projects"), since the interpreter that trains needn't be gitml's own and `importlib.metadata`
costs more than the rest of a run. What was read is remembered by path and modification time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from gitml.inputs.distribution import (
    Distribution,
    build_of,
    read_distribution,
    read_egg_link,
)
from gitml.inputs.remembered import recall, remember

__all__ = ["OWN", "Distribution", "builds_of", "editable_owners", "imported_versions", "installed"]

_VERSION = 1
# A script that logs through gitml gives the same result whichever version of it takes notes.
OWN = "gitml"


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    stamp: int
    distribution: Distribution | None


class _Cache(msgspec.Struct, frozen=True):
    version: int
    entries: dict[str, _Entry]


def installed(sites: Sequence[str], cache: Path | None = None) -> dict[str, Distribution]:
    """Return normalised name → distribution for all that is installed in some site folders.

    Args:
        sites: Site folders, first on `sys.path` first: of two installs of the same name the first
            is the one that is imported.
        cache: JSON file to remember what was read in; derived, and any failure with it is ignored.
    """
    recalled = recall(cache, _Cache)
    known = recalled.entries if recalled is not None and recalled.version == _VERSION else {}
    entries: dict[str, _Entry] = {}
    for site in sites:
        for path in _metadata_paths(site):
            try:
                stamp = os.stat(path).st_mtime_ns
            except OSError:
                continue
            entry = known.get(path)
            if entry is None or entry.stamp != stamp:
                entry = _Entry(stamp, _read(path, site))
            entries[path] = entry
    # What other interpreters have stays remembered, as long as it doesn't pile up.
    if cache is not None and any(known.get(path) != entry for path, entry in entries.items()):
        kept = known if len(known) < 5_000 else {}
        remember(cache, _Cache(_VERSION, {**kept, **entries}))
    found: dict[str, Distribution] = {}
    for entry in entries.values():
        if entry.distribution is not None:
            found.setdefault(entry.distribution.name, entry.distribution)
    return found


def imported_versions(
    imported: Iterable[tuple[str, str]], distributions: Mapping[str, Distribution]
) -> dict[str, str]:
    """Return normalised name → version of the distributions that some imports came from.

    A top-level name that several distributions share (a namespace such as `google`) means all of
    them, since nothing finer was seen. gitml itself never counts.

    Args:
        imported: (site folder, top-level name) pairs.
        distributions: From `installed`.
    """
    owners: dict[tuple[str, str], list[Distribution]] = {}
    for distribution in distributions.values():
        for name in distribution.top_level:
            owners.setdefault((distribution.site, name), []).append(distribution)
    found = {
        owner.name: owner.version
        for site, name in imported
        for owner in owners.get((site.rstrip("/"), name.partition(".")[0]), ())
        if owner.source != "editable" and owner.name != OWN
    }
    return dict(sorted(found.items()))


def builds_of(names: Iterable[str], distributions: Mapping[str, Distribution]) -> dict[str, str]:
    """Return name → build of those that may change without a new version; see `build_of`.

    Args:
        names: Of distributions; normalised.
        distributions: From `installed`.
    """
    found = {name: build_of(distributions[name]) for name in names if name in distributions}
    return {name: build for name, build in found.items() if build}


def editable_owners(
    modules: Iterable[str], distributions: Mapping[str, Distribution], root: str
) -> dict[str, tuple[str, ...]]:
    """Return name → the reached source files of each editable install outside of the repository.

    Args:
        modules: Absolute paths of modules outside of site folders.
        distributions: From `installed`.
        root: Absolute path of the repository's root; what is inside is the project's own code.
    """
    inside = root.rstrip("/") + "/"
    folders = sorted(
        ((d.folder.rstrip("/") + "/", d.name) for d in distributions.values() if d.folder),
        key=lambda pair: -len(pair[0]),
    )
    found: dict[str, list[str]] = {}
    for path in modules:
        if path.startswith(inside):
            continue
        owner = next((name for folder, name in folders if path.startswith(folder)), None)
        if owner is not None:
            found.setdefault(owner, []).append(path)
    return {name: tuple(sorted(paths)) for name, paths in sorted(found.items())}


def _metadata_paths(site: str) -> list[str]:
    try:
        with os.scandir(site) as entries:
            return sorted(
                entry.path
                for entry in entries
                if entry.name.endswith((".dist-info", ".egg-info", ".egg-link"))
                and not entry.name.startswith("~")  # what pip leaves of a failed uninstall
            )
    except OSError:
        return []


def _read(path: str, site: str) -> Distribution | None:
    try:
        if path.endswith(".egg-link"):
            return read_egg_link(Path(path), site)
        return read_distribution(Path(path), site)
    except (OSError, ValueError):
        return None
