"""Plots and tables of compared experiments, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from gitml.comparison.contents import PlotComparison
from gitml.comparison.plots import Version, change, compare
from gitml.errors import GitmlError
from gitml.git.objects import ObjectReader
from gitml.operations.artifact_files import Arm, ArtifactFiles, Member, Run, pairs
from gitml.outputs.artifact import Artifact

TABLES = ".gitml/tables/"

MAX_BYTES = 32 << 20
# Plots beyond these are named, and not looked into. A terminal shows a few, a report many.
MOST_PLOTS, FEW_PLOTS = 400, 24
MOST_BYTES, FEW_BYTES = 256 << 20, 4 << 20
LATER = "It wasn't looked into, to be quick; `gitml exp diff … --html FILE` does."
TOO_MANY = "It wasn't looked into, since there are too many plots for one report."

Place = tuple[Artifact, Member]


def compare_plots(
    files: ArtifactFiles, arms: Sequence[Arm], *, contents: bool = False
) -> tuple[PlotComparison, ...]:
    """Return the plots, and the tables that were logged, of any of the experiments, by path.

    Unless contents are asked for, only plots that changed are read. What isn't on this machine is
    remembered by `files`.

    Args:
        files: Gives the artifacts.
        arms: The experiments.
        contents: Whether to keep the bytes, and to draw how images differ.
    """
    left = MOST_BYTES if contents else FEW_BYTES
    most = MOST_PLOTS if contents else FEW_PLOTS
    found = []
    with _Contents(files) as read:
        for path, places in _lined_up(files, arms):
            versions = [_version(place) for place in places]
            if not contents and change(versions) in ("same", "added", "removed"):
                found.append(compare(path, versions))
                continue
            size = sum(place[1].size or 0 for place in places if place is not None)
            if most < 1 or left < size:
                note = TOO_MANY if contents else LATER
                found.append(msgspec.structs.replace(compare(path, versions), note=note))
                continue
            versions = _with_contents(read, arms, places, versions)
            most -= 1
            left -= sum(len(version.content or b"") for version in versions if version)
            found.append(compare(path, versions, contents=contents))
    return tuple(sorted(found, key=lambda plot: plot.path))


def _lined_up(
    files: ArtifactFiles, arms: Sequence[Arm]
) -> Iterator[tuple[str, list[Place | None]]]:
    """Yield path → where each experiment has a plot or a table."""
    for items in pairs(arms, ("plot", "other")):
        known = [item for item in items if item is not None]
        if not any(_is_shown(item) for item in known):
            continue
        sides = [
            {member.path: (item, member) for member in files.members(arm.run, item)} if item else {}
            for arm, item in zip(arms, items, strict=True)
        ]
        path = known[-1].path
        if any(item is not None and not side for item, side in zip(items, sides, strict=True)):
            # The list of a folder isn't here: what it has can't be told, only whether it changed.
            yield (
                path,
                [(item, Member("", item.digest, item.size)) if item else None for item in items],
            )
            continue
        for name in dict.fromkeys(name for side in sides for name in side):
            yield f"{path}/{name}" if name else path, [side.get(name) for side in sides]


def _is_shown(artifact: Artifact) -> bool:
    return artifact.role == "plot" or artifact.path.startswith(TABLES)


def _version(place: Place | None) -> Version | None:
    if place is None:
        return None
    artifact, member = place
    return Version(f"{artifact.storage}:{member.digest}", member.size)


def _with_contents(
    read: _Contents,
    arms: Sequence[Arm],
    places: Sequence[Place | None],
    versions: Sequence[Version | None],
) -> list[Version | None]:
    """Return versions with the bytes that are on this machine."""
    found: list[Version | None] = []
    for arm, place, version in zip(arms, places, versions, strict=True):
        content = read(arm.run, *place) if place is not None else None
        if version is not None and content is not None:
            version = Version(version.digest, len(content), content)
        found.append(version)
    return found


class _Contents:
    """Reads files of artifacts, with one process of Git for all; to be used in a `with` block."""

    def __init__(self, files: ArtifactFiles) -> None:
        self._files = files
        self._reader: ObjectReader | None = None

    def __enter__(self) -> _Contents:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._reader is not None:
            self._reader.close()

    def __call__(self, run: Run, artifact: Artifact, member: Member) -> bytes | None:
        """Return the bytes; None when they aren't on this machine, or too many."""
        if (member.size or 0) > MAX_BYTES or member.digest.endswith(".dir"):
            return None
        try:
            if artifact.storage == "git":
                if self._reader is None:
                    self._reader = ObjectReader(self._files.repository.git)
                return self._reader.read(artifact.digest)
            path = self._files.file(run, artifact, member)
            if path is None or path.stat().st_size > MAX_BYTES:
                return None
            return path.read_bytes()
        except (GitmlError, OSError):
            return None
