"""Versions of Python and of distributions side by side, and where they came from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gitml.comparison.result import Library
from gitml.comparison.sides import line_up, names_of
from gitml.experiment.record import Record
from gitml.inputs.versions import step_of

# From the smallest to the largest.
_KINDS = (
    "same",
    "commit",
    "source",
    "local",
    "patch",
    "minor",
    "major",
    "other",
    "removed",
    "added",
    "python",
)
_COMMIT = 12
_SYSTEMS = ("git", "hg", "bzr", "svn")


class _Side(msgspec.Struct, frozen=True):
    """One distribution in one experiment.

    Attributes:
        version: None when it isn't there.
        source: From the lock's summary; empty for an index.
        build: From the manifest, of what was imported.
    """

    version: str | None
    source: str = ""
    build: str = ""


def compare_libraries(records: Sequence[Record], *, everything: bool) -> tuple[Library, ...]:
    """Return Python, then what was imported, then what was merely installed.

    What was imported on one side only is shown as missing on the other, installed there or not.
    """
    imported = [record.inputs.libraries.imported for record in records]
    installed = [record.libraries.packages for record in records]
    pythons = tuple(_python(record) for record in records)
    used = sorted(names_of(imported))
    rows = []
    if any(pythons):
        kind = "same" if all(python == pythons[0] for python in pythons) else "python"
        rows.append(Library("python", pythons, kind, True))
    for name in used:
        sides = [
            _side(record, name, version)
            for record, version in zip(records, line_up(imported, name), strict=True)
        ]
        rows.append(_library(name, sides, used=True))
    if all(installed):
        for name in sorted(set(names_of(installed)) - set(used)):
            sides = [
                _side(record, name, version)
                for record, version in zip(records, line_up(installed, name), strict=True)
            ]
            rows.append(_library(name, sides, used=False))
    return tuple(row for row in rows if everything or row.kind != "same")


def _python(record: Record) -> str | None:
    libraries = record.inputs.libraries
    if not libraries.python:
        return None
    if libraries.implementation in ("", "cpython"):
        return libraries.python
    return f"{libraries.implementation} {libraries.python}"


def _side(record: Record, name: str, version: str | None) -> _Side:
    if version is None:
        return _Side(None)
    build = record.inputs.libraries.builds.get(name, "")
    return _Side(version, record.libraries.sources.get(name, ""), build)


def _library(name: str, sides: Sequence[_Side], *, used: bool) -> Library:
    """Return a row; where a distribution came from is shown only if that differs."""
    kind = max((_kind(sides[0], side) for side in sides[1:]), key=_KINDS.index, default="same")
    there = [side for side in sides if side.version is not None]
    differ = any((side.source, side.build) != (there[0].source, there[0].build) for side in there)
    return Library(name, tuple(_shown(side, sourced=differ) for side in sides), kind, used)


def _kind(one: _Side, other: _Side) -> str:
    """Return the step from one side to another."""
    step = step_of(one.version, other.version)
    if step != "same" or (one.source, one.build) == (other.source, other.build):
        return step
    systems = {side.source.partition(" ")[0] for side in (one, other)}
    return "commit" if len(systems) == 1 and systems <= set(_SYSTEMS) else "source"


def _shown(side: _Side, *, sourced: bool) -> str | None:
    if side.version is None or not sourced:
        return side.version
    kind, _, what = side.source.partition(" ")
    if kind in _SYSTEMS:
        return f"{side.version} ({kind} {what[:_COMMIT]})".replace(" )", ")")
    word = f"{kind} {side.build}".strip()
    return f"{side.version} ({word})" if word else side.version
