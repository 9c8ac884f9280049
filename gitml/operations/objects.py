"""Which objects of DVC storage experiments need."""

from __future__ import annotations

from collections.abc import Iterable

from gitml.errors import StorageError
from gitml.experiment.record import Record
from gitml.storage.objects import holds, members
from gitml.storage.place import Storage


def needed_objects(records: Iterable[Record]) -> dict[str, str]:
    """Return digest → `experiment: path` of everything that experiments keep in DVC storage."""
    needed: dict[str, str] = {}
    for record in records:
        for artifact in record.artifacts:
            if artifact.storage == "dvc":
                needed.setdefault(artifact.digest, f"{record.name}: {artifact.path}")
        for name, item in record.inputs.data.items():
            if item.kind == "dvc" and item.restorable:
                needed.setdefault(item.digest, f"{record.name}: {name}")
    return needed


def missing_objects(storage: Storage, digests: Iterable[str]) -> list[str]:
    """Return the objects that are not in the local cache; a folder counts with its members."""
    return [
        digest
        for digest in dict.fromkeys(digests)
        if not _is_whole(storage, digest, legacy=False)
        and not _is_whole(storage, digest, legacy=True)
    ]


def _is_whole(storage: Storage, digest: str, *, legacy: bool) -> bool:
    if not holds(storage, digest, legacy=legacy):
        return False
    if not digest.endswith(".dir"):
        return True
    try:
        parts = members(storage, digest, legacy=legacy)
    except StorageError:
        return False
    return all(holds(storage, part.digest, legacy=legacy) for part in parts)
