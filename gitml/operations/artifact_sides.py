"""Files of the same output in two experiments and their replicates."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from gitml.comparison.outputs import line_up_artifacts
from gitml.operations.artifact_files import Arm, ArtifactFiles, Member, Run, pairs
from gitml.outputs.artifact import Artifact

MOST_RUNS = 20
MOST_REPLICATE_BYTES = 200_000_000
_MOST_FILES = 20


class Source(msgspec.Struct, frozen=True):
    """A file of one run.

    Attributes:
        path: With its bytes; to be read only.
        where: What to call it in messages.
        suffix: Says how to read it: objects of DVC storage have none.
        size: Bytes.
    """

    path: Path
    where: str
    suffix: str
    size: int


class Sides(msgspec.Struct, frozen=True):
    """A file that both experiments have.

    Attributes:
        path: From the repository's root, in the second experiment.
        a: Of the first experiment and its replicates, its own first; empty when its own isn't on
            this machine.
        b: Of the second.
        notes: Sentences on what isn't here, and on replicates that were left out.
    """

    path: str
    a: tuple[Source, ...]
    b: tuple[Source, ...]
    notes: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """All of them."""
        return self.a + self.b


def sides_of(
    files: ArtifactFiles, arms: Sequence[Arm], role: str, *, replicates: bool = True
) -> Iterator[Sides]:
    """Yield the files of a role that both of two experiments have; of folders, file by file.

    Args:
        files: Where to read.
        arms: Two experiments; nothing is found for another number of them.
        role: Of the artifacts.
        replicates: Whether the replicates' files are wanted as well.
    """
    if len(arms) != 2:
        return
    for one, other in _pairs(arms, role):
        for name in _members(files, arms, (one, other)):
            notes: list[str] = []
            if _stem(one) == _stem(other) and one.path != other.path:
                notes.append(f"{one.path} of {arms[0].title} is compared with {other.path}.")
            found = [
                _sources(files, arm, artifact, name, replicates, notes)
                for arm, artifact in zip(arms, (one, other), strict=True)
            ]
            path = f"{other.path}/{name}" if name else other.path
            yield Sides(path, found[0], found[1], tuple(notes))


def _pairs(arms: Sequence[Arm], role: str) -> list[tuple[Artifact, Artifact]]:
    """Return the artifacts of a role that both have, also where one has another file format."""
    found: list[tuple[Artifact, Artifact]] = []
    lone: tuple[dict[str, Artifact], dict[str, Artifact]] = ({}, {})
    for one, other in pairs(arms, [role]):
        if one is not None and other is not None:
            found.append((one, other))
            continue
        for side, item in zip(lone, (one, other), strict=True):
            if item is not None:
                side[_stem(item)] = item
    found += [(lone[0][stem], lone[1][stem]) for stem in lone[0] if stem in lone[1]]
    return sorted(found, key=lambda both: both[1].path)


def _stem(artifact: Artifact) -> str:
    return posixpath.splitext(artifact.path)[0]


def _members(
    files: ArtifactFiles, arms: Sequence[Arm], artifacts: Sequence[Artifact]
) -> Sequence[str]:
    """Return the names of the files that both have; one empty name for a single file."""
    names = []
    for arm, artifact in zip(arms, artifacts, strict=True):
        if not _is_folder(artifact):
            names.append([""])
        else:
            names.append([one.path for one in files.members(arm.run, artifact)])
    shared = set(names[1]).intersection(names[0])
    return sorted(shared)[:_MOST_FILES]


def _is_folder(artifact: Artifact) -> bool:
    return artifact.storage == "dvc" and artifact.digest.endswith(".dir")


def _sources(
    files: ArtifactFiles,
    arm: Arm,
    artifact: Artifact,
    name: str,
    replicates: bool,
    notes: list[str],
) -> tuple[Source, ...]:
    own = _source(files, arm.run, artifact, name, arm.title)
    if own is None:
        path = f"{artifact.path}/{name}" if name else artifact.path
        notes.append(
            f"{path} of {arm.title} isn't on this machine; `gitml exp pull` brings it if a remote "
            "has it."
        )
        return ()
    if not (replicates and arm.replicates):
        return (own,)
    found, room, absent, left = [own], MOST_REPLICATE_BYTES, 0, 0
    for run, same in zip(arm.replicates, _same(arm, artifact), strict=True):
        if same is None:
            continue
        if len(found) >= MOST_RUNS or own.size > room:
            left += 1
            continue
        source = _source(files, run, same, name, run.row.experiment)
        if source is None:
            absent += 1
        elif source.size > room:
            left += 1
        else:
            found.append(source)
            room -= source.size
    notes += _said(arm.title, absent, left)
    return tuple(found)


def _said(title: str, absent: int, left: int) -> list[str]:
    said = []
    for number, why in ((absent, "not on this machine"), (left, "too many, or too large")):
        if number:
            many = "the file of 1 replicate" if number == 1 else f"files of {number:,} replicates"
            said.append(f"Of {title}, {many} left out: {why}.")
    return said


def _same(arm: Arm, artifact: Artifact) -> list[Artifact | None]:
    """Return the same output of each replicate."""
    lined = line_up_artifacts([run.record for run in arm.runs])
    for items in lined.values():
        first = items[0]
        if first is not None and first.path == artifact.path:
            return list(items[1:])
    return [None] * len(arm.replicates)


def _source(
    files: ArtifactFiles, run: Run, artifact: Artifact, name: str, title: str
) -> Source | None:
    member: Member | None = None
    if _is_folder(artifact):
        listed = files.members(run, artifact)
        member = next((one for one in listed if one.path == name), None)
        if member is None:
            return None
    path = files.file(run, artifact, member)
    if path is None:
        return None
    shown = f"{artifact.path}/{name}" if name else artifact.path
    suffix = posixpath.splitext(shown)[1]
    return Source(path, f"{shown} of {title}", suffix, path.stat().st_size)
