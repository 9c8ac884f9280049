"""`gitml exp list`: the table of experiments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from gitml.inputs.arguments import PREFIX, could_be_output
from gitml.values import Scalar
from gitml.views import values
from gitml.views.experiment_columns import Part, attribute, metric, named, setting, short
from gitml.views.table import FIXED, Cell, Column, Rendered, Table

if TYPE_CHECKING:
    from gitml.history.rows import Row
    from gitml.operations.listing import Active, Listing

_CONSTANTS_SHOWN = 6
_RATES = frozenset(["lr", "rate", "eta", "alpha", "step_size"])


class Listed(msgspec.Struct, frozen=True):
    """The table, and what was left out of it because it is the same in every row."""

    table: Table
    constant: str = ""


def listed(
    rows: Sequence[Row], columns: Sequence[str] = (), *, primary: str = "", everything: bool = False
) -> Listed:
    """Return the table of experiments.

    Args:
        rows: In the order in which they are shown.
        columns: Names that were asked for; without any, the metrics and those settings that
            differ among the rows.
        primary: Name of the primary metric, shown first.
        everything: Also the settings that are the same in every row (for CSV, say).

    Raises:
        UsageError: if a column is asked for that no row has.
    """
    if columns:
        parts = [named(name, rows) for name in columns]
        return Listed(_table(_told_apart(parts), rows))
    differing, constant = _settings(rows)
    shown = [*differing, *constant] if everything else differing
    parts = [*_leading(rows), *_measured(rows, primary), *_set(shown), *_trailing(rows)]
    return Listed(_table(_told_apart(parts), rows), "" if everything else _said(rows, constant))


def active(runs: Sequence[Active]) -> Table:
    """Return the table of runs that aren't recorded yet."""
    rows = tuple(
        (
            run.name,
            run.study,
            Cell(values.age_of(run.started), run.started),
            Cell(run.state, run.state, "strong"),
            _last(run.last),
        )
        for run in runs
    )
    columns = (
        Column("experiment", keep=FIXED),
        Column("study", keep=60),
        Column("started", keep=70),
        Column("state", keep=90),
        Column("last line", keep=50, narrow=16),
    )
    return Table(columns, rows)


def _last(line: str) -> str:
    """Return the last line of a run: what it logged in words, or what it printed."""
    from gitml.errors import RecordError
    from gitml.outputs.history import parse

    try:
        logged = parse(line.encode("utf-8", "replace"))[-1:] if line.startswith("{") else []
    except RecordError:
        logged = []
    if not logged:
        return line
    step = "" if logged[0].step is None else f"step {logged[0].step}: "
    found = (f"{name} {values.scalar(value)}" for name, value in logged[0].values.items())
    return step.rstrip(": ") if not logged[0].values else f"{step}{', '.join(found)}"


def remarks(listing: Listing, found: Listed, rendered: Rendered) -> list[str]:
    """Return what belongs below the table: what was left out, and how to see it."""
    lines = []
    if found.constant:
        lines.append(found.constant)
    if rendered.dropped:
        missing = values.listing(rendered.dropped, 6)
        lines.append(f"no room for: {missing} (--columns chooses, --csv and --json have all)")
    if len(listing.rows) < listing.total:
        lines.append(f"{len(listing.rows):,} of {listing.total:,} experiments")
    return lines


def nothing(listing: Listing) -> str:
    """Return what is said when there is no experiment to show."""
    where = f" on exp/{values.escape(listing.study)}" if listing.study else ""
    if listing.total:
        return f"0 of {listing.total:,} experiments{where}"
    others = {name: count for name, count in listing.studies.items() if name != listing.study}
    counted = listing.studies.get(listing.study, 0) if listing.study else 0
    said = f"No experiment{where} matches." if counted else f"No experiment{where} yet."
    if not others:
        return said if counted else f"{said} `gitml exp run -- COMMAND` records one."
    shown = [f"{name} ({count:,})" for name, count in others.items()]
    return f"{said} Other studies: {values.listing(shown)}; --all shows every one."


