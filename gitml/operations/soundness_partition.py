"""Is a partition what its files say, and was nothing trained on that tests?"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from gitml.errors import ConfigError, PartitionError
from gitml.experiment.record import PARTITION_PATH
from gitml.git.repository import Repository
from gitml.history.index import Index
from gitml.inputs.examples import ids_digest, overlaps, some
from gitml.inputs.manifest import PartInput, PartitionInput
from gitml.inputs.partition import LOG_SPLIT, read_partition
from gitml.inputs.split_file import parse
from gitml.operations.examples import Reader
from gitml.operations.lineage import lineage_leaks
from gitml.operations.soundness import Contents, Evidence, Problem, content_of, name_of

# A longer list of ids would take longer to read than anybody waits for a check.
_LARGEST = 64_000_000


def check_partition(evidence: Evidence, contents: Contents) -> Iterator[Problem]:
    """Yield parts that are empty, or that the partition's file doesn't have like that."""
    partition = evidence.record.inputs.partition
    for name, part in partition.parts.items():
        if part.count <= 0:
            yield _wrong(f"The part {name_of(name)} is empty.")
    named = evidence.config.partition
    if partition.source == LOG_SPLIT:
        yield from _logged(evidence, partition, contents)
    elif named and partition.source in ("", named):
        yield from _declared(evidence, named, partition, contents)


def check_lineage(
    repository: Repository, index: Index, evidence: Evidence, folder: str, read: Reader
) -> Iterator[Problem]:
    """Yield test examples that the weights which a run started from were trained on.

    Args:
        repository: Where.
        index: What is recorded.
        evidence: The experiment.
        folder: The project's folder in the repository.
        read: How ids are read; see `gitml.operations.examples.reader`.
    """
    record, commit = evidence.record, evidence.commit.oid
    found = lineage_leaks(repository, index, record, commit, folder=folder, read=read)
    for leak in found.leaks:
        yield _wrong(leak.sentence(record.name))


def _wrong(message: str) -> Problem:
    return Problem("partition", "error", message)


def _declared(
    evidence: Evidence, named: str, partition: PartitionInput, contents: Contents
) -> Iterator[Problem]:
    path = posixpath.join(evidence.record.project, named)
    data = content_of(path, evidence.entries, contents)
    if not data or len(data) > _LARGEST:
        return
    try:
        found = read_partition(data, named)
    except ConfigError as error:
        yield _wrong(f"In the commit: {error.message}")
        return
    if found.parts != partition.parts:
        yield _wrong(f"The parts in {name_of(named)} are not those in the record.")
    elif found.rows != partition.rows:
        yield _wrong(f"{name_of(named)} in the commit is not what was read.")


def _logged(evidence: Evidence, partition: PartitionInput, contents: Contents) -> Iterator[Problem]:
    """Yield what is wrong with the list of ids that a run logged."""
    if PARTITION_PATH not in evidence.entries:
        if not any(item.path == PARTITION_PATH for item in evidence.record.artifacts):
            yield _wrong(f"The commit has no {PARTITION_PATH}, the list of what is in which part.")
        return
    data = content_of(PARTITION_PATH, evidence.entries, contents)
    if len(data) > _LARGEST:
        return
    try:
        parts = parse(data)
    except PartitionError as error:
        yield _wrong(f"{PARTITION_PATH} can't be read: {error.message}")
        return
    if not _same(parts, partition.parts):
        yield _wrong(f"The parts in {PARTITION_PATH} are not those in the record.")
    for one, other, shared in overlaps(parts):
        yield _wrong(f"{some(shared)} in both {name_of(one)} and {name_of(other)}.")


def _same(found: Mapping[str, set[str]], recorded: Mapping[str, PartInput]) -> bool:
    return found.keys() == recorded.keys() and all(
        len(ids) == recorded[name].count and ids_digest(ids) == recorded[name].digest
        for name, ids in found.items()
    )
