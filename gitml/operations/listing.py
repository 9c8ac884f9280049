"""Listing experiments, and the runs that are going on."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gitml.errors import NotFoundError
from gitml.history.rows import Progress, Row
from gitml.operations.reading import Reading, open_reading

if TYPE_CHECKING:
    from gitml.history.expression import Query
    from gitml.history.ordering import Sort

_TAIL_BYTES = 4096


class Active(msgspec.Struct, frozen=True):
    """A run on this machine that isn't recorded yet.

    Attributes:
        name: Of the experiment that it will be.
        study: Where it will be recorded.
        state: `planned`, `running`, `finished` (being recorded), or `interrupted` when its
            process is gone.
        started: Seconds since the epoch.
        command: The command.
        last: The last line of its history, or of its log.
    """

    name: str
    study: str
    state: str
    started: float
    command: tuple[str, ...]
    last: str = ""


class Listing(msgspec.Struct, frozen=True):
    """Experiments of a study, or of all.

    Attributes:
        study: The study, or empty for all studies.
        rows: Those that were asked for, at most `limit`.
        total: How many there are without the limit.
        active: Runs that aren't recorded yet.
        primary: Name of the primary metric, or empty.
        studies: Every study with its number of experiments.
        problems: Sentences about branches that can't be read.
    """

    study: str
    rows: tuple[Row, ...]
    total: int
    active: tuple[Active, ...] = ()
    primary: str = ""
    studies: dict[str, int] = {}
    problems: tuple[str, ...] = ()


def list_experiments(
    start: Path,
    *,
    study: str = "",
    all_studies: bool = False,
    where: str = "",
    sort: str = "",
    limit: int | None = None,
    hidden: bool = False,
    progress: Progress | None = None,
) -> Listing:
    """Return the experiments of a study, the newest first.

    Args:
        start: Folder where the user stands.
        study: Which study; the branch's own when empty.
        all_studies: Of every study.
        where: Expression that experiments must match.
        sort: Keys such as `-metrics.accuracy,params.lr`.
        limit: At most so many.
        hidden: Also hidden ones.
        progress: Takes (done, total) while many new experiments are read.

    Raises:
        UsageError: if `where` or `sort` make no sense.
        NotFoundError: if a study is named that doesn't exist.
    """
    query: Query | None = None
    keys: tuple[Sort, ...] = ()
    if where:
        from gitml.history.query import parse_query

        query = parse_query(where)
    if sort:
        from gitml.history.ordering import parse_sort

        keys = parse_sort(sort)
    reading = open_reading(start)
    chosen = None if all_studies else reading.named_study(study)
    with reading.index(progress) as index:
        studies = index.studies()
        active = active_runs(reading, chosen)
        if study and chosen not in studies and not active:
            raise unknown_study(study, studies)
        if query is None:
            rows = index.rows(chosen, sort=keys, limit=limit, hidden=hidden)
            total = index.count(chosen, hidden=hidden)
        else:
            found = index.rows(chosen, query, keys, hidden=hidden)
            rows, total = found if limit is None else found[:limit], len(found)
        primary = index.goals(chosen or reading.study).primary
        return Listing(
            study=chosen or "",
            rows=tuple(rows),
            total=total,
            active=active,
            primary=primary,
            studies=studies,
            problems=tuple(index.problems),
        )


def active_runs(reading: Reading, study: str | None = None) -> tuple[Active, ...]:
    """Return the runs on this machine that aren't recorded yet, of one study or of all."""
    runs = reading.repository.state_dir / "runs"
    try:
        if not any(not name.startswith(".") for name in os.listdir(runs)):
            return ()
    except OSError:
        return ()
    from gitml.execution import journal

    found = []
    for entry in journal.entries(runs):
        if study is not None and entry.study != study:
            continue
        state = entry.state
        if state in ("planned", "running") and not journal.alive(entry):
            state = "interrupted"
        last = _last_line(entry.path / "history.jsonl") or _last_line(entry.path / journal.LOG)
        found.append(Active(entry.name, entry.study, state, entry.created, entry.argv, last))
    return tuple(found)


def _last_line(path: Path) -> str:
    """Return the last line of a file that may be growing, without reading all of it."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    # A progress bar overwrites its line: what stands there last counts.
    lines = [line for line in text.replace("\r", "\n").split("\n") if line.strip()]
    return lines[-1].strip() if lines else ""


def unknown_study(study: str, known: Iterable[str]) -> NotFoundError:
    """Return the error that says that there is no such study, with what was meant perhaps."""
    from difflib import get_close_matches

    names = list(known)
    near = get_close_matches(study, names, 3) or names[:5]
    hint = f"There are: {', '.join(near)}." if near else "Nothing is recorded yet."
    return NotFoundError(f"There is no study {study!r}.", hint=hint)