def _table(parts: Sequence[Part], rows: Sequence[Row]) -> Table:
    return Table(
        tuple(part.column for part in parts),
        tuple(tuple(part.fill(row) for part in parts) for row in rows),
    )


def _leading(rows: Sequence[Row]) -> list[Part]:
    parts = [attribute("experiment")]
    if len({row.study for row in rows}) > 1:
        parts.append(attribute("study"))
    parts.append(attribute("created"))
    if any(row.status != "completed" for row in rows):
        parts.append(attribute("status"))
    return parts


def _trailing(rows: Sequence[Row]) -> list[Part]:
    parts = []
    if len({row.author for row in rows}) > 1:
        parts.append(attribute("author"))
    if any(row.tags for row in rows):
        parts.append(attribute("tags"))
    return parts


def _measured(rows: Sequence[Row], primary: str) -> list[Part]:
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    names.sort(key=lambda name: name != primary)
    changing = [name for name in names if len(rows) < 2 or not _is_constant(rows, name)]
    keeps = {name: 98 - 3 * min(rank, 25) for rank, name in enumerate(changing)}
    return [metric(name, keep=keeps.get(name, 16)) for name in names]


def _set(names: Sequence[str]) -> list[Part]:
    # Metrics and settings take turns: a table of metrics alone says little.
    return [setting(name, keep=93 - 3 * min(rank, 25)) for rank, name in enumerate(names)]


def _is_constant(rows: Sequence[Row], name: str) -> bool:
    found = {_key(row.metrics.get(name)) for row in rows}
    return len(found) == 1


def _settings(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Return the settings that differ among the rows, and those that don't."""
    known = [row for row in rows if row.complete and not row.problem]
    names = list(dict.fromkeys(name for row in known for name in row.params))
    if len(known) < 2:
        return names, []
    names.sort(key=lambda name: _rank(name, [row.params.get(name) for row in known]))
    missing = object()
    differing: list[str] = []
    constant: list[str] = []
    for name in names:
        found = {_key(row.params.get(name, missing)) for row in known}
        (differing if len(found) > 1 else constant).append(name)
    return differing, constant


def _rank(name: str, found: Sequence[Scalar]) -> int:
    """Return where a setting stands: learning rates first, then seeds and paths last."""
    last = name.rpartition(".")[2].lower().replace("-", "_")
    if last in _RATES or last.endswith(("_lr", "learning_rate")):
        return 0
    if last == "seed" or last.endswith("_seed"):
        return 2
    is_path = any(could_be_output(name, value) for value in found)
    return 3 if is_path and name.startswith(PREFIX) else 1


def _told_apart(parts: Sequence[Part]) -> list[Part]:
    """Return columns of which no two have the same title: `lr` and `args.lr`."""
    found = list(parts)
    for start, left_out in ((f"params.{PREFIX}", "params."), ("", "")):
        count = Counter(part.column.title for part in found)
        found = [
            _titled(part, part.column.key.removeprefix(left_out))
            if count[part.column.title] > 1 and part.column.key.startswith(start)
            else part
            for part in found
        ]
    return found


def _titled(part: Part, title: str) -> Part:
    title = title or part.column.title
    return Part(msgspec.structs.replace(part.column, title=title), part.fill)


def _key(value: object) -> tuple[type, object]:
    return (type(value), value)


def _said(rows: Sequence[Row], constant: Sequence[str]) -> str:
    """Return the note about settings that are the same everywhere."""
    if not constant:
        return ""
    row = next(row for row in rows if row.complete and not row.problem)
    count = Counter(map(short, row.params))
    shown = [
        f"{short(name) if count[short(name)] == 1 else name} {values.scalar(row.params[name])}"
        for name in constant
    ]
    return f"the same in all: {values.listing(shown, _CONSTANTS_SHOWN)}"
