"""The ids in each part of a recorded partition, as far as they can be read without fetching."""

from __future__ import annotations

import os
from collections.abc import Iterable

from gitml.errors import GitmlError
from gitml.experiment.record import PARTITION_PATH, Record
from gitml.git.objects import ObjectReader
from gitml.git.repository import Repository
from gitml.inputs.examples import Parts, ids_digest
from gitml.inputs.manifest import Manifest
from gitml.inputs.partition import LOG_SPLIT, ids_in
from gitml.inputs.split_file import parse
from gitml.outputs.artifact import Artifact
from gitml.storage.cache import holds, object_path
from gitml.storage.objects import members
from gitml.storage.place import Storage

_LARGEST = 1 << 30


def ids_of(
    repository: Repository, commit: str, record: Record, storage: Storage | None
) -> Parts | None:
    """Return the ids per part of a recorded experiment; see `partition_ids`."""
    return partition_ids(
        repository,
        commit,
        record.inputs,
        project=record.project,
        artifacts=record.artifacts,
        storage=storage,
    )


def partition_ids(
    repository: Repository,
    treeish: str,
    inputs: Manifest,
    *,
    project: str = "",
    artifacts: Iterable[Artifact] = (),
    storage: Storage | None = None,
) -> Parts | None:
    """Return the ids in each part of a partition, from its file in a tree or in the DVC cache.

    Args:
        repository: Where.
        treeish: The experiment's commit, or any tree that has the file.
        inputs: The manifest; its partition says what the ids must add up to.
        project: The project's folder in the repository.
        artifacts: Outputs of the experiment; a long list of ids is one of them.
        storage: DVC storage, for what isn't in Git; None where there is none.

    Returns:
        Part → ids. None when there is no partition, when its file isn't on this machine (nothing
        is fetched), or when that doesn't hold what the manifest says.
    """
    partition = inputs.partition
    if not partition.parts:
        return None
    logged = partition.source == LOG_SPLIT
    path = PARTITION_PATH if logged else os.path.normpath(os.path.join(project, partition.source))
    if path.startswith(("../", "/")):
        return None
    data = _stored(path, inputs, artifacts, storage)
    if data is None:
        data = _committed(repository, f"{treeish}:{path}")
    if data is None:
        return None
    try:
        found = parse(data) if logged else ids_in(data, partition.source)
    except GitmlError:
        return None
    sound = found.keys() == partition.parts.keys() and all(
        len(found[name]) == part.count and ids_digest(found[name]) == part.digest
        for name, part in partition.parts.items()
    )
    return found if sound else None


def _committed(repository: Repository, name: str) -> bytes | None:
    try:
        with ObjectReader(repository.git, offline=True) as reader:
            return reader.read(name)
    except GitmlError:
        return None


def _stored(
    path: str, inputs: Manifest, artifacts: Iterable[Artifact], storage: Storage | None
) -> bytes | None:
    """Return the file's bytes if DVC's cache has them."""
    if storage is None:
        return None
    digests = [item.digest for item in artifacts if item.path == path and item.storage == "dvc"]
    for name, item in inputs.data.items():
        if item.kind != "dvc":
            continue
        if name == path:
            digests.append(item.digest)
        elif path.startswith(f"{name}/") and item.digest.endswith(".dir"):
            digests += _member(storage, item.digest, path[len(name) + 1 :])
    for digest in digests:
        data = _object(storage, digest)
        if data is not None:
            return data
    return None


def _member(storage: Storage, folder: str, path: str) -> list[str]:
    """Return the digest of a file of a stored folder, if the folder's list is here."""
    for legacy in (False, True):
        try:
            if holds(storage, folder, legacy=legacy):
                files = members(storage, folder, legacy=legacy)
                return [member.digest for member in files if member.path == path]
        except GitmlError:
            continue
    return []


def _object(storage: Storage, digest: str) -> bytes | None:
    for legacy in (False, True):
        try:
            place = object_path(storage, digest, legacy=legacy)
            if place.stat().st_size <= _LARGEST:
                return place.read_bytes()
        except (GitmlError, OSError):
            continue
    return None
