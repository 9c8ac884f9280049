"""What experiments need of DVC storage: which object, as which output or data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from gitml.experiment.record import Record
from gitml.history.rows import Row
from gitml.storage.paths import is_digest

DATA = "data"


class Need(msgspec.Struct, frozen=True):
    """One object that one experiment needs.

    Attributes:
        digest: The object.
        path: Of the output or the data, from the repository's root.
        role: Of the output, or `data`.
        size: Its bytes, where they are known: those of a folder are its files'.
        experiment: Name of the experiment.
        commit: Its commit.
        study: Its study.
        began: When it ran, seconds since the epoch.
    """

    digest: str
    path: str
    role: str
    size: int
    experiment: str
    commit: str
    study: str
    began: float = 0.0

    @property
    def expected(self) -> int | None:
        """The bytes of the object itself, or None where they aren't known."""
        return self.size if self.size > 0 and not self.digest.endswith(".dir") else None


def needs_of(row: Row, record: Record) -> list[Need]:
    """Return what an experiment keeps in DVC storage; data that is known by hash only is left out.

    Digests that are none are left out: what is wrong with a record is found elsewhere.
    """
    items = [
        (artifact.digest, artifact.path, str(artifact.role), artifact.size)
        for artifact in record.artifacts
        if artifact.storage == "dvc"
    ]
    items += [
        (item.digest, name, DATA, item.size)
        for name, item in record.inputs.data.items()
        if item.kind == "dvc" and item.restorable
    ]
    return [
        Need(digest, path, role, size, row.experiment, row.commit, row.study, row.started)
        for digest, path, role, size in items
        if is_digest(digest)
    ]


def by_digest(needs: Iterable[Need]) -> dict[str, list[Need]]:
    """Return digest → the needs for it, in their order."""
    found: dict[str, list[Need]] = {}
    for need in needs:
        found.setdefault(need.digest, []).append(need)
    return found


def agreed_size(needs: Iterable[Need]) -> int | None:
    """Return the bytes that all needs for an object agree on, else None."""
    sizes = {need.expected for need in needs}
    return sizes.pop() if len(sizes) == 1 else None


def newest(needs: Iterable[Need]) -> float:
    """Return when the newest of the experiments ran that need an object."""
    return max((need.began for need in needs), default=0.0)


def with_members(
    uses: Mapping[str, list[Need]], members: Mapping[str, Iterable[str]]
) -> dict[str, list[Need]]:
    """Return digest → needs, with the files of folders needed by whoever needs the folder.

    Files that are in the same folders have one and the same list: a folder of 100,000 files that
    1,000 experiments need must not become 100,000,000 entries.
    """
    folders: dict[str, list[str]] = {digest: [digest] for digest in uses}
    for folder, files in members.items():
        for digest in files:
            folders.setdefault(digest, []).append(folder)
    merged: dict[tuple[str, ...], list[Need]] = {}
    found: dict[str, list[Need]] = {}
    for digest, named in folders.items():
        key = tuple(named)
        if key not in merged:
            merged[key] = list(dict.fromkeys(need for one in key for need in uses.get(one, ())))
        found[digest] = merged[key]
    return found
