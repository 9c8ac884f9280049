"""The outputs of an experiment, each with what a rerun put in its place."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

import msgspec

from gitml.comparison.reproduction import OutputPair
from gitml.errors import GitmlError, StorageError
from gitml.experiment.record import FOLDER, Record
from gitml.git.objects import read_object
from gitml.git.repository import Repository
from gitml.inputs.code import blob_id
from gitml.operations.plan import Plan
from gitml.operations.rerun_tree import Scene
from gitml.outputs.artifact import Artifact
from gitml.outputs.conversion import Converter
from gitml.outputs.resharding import shard_file
from gitml.outputs.roles import is_event_file
from gitml.outputs.tensor_manifest import TensorSummary, manifest, parse
from gitml.storage.objects import hash_file, hash_folder

# Metrics are compared by value, and no log is the same twice.
_NOT_BY_BYTES = ("metrics", "log")
_DIGITS = re.compile(r"[0-9]+")


def outputs_of(record: Record) -> set[str]:
    """Return the paths that an experiment wrote."""
    return {path for item in record.artifacts for path in (item.path, item.source) if path}


def comparable_outputs(record: Record) -> list[Artifact]:
    """Return the outputs that are compared byte by byte."""
    return [
        item
        for item in record.artifacts
        if item.role not in _NOT_BY_BYTES
        and not item.path.startswith(f"{FOLDER}/")
        and not is_event_file(item.path)
    ]


def pair_outputs(
    user: Repository,
    record: Record,
    commit: str,
    plan: Plan,
    scene: Scene,
    written: Collection[str],
) -> list[OutputPair]:
    """Return each output that is compared by its bytes with what the rerun wrote.

    Args:
        user: The repository with the user's work tree.
        record: Of the experiment.
        commit: Its commit.
        plan: The inputs of the rerun; its interpreter converts pickles.
        scene: Where it ran.
        written: Paths that the rerun wrote.
    """
    interpreter = plan.interpreter
    found = []
    with Converter(Path(interpreter.executable) if interpreter else None) as converter:
        for item in comparable_outputs(record):
            sha256 = user.object_format == "sha256"
            present = _in_its_place(item, record, scene, written)
            digest, files = _digest(present, scene, converter, sha256=sha256)
            pair = OutputPair(item.path, item.role, item.digest, digest)
            if digest and digest != item.digest and item.tensors:
                pair = msgspec.structs.replace(
                    pair,
                    tensors=_recorded_tensors(user, commit, item),
                    rerun_tensors=_tensors(files),
                )
            found.append(pair)
    return found


def _in_its_place(
    item: Artifact, record: Record, scene: Scene, written: Collection[str]
) -> Artifact:
    """Return an output under the path that the rerun gave it.

    A folder that is named after the time, or counted, has another name in every run.
    """
    path = item.source or item.path
    if os.path.lexists(scene.root / path):
        return item
    shape = _without_numbers(path)
    rivals = [one for one in outputs_of(record) if _without_numbers(one) == shape]
    found = [one for one in written if _without_numbers(one) == shape]
    if len(rivals) != 1 or len(found) != 1:
        return item
    if item.source:
        return msgspec.structs.replace(item, source=found[0])
    return msgspec.structs.replace(item, path=found[0])


def _without_numbers(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return _DIGITS.sub("#", folder), name


def _digest(
    item: Artifact, scene: Scene, converter: Converter, *, sha256: bool
) -> tuple[str, list[Path]]:
    """Return the digest of what the rerun wrote in an output's place, and its tensor files.

    It is made the same way as the recorded one. Empty for what was not written.
    """
    path = scene.root / item.path
    try:
        if item.source:
            return _converted(item, scene, converter)
        if item.files or path.is_dir():
            stored = hash_folder(path).digest if path.is_dir() else ""
            return stored, sorted(path.rglob("*.safetensors"))
        if not path.is_file():
            return "", []
        if item.storage == "git":
            return blob_id(path.read_bytes(), sha256=sha256), []
        return hash_file(path).digest, [path] if path.suffix == ".safetensors" else []
    except (OSError, StorageError):
        return "", []


def _converted(item: Artifact, scene: Scene, converter: Converter) -> tuple[str, list[Path]]:
    source = scene.root / item.source
    if not source.is_file():
        return "", []
    if item.source_digest and hash_file(source).digest == item.source_digest:
        return item.digest, []
    target = scene.folder / "staging" / item.path
    if source.suffix == ".safetensors":
        shard_file(source, target)
        return hash_folder(target).digest, sorted(target.glob("*.safetensors"))
    outcome = converter.convert(source, target)
    if not outcome.converted:
        return f"not converted: {outcome.reason}", []
    return hash_folder(target).digest, sorted(target.glob("*.safetensors"))


def _recorded_tensors(user: Repository, commit: str, item: Artifact) -> tuple[TensorSummary, ...]:
    data = read_object(user.git, f"{commit}:{item.tensors}")
    try:
        return tuple(parse(data or b""))
    except GitmlError:
        return ()


def _tensors(files: Collection[Path]) -> tuple[TensorSummary, ...]:
    try:
        return tuple(manifest(files))
    except GitmlError:
        return ()
