"""Comparing experiments; with fewer than two named, with the champion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gitml.comparison.compare import Comparison, compare
from gitml.comparison.metrics import goals_of
from gitml.comparison.replicates import REPEATS, replicates_of
from gitml.comparison.verdicts import Groups, with_verdict
from gitml.errors import NotFoundError
from gitml.experiment.record import Record
from gitml.history.index import Index
from gitml.history.resolve import resolve
from gitml.history.rows import Goals, Progress, Row
from gitml.operations.examples import reader
from gitml.operations.lineage import lineage_leaks
from gitml.operations.reading import Reading, open_reading

if TYPE_CHECKING:
    from gitml.operations.compare_contents import Wanted


def diff(
    start: Path,
    names: Sequence[str] = (),
    *,
    everything: bool = False,
    gate: str | None = None,
    contents: Wanted | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare experiments; of two, with the verdict that their replicates allow.

    None named: the latest with the champion before it. One named: it with the champion of its
    study. The champion comes first, so that changes read as the other's.

    Args:
        start: Folder where the user stands.
        names: Which experiments.
        everything: Also what is equal everywhere.
        gate: `[METRIC[:MARGIN]]`: also say whether the second is worse by more than that.
        contents: Also compare what artifacts hold, and how far to go with it.
        progress: Takes (done, total) while many new experiments or large files are read.

    Raises:
        NotFoundError: if one doesn't exist, or there is nothing to compare it with.
        UsageError: if a name means several, or `gate` can't be judged.
        RecordError: if a record can't be read.
    """
    reading = open_reading(start)
    with reading.index(progress) as index:
        reading.declare_goals(index)
        named = [resolve(reading.repository, index, name, reading.study) for name in names]
        rows, notes = (named, []) if len(named) > 1 else _with_champion(reading, index, named)
        records = [index.record(row.commit) for row in rows]
        rows = [index.find(row.commit) or row for row in rows]
        found = _compared(reading, index, rows, records, everything=everything, notes=notes)
        goals = _goals(index, records)
        groups = _replicates(index, found, rows, records)
        found = _judged(found, records, groups, goals, gate)
        if contents is None:
            return found
        from gitml.operations.compare_contents import arms_of, compare_contents, doubts

        arms = arms_of(index, rows, records, groups)
        held = compare_contents(reading, arms, goals, contents, progress)
        said = doubts(held, arms) if found.comparable else ()
        return msgspec.structs.replace(found, contents=held, notes=(*found.notes, *said))


def _goals(index: Index, records: Sequence[Record]) -> Goals:
    """Return what is better: as declared now, else as recorded."""
    recorded, primary = goals_of(records)
    declared = index.declared
    return Goals(declared.primary or primary, recorded | declared.goals, dict(declared.min_effects))


def _replicates(
    index: Index, found: Comparison, rows: Sequence[Row], records: Sequence[Record]
) -> Groups | None:
    """Return two experiments that can be compared with their replicates, else None."""
    completed = all(record.status == "completed" for record in records)
    if len(rows) != 2 or not found.comparable or not completed or found.level in REPEATS:
        return None
    first = replicates_of(index, rows[0], records[0])
    if any(run.commit == rows[1].commit for run in first.runs):
        return None
    return first, replicates_of(index, rows[1], records[1])


def _judged(
    found: Comparison,
    records: Sequence[Record],
    groups: Groups | None,
    goals: Goals,
    gate: str | None,
) -> Comparison:
    """Return the comparison with the verdict of two, and with the answer of a gate."""
    if gate is not None:
        from gitml.comparison.gate import judge_gate

        answer = judge_gate(found, records, groups, goals, gate)
        found = msgspec.structs.replace(found, gate=answer)
    return found if groups is None else with_verdict(found, records, groups, goals)


def _compared(
    reading: Reading,
    index: Index,
    rows: Sequence[Row],
    records: Sequence[Record],
    *,
    everything: bool,
    notes: Sequence[str],
) -> Comparison:
    """Return the comparison, with what the ids of the examples say about it."""
    read = reader(reading.repository, reading.folder)
    found = compare(
        reading.repository,
        rows,
        records,
        everything=everything,
        notes=notes,
        ids=lambda number: read(rows[number].commit, records[number]),
    )
    said = [
        leak.sentence(row.experiment)
        for row, record in zip(rows, records, strict=True)
        for leak in lineage_leaks(reading.repository, index, record, row.commit, read=read).leaks
    ]
    return msgspec.structs.replace(found, notes=(*found.notes, *said)) if said else found


def _with_champion(
    reading: Reading, index: Index, named: Sequence[Row]
) -> tuple[list[Row], list[str]]:
    """Return the champion and the one experiment in question, and what to say about the choice."""
    if named:
        one = named[0]
        ranked = index.ranked(one.study, 2)
    else:
        one = resolve(reading.repository, index, "latest", reading.study)
        ranked = index.ranked(one.study, 2, before=one.position)
    champion = next((row for row in ranked if row.commit != one.commit), None)
    if champion is not None:
        if ranked[0].commit == one.commit:
            return [champion, one], [
                f"{one.experiment} is the champion of {one.study}; "
                f"{champion.experiment} is the next best."
            ]
        said = f"{champion.experiment} is the champion of {one.study}"
        return [champion, one], [f"{said} before {one.experiment}." if not named else f"{said}."]
    previous = _previous(index, one)
    if previous is None:
        raise NotFoundError(
            f"There is nothing to compare {one.experiment} with in the study {one.study}.",
            hint="Name two experiments: gitml exp diff A B.",
        )
    why = "" if index.goals(one.study).goal else "no primary metric is declared, so "
    return [previous, one], [
        f"No champion is known: {why}{previous.experiment}, "
        f"recorded {'before' if previous.position < one.position else 'after'} it, is shown."
    ]


def _previous(index: Index, one: Row) -> Row | None:
    """Return the readable experiment just before this one on its study, else the one after."""
    rows = [row for row in index.rows(one.study) if not row.problem and row.commit != one.commit]
    before = [row for row in rows if row.position < one.position]
    return before[0] if before else (rows[-1] if rows else None)
