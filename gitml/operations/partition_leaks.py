"""Test examples of a run that were trained on elsewhere: by an ancestor, or by the nearest one."""

from __future__ import annotations

from collections.abc import Callable

from gitml.comparison.examples import partition_ids
from gitml.comparison.partition import leaked, same_examples
from gitml.errors import GitmlError
from gitml.experiment.record import Nearest
from gitml.history.index import Index
from gitml.inputs.examples import Parts
from gitml.inputs.split_file import parse
from gitml.operations.examples import Reader, reader
from gitml.operations.inputs_seen import Seen
from gitml.operations.lineage import leaks_of
from gitml.operations.pending import Run
from gitml.operations.project import Project


def about_others(project: Project, index: Index, run: Run, seen: Seen, text: bytes) -> list[str]:
    """Return sentences about test examples that were trained on elsewhere.

    Args:
        project: Where.
        index: What was recorded before.
        run: Its plan.
        seen: What it depended on, with its partition.
        text: The list of ids that it logged; empty where a file declares the partition.
    """
    nearest = run.nearest
    if not seen.init_from and nearest is None:
        return []
    read = reader(project.repository, project.folder)
    own: list[Parts | None] = []

    def ids() -> Parts | None:
        if not own:
            own.append(parse(text) if text else _declared_ids(project, run, seen))
        return own[0]

    said = []
    if seen.init_from:
        lineage = leaks_of(index, ids(), seen.manifest, seen.init_from, read)
        said += [leak.sentence() for leak in lineage.leaks]
    if nearest is not None:
        said += _drift(index, seen, nearest, ids, read)
    return said


def _drift(
    index: Index,
    seen: Seen,
    nearest: Nearest,
    ids: Callable[[], Parts | None],
    read: Reader,
) -> list[str]:
    """Return what to say if this run trained on what the nearest experiment was tested on."""
    try:
        record = index.record(nearest.commit)
    except GitmlError:
        return []
    then, now = record.inputs.partition.parts, seen.manifest.partition.parts
    if not then or {n: p.digest for n, p in then.items()} == {n: p.digest for n, p in now.items()}:
        return []
    tested = read(nearest.commit, record)
    trained = ids() if tested is not None else None
    if tested is None or trained is None:
        return []
    shared, count = leaked(tested, trained)
    if not shared or not same_examples(record, seen.manifest, shared):
        return []
    share = f"{100 * len(shared) / count:.0f} %"
    return [
        f"{'Less than 1 %' if share == '0 %' else share} of the test examples of "
        f"{nearest.experiment} are in train now ({len(shared):,} of {count:,})."
    ]


def _declared_ids(project: Project, run: Run, seen: Seen) -> Parts | None:
    return partition_ids(
        project.repository,
        run.plan.snapshot.tree,
        seen.manifest,
        project=project.folder,
        storage=project.storage,
    )
