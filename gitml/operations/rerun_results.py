"""What a rerun depended on and what came out of it, beside what the experiment has."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from gitml.comparison.reproduction import OutputPair
from gitml.errors import GitmlError, StorageError
from gitml.execution.environment import facts
from gitml.execution.trace import Trace, read_trace
from gitml.experiment.record import FOLDER, Record
from gitml.git.objects import read_object
from gitml.git.repository import Repository
from gitml.history.index import Index
from gitml.inputs import sameness
from gitml.inputs.code import blob_id
from gitml.inputs.difference import Difference
from gitml.inputs.manifest import DataInput, Manifest, PartInput, PartitionInput
from gitml.inputs.partition import LOG_SPLIT
from gitml.inputs.split_file import read_splits
from gitml.operations.inputs_seen import inputs_as_seen
from gitml.operations.measurements import measure
from gitml.operations.plan import Plan, as_it_ran
from gitml.operations.project import Project
from gitml.operations.rerun_tree import Scene
from gitml.operations.written import Question, find_written
from gitml.outputs.artifact import Artifact
from gitml.outputs.conversion import Converter
from gitml.outputs.roles import is_event_file
from gitml.outputs.tensor_manifest import TensorSummary, manifest, parse
from gitml.storage.objects import hash_file, hash_folder
from gitml.values import Scalar

_UNCAPTURED = ("external", "listing")
# Metrics are compared by value, and no log is the same twice.
_DIGITS = re.compile(r"[0-9]+")
_NOT_BY_BYTES = ("metrics", "log")


class Results(msgspec.Struct, frozen=True):
    """What came of the command of a rerun.

    Attributes:
        inputs: What differs of the inputs; what they were in the rerun is `planned` in each.
        facts: About the machine.
        metrics: As measured.
        outputs: Each output of the experiment with what is in its place.
        notes: Sentences that users should see.
    """

    inputs: tuple[Difference, ...]
    facts: dict[str, object]
    metrics: dict[str, Scalar]
    outputs: tuple[OutputPair, ...]
    notes: tuple[str, ...] = ()


def results_of(
    project: Project,
    user: Repository,
    index: Index,
    record: Record,
    commit: str,
    plan: Plan,
    scene: Scene,
    since: int,
    env: Mapping[str, str],
) -> Results:
    """Look at what a rerun read and wrote; nothing is stored.

    Args:
        project: The experiment's project in the work tree of the rerun.
        user: The repository with the user's work tree.
        index: What is recorded.
        record: Of the experiment.
        commit: Its commit.
        plan: The inputs of the rerun as far as they were known before.
        scene: Where it ran.
        since: Change time (nanoseconds) of a file made just before it started.
        env: The environment that it had.
    """
    trace = read_trace(scene.trace)
    plan = as_it_ran(project, plan, trace)
    own = outputs_of(record)
    known = (own | index.output_paths()) - record.inputs.data.keys()
    question = Question(
        root=scene.root,
        since=since,
        isolated=True,
        shared=False,
        snapshot=frozenset(entry.path for entry in plan.entries),
        not_outputs=frozenset([*plan.params_files, *_inside(plan.data)]),
        known_outputs=frozenset(known),
        folder=project.folder,
    )
    written = find_written(project.repository, question, project.config.outputs, trace)
    measured = measure(scene.root, project.folder, project.config, written.outputs, scene.log)
    notes: tuple[str, ...] = measured.warnings
    inputs: list[Difference] = []
    try:
        seen = inputs_as_seen(
            project, index, plan, scene.root, trace, written, known, since
        ).manifest
        seen = msgspec.structs.replace(seen, partition=_partition(scene, seen))
        inputs = compare_inputs(record, _as_in(user, scene.root, seen))
    except GitmlError as error:
        notes = (*notes, f"What the rerun read could not be compared: {error.message}")
    inputs += _read_elsewhere(user, scene.root, trace)
    return Results(
        inputs=tuple(inputs),
        facts=facts(trace, env),
        metrics=measured.metrics,
        outputs=tuple(_pairs(project, user, record, commit, plan, scene, written.outputs)),
        notes=notes,
    )


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


def compare_inputs(record: Record, rerun: Manifest) -> list[Difference]:
    """Return what differs of the inputs: Python and libraries first, then code, data, settings.

    The files themselves are the experiment's, so of the code it only says what was reached.
    """
    recorded = record.inputs
    found = sameness.compare_libraries(recorded.libraries, rerun.libraries)
    if recorded.code.observed and rerun.code.observed:
        found += _reached(recorded, rerun)
    found += sameness.compare_data(_captured(recorded.data), _captured(rerun.data))
    found += sameness.compare_partition(recorded.partition, rerun.partition)
    then = {name: value for name, value in recorded.settings.items() if _compared(name, recorded)}
    now = {name: value for name, value in rerun.settings.items() if _compared(name, recorded)}
    return found + sameness.compare_settings(then, now)


def _compared(name: str, recorded: Manifest) -> bool:
    return name not in recorded.masked and not name.startswith("args.")


def _reached(recorded: Manifest, rerun: Manifest) -> list[Difference]:
    one, other = recorded.code, rerun.code
    found = sameness.compare_manifest_code(
        msgspec.structs.replace(one, others=""), msgspec.structs.replace(other, others="")
    )
    return [item for item in found if item.counts]


def _captured(data: Mapping[str, DataInput]) -> dict[str, DataInput]:
    return {name: item for name, item in data.items() if item.kind not in _UNCAPTURED}


def _inside(names: Iterable[str]) -> list[str]:
    return [name for name in names if not os.path.isabs(name)]


def _as_in(user: Repository, root: Path, seen: Manifest) -> Manifest:
    """Return a manifest in which files of either work tree have their path from its root."""

    def renamed(path: str) -> str:
        for top in (root, user.root):
            if path.startswith(f"{top}{os.sep}"):
                return path[len(str(top)) + 1 :]
        return path

    # A linked file is there under both of its names; its own comes last, and holds.
    ordered = sorted(seen.data.items(), key=lambda pair: not os.path.isabs(pair[0]))
    data = {renamed(name): item for name, item in ordered}
    return msgspec.structs.replace(seen, data=data)


def _partition(scene: Scene, seen: Manifest) -> PartitionInput:
    """Return the partition of the rerun: the declared one, else what it logged."""
    splits = read_splits(scene.folder)
    if seen.partition.source or not splits:
        return seen.partition
    parts = {
        name: PartInput(part.size, part.digest, part.groups, part.content)
        for split in splits
        for name, part in split.parts.items()
    }
    return PartitionInput(source=LOG_SPLIT, parts=parts)


def _read_elsewhere(user: Repository, root: Path, trace: Trace) -> list[Difference]:
    """Return the modules that came from the user's work tree instead of the experiment's."""
    top, own = f"{user.root}{os.sep}", f"{root}{os.sep}"
    found = [
        path[len(top) :]
        for path in sorted(trace.modules)
        if path.startswith(top) and not path.startswith((own, f"{user.common_dir}{os.sep}"))
    ]
    return [
        Difference("code", path, "of the experiment", "of your work tree") for path in found[:3]
    ]


def _pairs(
    project: Project,
    user: Repository,
    record: Record,
    commit: str,
    plan: Plan,
    scene: Scene,
    written: Collection[str],
) -> list[OutputPair]:
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
