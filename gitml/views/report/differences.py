"""What differs between experiments: at a glance, and in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from gitml.views import comparison as sheet_of
from gitml.views import values
from gitml.views.report.markup import Child, Markup, join, tag
from gitml.views.report.page import Section
from gitml.views.report.sides import name
from gitml.views.report.tables import from_sheet

if TYPE_CHECKING:
    from gitml.comparison.result import Comparison
    from gitml.views.sheet import Section as Sheet

_SHOWN = 8
_OPEN_ROWS = 12
_DETAILS = ("Settings", "Libraries", "Data", "Partition", "Code", "Environment")
_LONG_VALUE, _LONG_NAME = 40, 80


def section(comparison: Comparison, titles: Sequence[str]) -> Section:
    """Return what differs; a sentence when nothing does."""
    facts = _facts(comparison) if len(titles) == 2 else []
    tables = _tables(comparison, titles, opened=not facts)
    if not facts and not tables:
        return Section("differences", "What differs", tag("p", "Nothing that was recorded."))
    glance = tag("dl", *facts, class_="facts") if facts else None
    folded = tag("div", *tables, class_="folded") if tables else None
    return Section("differences", "What differs", join([glance, folded]))


def artifacts(comparison: Comparison, titles: Sequence[str]) -> Section:
    """Return the table of artifacts; empty when they are all the same."""
    found = _sheet(comparison).get("Artifacts")
    body = Markup()
    if found is not None and found.table is not None and found.table.rows:
        body = from_sheet("Artifacts", found.table, titles)
    return Section("artifacts", "Artifacts", body)


def _sheet(comparison: Comparison) -> dict[str, Sheet]:
    """Return the sections that the terminal has, without contents, which are shown otherwise."""
    bare = msgspec.structs.replace(comparison, contents=None)
    return {part.title: part for part in sheet_of.sections(bare)}


def _facts(comparison: Comparison) -> list[Markup]:
    rows = [
        ("Settings", _settings(comparison)),
        ("Code", _code(comparison)),
        ("Libraries", _libraries(comparison)),
        ("Data", _named([(row.name, row.change) for row in comparison.data])),
        ("Partition", _named([(row.name, row.change) for row in comparison.partition])),
        ("Command", [tag("span", "differs")] if comparison.command else []),
    ]
    found = []
    for term, items in rows:
        if items:
            found += [tag("dt", term), tag("dd", join(items, " "))]
    return found


def _item(title: str, old: str, new: str) -> Markup:
    step = join([tag("del", old), " → ", tag("ins", new)])
    title = values.cut(title, _LONG_NAME, middle=True)
    return tag("span", tag("code", title), " ", step, class_="item")


def _limited(items: list[Markup]) -> list[Markup]:
    more = len(items) - _SHOWN
    return items if more <= 0 else [*items[:_SHOWN], tag("span", f"and {more:,} more")]


def _settings(comparison: Comparison) -> list[Markup]:
    changed = [row for row in comparison.params if len(set(map(repr, row.values))) > 1]
    # What counts comes first, and seeds, which replicates differ in anyway, come last.
    changed.sort(key=lambda row: (row.seed, not row.counts))
    items = []
    for row in changed:
        old, new = (
            values.MISSING if gone else values.cut(values.scalar(value), _LONG_VALUE)
            for value, gone in zip(row.values, row.missing, strict=True)
        )
        items.append(_item(row.name, old, new))
    return _limited(items)


def _code(comparison: Comparison) -> list[Markup]:
    if not comparison.code:
        return []
    counts = [row for row in comparison.code if row.counts is not False]
    said = values.plural(len(comparison.code), "file")
    lines = f"+{comparison.lines_added:,} −{comparison.lines_removed:,} lines"
    told = f"{said}, {lines}"
    if not counts:
        told += " (none that counts)"
    names = values.listing([row.path for row in counts or comparison.code], 3)
    return [tag("span", told, class_="item"), tag("code", names, class_="soft")]


def _libraries(comparison: Comparison) -> list[Markup]:
    items = []
    for row in comparison.libraries:
        if row.kind != "same" and row.imported:
            old, new = (value or values.MISSING for value in row.values)
            items.append(_item(row.name, old, new))
    return _limited(items)


def _named(rows: Sequence[tuple[str, str]]) -> list[Markup]:
    changed = [(title, change) for title, change in rows if change != "same"]
    return _limited(
        [tag("span", tag("code", title), f" {change}", class_="item") for title, change in changed]
    )


def _tables(comparison: Comparison, titles: Sequence[str], *, opened: bool) -> list[Markup]:
    parts = _sheet(comparison)
    found: list[Markup] = []
    for title in _DETAILS:
        part = parts.get(title)
        if part is None or part.table is None or not part.table.rows:
            continue
        body = from_sheet(title, part.table, titles)
        is_open = opened and len(part.table.rows) <= _OPEN_ROWS
        count = len(part.table.rows)
        found.append(
            tag(
                "details",
                tag("summary", f"{title} ({count:,})"),
                body,
                *(tag("p", line) for line in part.lines),
                open=is_open,
            )
        )
    command = _command(comparison, titles)
    return [*found, command] if command else found


def _command(comparison: Comparison, titles: Sequence[str]) -> Markup | None:
    if not comparison.command:
        return None
    rows: list[Child] = []
    for row in comparison.command:
        for place, (value, gone) in enumerate(zip(row.values, row.missing, strict=True)):
            shown = values.MISSING if gone else values.scalar(value)
            rows.append(tag("dt", name(titles, place), f" {row.name}"))
            rows.append(tag("dd", tag("code", shown)))
    body = tag("dl", *rows, class_="facts")
    return tag("details", tag("summary", "Command"), body)
