"""Two or more experiments become one Comparison."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gitml.comparison.code import compare_code
from gitml.comparison.data import compare_artifacts, compare_data, compare_partition
from gitml.comparison.libraries import compare_libraries
from gitml.comparison.metrics import compare_metrics
from gitml.comparison.partition import Lookup, comparability, not_here
from gitml.comparison.result import Compared, Comparison, Metric
from gitml.comparison.settings import compare_command, compare_environment, compare_params
from gitml.errors import UsageError
from gitml.experiment.record import Record
from gitml.git.repository import Repository
from gitml.history.rows import Row
from gitml.inputs.sameness import compare_level

__all__ = ["Comparison", "compare"]


def compare(
    repository: Repository,
    rows: Sequence[Row],
    records: Sequence[Record],
    *,
    everything: bool = False,
    notes: Sequence[str] = (),
    ids: Lookup = not_here,
) -> Comparison:
    """Return experiments side by side.

    Args:
        repository: Where they are recorded.
        rows: At least two; the first is what the others are compared with.
        records: Their records, in the same order.
        everything: Also what is equal everywhere.
        notes: Sentences to begin the notes with.
        ids: The ids in the parts of each, by its number, where they are known.

    Raises:
        UsageError: for fewer than two.
        GitFailed: if a commit can't be read.
    """
    if len(rows) < 2:
        raise UsageError("A comparison needs at least two experiments.")
    titles = [row.experiment for row in rows]
    comparable, about_data = comparability(records, titles, ids)
    metrics = compare_metrics(records, everything=everything)
    level = compare_level(records[0].inputs, records[1].inputs) if len(rows) == 2 else ""
    return Comparison(
        experiments=tuple(map(_compared, rows, records)),
        comparable=comparable,
        level=level,
        notes=(*notes, *about_data, *_notes(rows, records, level)),
        metrics=metrics if comparable else tuple(map(_without_verdict, metrics)),
        params=compare_params(records, everything=everything),
        libraries=compare_libraries(records, everything=everything),
        data=compare_data(records, everything=everything),
        code=compare_code(repository, [row.commit for row in rows], records),
        command=compare_command(records, everything=everything),
        partition=compare_partition(records, everything=everything),
        environment=compare_environment(records, everything=everything),
        artifacts=compare_artifacts(records, everything=everything),
    )


def _without_verdict(metric: Metric) -> Metric:
    """Return a metric that was measured on different examples: nothing is better."""
    return msgspec.structs.replace(metric, better=None, best=None)


def _compared(row: Row, record: Record) -> Compared:
    return Compared(
        experiment=row.experiment,
        commit=row.commit,
        study=row.study,
        status=row.status,
        created=row.created,
        author=row.author,
        seconds=record.seconds,
    )


def _notes(rows: Sequence[Row], records: Sequence[Record], level: str) -> list[str]:
    notes = []
    if len({row.commit for row in rows}) == 1:
        return ["This is one experiment, compared with itself."]
    for row, record in zip(rows, records, strict=True):
        if record.status == "failed":
            notes.append(f"{row.experiment} failed, so its metrics may not be final.")
        if record.changed:
            changed = ", ".join(record.changed[:3])
            notes.append(f"Inputs of {row.experiment} changed while it ran: {changed}.")
    differ = records[0].metrics != records[-1].metrics
    noise = ", so what differs in metrics is noise" if differ else ""
    if level == "replicate":
        notes.append(f"They differ in seeds only{noise}.")
    elif level in ("identical", "equivalent"):
        notes.append(f"Their inputs are the same{noise}.")
    return notes
