"""The partition of a run that ended: declared or logged, and what it says about earlier runs."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gitml.errors import PartitionError
from gitml.execution.journal import Entry
from gitml.experiment.record import PARTITION_PATH
from gitml.history.index import Index
from gitml.inputs.manifest import PartInput, PartitionInput
from gitml.inputs.partition import LOG_SPLIT
from gitml.inputs.split_file import Logged, merge, read_splits
from gitml.operations.inputs_seen import Seen
from gitml.operations.pending import Run
from gitml.operations.project import Project


def with_partition(
    project: Project, index: Index, entry: Entry, run: Run, seen: Seen
) -> tuple[Seen, dict[str, bytes]]:
    """Return what a run depended on with its partition, and the list of ids for its tree.

    A declared partition file wins over what the run logged, and stays the only list. Sentences
    about test examples that an ancestor or the nearest experiment was trained on become warnings.

    Args:
        project: Where.
        index: What was recorded before.
        entry: The run in the journal.
        run: Its plan.
        seen: What it was seen to depend on.
    """
    declared = run.plan.partition
    logged = _logged(entry, declared)
    partition = logged.partition or declared
    seen = _replaced(seen, partition, logged.warnings)
    if not partition.parts:
        return seen, {}
    from gitml.operations.partition_leaks import about_others

    about = about_others(project, index, run, seen, logged.text)
    texts = {PARTITION_PATH: logged.text} if logged.text else {}
    return _replaced(seen, partition, about), texts


class _FromRun(msgspec.Struct, frozen=True):
    """What a run logged.

    Attributes:
        partition: To be recorded; None when there is none, or a declared file wins.
        text: The list of its ids.
        warnings: Sentences that users should see.
    """

    partition: PartitionInput | None = None
    text: bytes = b""
    warnings: tuple[str, ...] = ()


def _replaced(seen: Seen, partition: PartitionInput, warnings: Iterable[str]) -> Seen:
    manifest = msgspec.structs.replace(seen.manifest, partition=partition)
    return msgspec.structs.replace(seen, manifest=manifest, warnings=(*seen.warnings, *warnings))


def _logged(entry: Entry, declared: PartitionInput) -> _FromRun:
    try:
        splits = read_splits(entry.path)
        text = merge(splits) if splits and not declared.source else b""
    except PartitionError as error:
        return _FromRun(warnings=(f"{error.message} {error.hint}",))
    warnings = tuple(sentence for one in splits for sentence in one.warnings)
    if not splits:
        return _FromRun()
    if declared.source:
        return _FromRun(warnings=(*warnings, *_conflict(splits, declared)))
    return _FromRun(_joined(splits), text, warnings)


def _conflict(splits: list[Logged], declared: PartitionInput) -> list[str]:
    """Return what to say if a run logged another split than the declared one."""
    parts = {name: part.digest for one in splits for name, part in one.parts.items()}
    known = {name: part.digest for name, part in declared.parts.items()}
    differing = [name for name in {**known, **parts} if parts.get(name) != known.get(name)]
    if not differing:
        return []
    return [
        f"The split that the run logged differs from {declared.source} in "
        f"{', '.join(differing)}; gitml.yaml declares that file, so it is what is recorded."
    ]


def _joined(splits: list[Logged]) -> PartitionInput:
    """Return all splits of a run as one partition; how they were made, if they agree on it."""
    methods = {one.method for one in splits}
    seeds = {repr(one.seed): one.seed for one in splits}
    return PartitionInput(
        source=LOG_SPLIT,
        method=splits[0].method if len(methods) == 1 else "",
        seed=splits[0].seed if len(seeds) == 1 else None,
        parts={
            name: PartInput(part.size, part.digest, part.groups, part.content)
            for one in splits
            for name, part in one.parts.items()
        },
    )
