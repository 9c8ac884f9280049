"""`gitml exp diff`: experiments side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gitml.values import Scalar
from gitml.views import contents, values, verdicts
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table
from gitml.views.values import Tone

if TYPE_CHECKING:
    from gitml.comparison.result import (
        Code,
        Compared,
        Comparison,
        Data,
        Fact,
        Library,
        Metric,
        Output,
        Part,
        Setting,
    )

_BLANK = Cell("")
_WORDS = {True: "better", False: "worse", None: ""}
_HEAD = (
    ("experiment", FIXED),
    ("study", 60),
    ("commit", 90),
    ("recorded", 80),
    ("status", 85),
    ("took", 50),
    ("author", 40),
)


def sections(
    comparison: Comparison, *, width: int = 0, plain: bool = False, everything: bool = False
) -> list[Section]:
    """Return the sections of the sheet; those in which nothing differs are left out.

    Args:
        comparison: What to show.
        width: Columns of the terminal; 0 when nobody looks at one.
        plain: Whether curves and bars are drawn in ASCII.
        everything: Also what is the same in the artifacts, and all rows.
    """
    titles = titles_of(comparison.experiments)
    found = [
        _head(comparison, titles),
        verdicts.section(comparison),
        _metrics(comparison, titles),
        *contents.results(
            comparison.contents, titles, width=width, plain=plain, everything=everything
        ),
        _rows("Settings", titles, map(_setting, comparison.params), "kind"),
        _rows("Libraries", titles, map(_library, comparison.libraries), "step"),
        _rows("Data", titles, map(_data, comparison.data), "change"),
        _rows("Partition", titles, map(_part, comparison.partition), "change"),
        _code(comparison, titles),
        _command(comparison, titles),
        *contents.artifacts(comparison.contents, titles, plain=plain, everything=everything),
        _rows("Artifacts", titles, map(_output, comparison.artifacts), "change"),
        _rows("Environment", titles, map(_fact, comparison.environment)),
    ]
    if not any(section.lines or (section.table and section.table.rows) for section in found[1:]):
        found.append(Section(lines=("Nothing differs.",)))
    return found


def flat(comparison: Comparison) -> Table:
    """Return everything as one table, for CSV."""
    titles = titles_of(comparison.experiments)
    rows: list[tuple[Cell | Scalar, ...]] = [
        ("metrics", row.name, *row.values, row.change, _WORDS[row.better])
        for row in comparison.metrics
    ]
    named = (
        ("params", [(row.name, row.values, None) for row in comparison.params]),
        ("libraries", [(row.name, row.values, row.kind) for row in comparison.libraries]),
        ("data", [(row.name, row.values, row.change) for row in comparison.data]),
        ("partition", [(row.name, row.values, row.change) for row in comparison.partition]),
        ("code", [(row.path, row.values, row.change) for row in comparison.code]),
        ("command", [(row.name, row.values, None) for row in comparison.command]),
        ("artifacts", [(row.path, row.values, row.change) for row in comparison.artifacts]),
        ("environment", [(row.name, row.values, None) for row in comparison.environment]),
    )
    for part, lines in named:
        rows += [(part, name, *found, change, None) for name, found, change in lines]
    columns = ("part", "name", *titles, "change", "better")
    return Table(tuple(Column(title) for title in columns), tuple(rows))


def titles_of(experiments: Sequence[Compared]) -> list[str]:
    """Return the names of the columns: the experiments', told apart where they are the same."""
    names = Counter(item.experiment for item in experiments)
    titles = [
        item.experiment
        if names[item.experiment] == 1
        else f"{item.experiment} {values.commit(item.commit)}"
        for item in experiments
    ]
    again = Counter(titles)
    return [
        title if again[title] == 1 else f"{title} ({number})"
        for number, title in enumerate(titles, 1)
    ]


def _head(comparison: Comparison, titles: Sequence[str]) -> Section:
    rows = tuple(
        (
            title,
            _plain(f"exp/{values.escape(item.study)}"),
            _plain(values.commit(item.commit)),
            Cell(values.age(item.created), item.created, "", values.time(item.created)),
            item.status,
            _plain(values.duration(item.seconds)),
            _plain(f"by {values.escape(item.author)}" if item.author else ""),
        )
        for title, item in zip(titles, comparison.experiments, strict=True)
    )
    columns = tuple(Column(title, keep=keep) for title, keep in _HEAD)
    lines = [values.escape(note) for note in comparison.notes]
    if comparison.level:
        lines.insert(0, f"inputs: {comparison.level}")
    return Section(table=Table(columns, rows, headed=False), lines=tuple(lines))


def _metrics(comparison: Comparison, titles: Sequence[str]) -> Section:
    two = len(titles) == 2
    columns = [Column("metric", keep=FIXED), *_columns(titles)]
    columns += [Column("change", keep=95), Column("", keep=96)] if two else [Column("best")]
    rows: list[tuple[Cell | Scalar, ...]] = []
    for row in comparison.metrics:
        cells = [
            _known(value, gone, "good" if row.best == place and not two else "")
            for place, (value, gone) in enumerate(zip(row.values, row.missing, strict=True))
        ]
        last = _verdict(row) if two else [_plain(_best(row, titles))]
        if two and row.repeated is not None:
            cells = verdicts.cells(row, row.repeated, cells)
            last = verdicts.change(row.repeated)
        rows.append((row.name, *cells, *last))
    return Section("Metrics", Table(tuple(columns), tuple(rows)), verdicts.remarks(comparison))


