"""Comparing experiments; with fewer than two named, with the champion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from gitml.comparison.compare import Comparison, compare
from gitml.errors import NotFoundError
from gitml.experiment.record import Record
from gitml.history.index import Index
from gitml.history.resolve import resolve
from gitml.history.rows import Progress, Row
from gitml.operations.examples import reader
from gitml.operations.lineage import lineage_leaks
from gitml.operations.reading import Reading, open_reading


def diff(
    start: Path,
    names: Sequence[str] = (),
    *,
    everything: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Compare experiments.

    None named: the latest with the champion before it. One named: it with the champion of its
    study. The champion comes first, so that changes read as the other's.

    Args:
        start: Folder where the user stands.
        names: Which experiments.
        everything: Also what is equal everywhere.
        progress: Takes (done, total) while many new experiments are read.

    Raises:
        NotFoundError: if one doesn't exist, or there is nothing to compare it with.
        UsageError: if a name means several.
        RecordError: if a record can't be read.
    """
    reading = open_reading(start)
    with reading.index(progress) as index:
        reading.declare_goals(index)
        named = [resolve(reading.repository, index, name, reading.study) for name in names]
        rows, notes = (named, []) if len(named) > 1 else _with_champion(reading, index, named)
        records = [index.record(row.commit) for row in rows]
        rows = [index.find(row.commit) or row for row in rows]
        return _compared(reading, index, rows, records, everything=everything, notes=notes)


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
