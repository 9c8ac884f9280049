"""Versions of Python and of distributions side by side."""

from __future__ import annotations

from collections.abc import Sequence

from gitml.comparison.result import Library
from gitml.comparison.sides import line_up, names_of
from gitml.experiment.record import Record

_KINDS = ("same", "local", "patch", "minor", "major", "other", "removed", "added", "python")


def compare_libraries(records: Sequence[Record], *, everything: bool) -> tuple[Library, ...]:
    """Return Python, then what was imported, then what was merely installed.

    What was imported on one side only is shown as missing on the other, installed there or not.
    """
    imported = [record.inputs.libraries.imported for record in records]
    installed = [record.libraries.packages for record in records]
    pythons = tuple(_python(record) for record in records)
    used = sorted(names_of(imported))
    rows = [Library("python", pythons, _kind(pythons, "python"), True)] if any(pythons) else []
    rows += [_library(name, line_up(imported, name), used=True) for name in used]
    others = sorted(set(names_of(installed)) - set(used))
    if all(installed):
        rows += [_library(name, line_up(installed, name), used=False) for name in others]
    return tuple(row for row in rows if everything or row.kind != "same")


def _python(record: Record) -> str | None:
    libraries = record.inputs.libraries
    if not libraries.python:
        return None
    if libraries.implementation in ("", "cpython"):
        return libraries.python
    return f"{libraries.implementation} {libraries.python}"


def _library(name: str, versions: tuple[str | None, ...], *, used: bool) -> Library:
    return Library(name, versions, _kind(versions), used)


def _kind(versions: Sequence[str | None], different: str = "") -> str:
    """Return the largest step from the first version to any other."""
    if all(version == versions[0] for version in versions):
        return "same"
    if different:
        return different
    steps = (step_of(versions[0], version) for version in versions[1:])
    return max(steps, key=_KINDS.index)


def step_of(old: str | None, new: str | None) -> str:
    """Return how large the step between two versions is, by PEP 440."""
    if old == new:
        return "same"
    if old is None or new is None:
        return "added" if old is None else "removed"
    from packaging.version import InvalidVersion, Version

    try:
        first, second = Version(old), Version(new)
    except InvalidVersion:
        return "other"
    if (first.epoch, first.major) != (second.epoch, second.major):
        return "major"
    if first.minor != second.minor:
        return "minor"
    return "local" if first.public == second.public else "patch"