def _verdict(row: Metric) -> list[Cell]:
    """Return the difference of single runs; without a colour, since it may all be noise."""
    if row.change is None:
        return [_BLANK, _BLANK]
    step = values.change(row.values[0], row.values[1])
    return [Cell(step, row.change), _plain(_WORDS[row.better])]


def _best(row: Metric, titles: Sequence[str]) -> str:
    return "" if row.best is None else values.escape(titles[row.best])


def _rows(
    title: str, titles: Sequence[str], rows: Iterable[tuple[Cell | Scalar, ...]], last: str = ""
) -> Section:
    """Return a section whose rows are a name, one cell an experiment, and perhaps a last word."""
    columns = [Column("name", keep=FIXED, middle=True), *_columns(titles)]
    columns += [Column(last, keep=40)] if last else []
    return Section(title, Table(tuple(columns), tuple(rows)))


def _columns(titles: Sequence[str]) -> list[Column]:
    return [Column(title, keep=90 - min(place, 60)) for place, title in enumerate(titles)]


def _setting(row: Setting) -> tuple[Cell | Scalar, ...]:
    kind = "seed" if row.seed else "" if row.counts else "doesn't count"
    return (row.name, *_texts(row.values, row.missing), _plain(kind))


def _fact(row: Fact) -> tuple[Cell | Scalar, ...]:
    return (row.name, *_texts(row.values, row.missing))


def _command(comparison: Comparison, titles: Sequence[str]) -> Section:
    """Return the commands one below the other and uncut: what differs is often at their ends."""
    shown = [values.escape(title) for title in titles]
    names = max((values.width(row.name) for row in comparison.command), default=0)
    widest = max(map(values.width, shown), default=0)
    lines = []
    for row in comparison.command:
        for place, cell in enumerate(_texts(row.values, row.missing)):
            name = values.escape(row.name) if place == 0 else ""
            gap = " " * (widest - values.width(shown[place]))
            lines.append(f"{name:<{names}}  {shown[place]}{gap}  {cell.text}")
    return Section("Command", lines=tuple(lines))


def _library(row: Library) -> tuple[Cell | Scalar, ...]:
    kind = row.kind if row.imported else f"{row.kind}, not imported"
    return (row.name, *_texts(row.values), _plain(kind))


def _data(row: Data) -> tuple[Cell | Scalar, ...]:
    return (row.name, *_contents(row.values, row.sizes), _plain(row.change))


def _output(row: Output) -> tuple[Cell | Scalar, ...]:
    word = f"{row.change} {row.role}" if row.role != "other" else row.change
    path = _varying([path for path in row.paths if path]) or row.path
    return (path, *_contents(row.values, row.sizes), _plain(word))


def _varying(paths: Sequence[str]) -> str:
    """Return the path that several have in common: `outputs/…/model.pt`."""
    columns = zip(*(path.split("/") for path in paths), strict=True)
    return "/".join(names[0] if len(set(names)) == 1 else values.ELLIPSIS for names in columns)


def _part(row: Part) -> tuple[Cell | Scalar, ...]:
    return (row.name, *row.values, _plain(row.change))


def _code(comparison: Comparison, titles: Sequence[str]) -> Section:
    if len(titles) > 2:
        rows: Iterable[tuple[Cell | Scalar, ...]] = (
            (row.path, *_texts([values.commit(oid or "") or None for oid in row.values]))
            for row in comparison.code
        )
        return _rows("Code", titles, rows)
    lines: tuple[tuple[Cell | Scalar, ...], ...] = tuple(
        (row.path, *_edit(row)) for row in comparison.code
    )
    columns = (
        Column("file", keep=FIXED, middle=True),
        Column("change", keep=90),
        Column("added", keep=80),
        Column("removed", keep=80),
        Column("counts", keep=70),
    )
    return Section("Code", Table(columns, lines, headed=False))


def _edit(row: Code) -> tuple[Cell, ...]:
    binary = row.added is None and row.removed is None
    added, removed = row.added or 0, row.removed or 0
    return (
        _plain(row.change),
        _plain("binary") if binary else Cell(f"+{added}", "", "good" if added else ""),
        _BLANK if binary else Cell(f"-{removed}", "", "bad" if removed else ""),
        _plain("doesn't count" if row.counts is False else ""),
    )


def _known(value: Scalar, missing: bool, tone: Tone = "") -> Cell:
    if missing:
        return Cell(values.MISSING, None)
    return Cell(values.scalar(value), value, tone)


def _texts(found: Sequence[Scalar], missing: Sequence[bool] = ()) -> list[Cell]:
    """Return cells that are aligned as text, since their column mixes types."""
    gone = missing or [value is None for value in found]
    return [
        Cell(values.MISSING, "") if absent else Cell(values.scalar(value), values.precise(value))
        for value, absent in zip(found, gone, strict=True)
    ]


def _contents(digests: Sequence[str | None], sizes: Sequence[int | None]) -> list[Cell]:
    cells = []
    for digest, size in zip(digests, sizes, strict=True):
        if digest is None:
            cells.append(Cell(values.MISSING, ""))
            continue
        short = values.escape(digest.removeprefix("sha256:")[: values.SHORT])
        much = f" ({values.size(size)})" if size else ""
        cells.append(Cell(f"{short}{much}", digest))
    return cells


def _plain(text: str) -> Cell:
    return Cell(text, text)
