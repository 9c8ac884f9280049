"""Downloading what experiments keep in DVC storage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gitml.experiment.record import Record
from gitml.operations.objects import missing_objects

if TYPE_CHECKING:
    from gitml.history.rows import Progress
    from gitml.operations.artifact_files import Arm
    from gitml.operations.reading import Reading
    from gitml.storage.place import Storage

_COMPARED = frozenset({"history", "plot", "predictions", "importance", "explanation", "other"})


def fetch_objects(
    storage: Storage | None,
    needed: Mapping[str, str],
    notes: list[str],
    *,
    quarantine: Path,
    progress: Progress | None = None,
) -> int:
    """Download the objects that aren't on this machine, and say in `notes` what can't be.

    Args:
        storage: Where to; None where DVC isn't set up.
        needed: Digest → `experiment: path`.
        notes: Sentences that users should see are added.
        quarantine: A folder for what arrives corrupt.
        progress: Takes (done, total).

    Returns:
        How many arrived.
    """
    if not needed:
        return 0
    if storage is None:
        notes.append("The artifacts were not fetched: DVC isn't set up here (gitml init).")
        return 0
    missing = missing_objects(storage, needed)
    if not missing:
        return 0
    from gitml.storage.remotes import default_remote
    from gitml.storage.remotes import pull as fetch

    if default_remote(storage) is None:
        notes.append("The artifacts were not fetched: there is no DVC remote (dvc remote add).")
        return 0
    moved = fetch(storage, missing, quarantine=quarantine, progress=progress)
    sent, failed = moved.sent, moved.failed
    if failed:  # data that DVC 2 tracked lies elsewhere, here and on the remote
        older = fetch(storage, failed, quarantine=quarantine, progress=progress, legacy=True)
        sent, failed = sent + older.sent, older.failed
    for digest in failed:
        notes.append(f"Not on the remote: {needed.get(digest, digest)} ({digest}).")
    return sent


def download_artifacts(
    reading: Reading, arms: Sequence[Arm], *, weights: bool, progress: Progress | None = None
) -> list[str]:
    """Download what a comparison of experiments reads; return what to say about it.

    Args:
        reading: Where they are recorded.
        arms: The experiments with their replicates.
        weights: Whether the weights of the experiments themselves are read.
        progress: Takes (done, total).
    """
    from gitml.operations.examples import storage_of

    roles = _COMPARED | {"weights"} if weights else _COMPARED
    needed = _artifacts((arm.run.record for arm in arms), roles)
    replicates = (run.record for arm in arms for run in arm.replicates)
    needed = {**_artifacts(replicates, _COMPARED - {"plot", "other"}), **needed}
    notes: list[str] = []
    fetch_objects(
        storage_of(reading.repository, reading.folder),
        needed,
        notes,
        quarantine=reading.repository.state_dir / "bad",
        progress=progress,
    )
    return notes


def _artifacts(records: Iterable[Record], roles: frozenset[str]) -> dict[str, str]:
    return {
        item.digest: f"{record.name}: {item.path}"
        for record in records
        for item in record.artifacts
        if item.storage == "dvc" and item.role in roles
    }
