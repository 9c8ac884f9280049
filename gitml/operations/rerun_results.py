"""What a rerun depended on and what came out of it, beside what the experiment has."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from gitml.comparison.reproduction import OutputPair
from gitml.errors import GitmlError
from gitml.execution.environment import facts
from gitml.execution.trace import Trace, read_trace
from gitml.experiment.record import Record
from gitml.git.repository import Repository
from gitml.history.index import Index
from gitml.inputs import sameness
from gitml.inputs.difference import Difference
from gitml.inputs.manifest import DataInput, Manifest, PartInput, PartitionInput
from gitml.inputs.partition import LOG_SPLIT
from gitml.inputs.split_file import read_splits
from gitml.operations.inputs_seen import inputs_as_seen
from gitml.operations.measurements import measure
from gitml.operations.plan import Plan, as_it_ran
from gitml.operations.project import Project
from gitml.operations.rerun_outputs import outputs_of, pair_outputs
from gitml.operations.rerun_tree import Scene
from gitml.operations.written import Question, find_written
from gitml.values import Scalar

_UNCAPTURED = ("external", "listing")


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
        outputs=tuple(pair_outputs(user, record, commit, plan, scene, written.outputs)),
        notes=notes,
    )


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
