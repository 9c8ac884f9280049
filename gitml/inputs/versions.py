"""How far two versions of a distribution are apart, by PEP 440.

The version of what doesn't come from an index has a build after it: `1.0 @c0ffee123456`.
"""

from __future__ import annotations

from typing import Literal

Step = Literal["same", "source", "local", "patch", "minor", "major", "other", "removed", "added"]

_BUILD = " @"


def with_build(version: str, build: str) -> str:
    """Return a version together with what else tells two installs of it apart."""
    return f"{version}{_BUILD}{build}" if build else version


def split_build(text: str) -> tuple[str, str]:
    """Return the version and the build of what `with_build` made."""
    version, _, build = text.partition(_BUILD)
    return version, build


def equal(one: str, other: str) -> bool:
    """Whether two versions are the same, however they are spelled; local labels count."""
    return step_of(one, other) == "same"


def step_of(old: str | None, new: str | None) -> Step:
    """Return how large the step between two versions is.

    `local` is another local label (`+cu121`) alone, `source` another build of the same version.
    """
    if old == new:
        return "same"
    if old is None or new is None:
        return "added" if old is None else "removed"
    (before, build), (after, other) = split_build(old), split_build(new)
    from packaging.version import InvalidVersion, Version

    try:
        first, second = Version(before), Version(after)
    except InvalidVersion:
        return "source" if before == after else "other"
    if first == second:
        return "same" if build == other else "source"
    if (first.epoch, first.major) != (second.epoch, second.major):
        return "major"
    if first.minor != second.minor:
        return "minor"
    return "local" if Version(first.public) == Version(second.public) else "patch"
