"""The table of all experiments in a report, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from gitml.values import Scalar, as_number
from gitml.views import experiments as listed_rows
from gitml.views import values
from gitml.views.report.closing import moment
from gitml.views.report.markup import Markup, join, tag
from gitml.views.report.page import Section
from gitml.views.report.tables import Cell, Head, table

if TYPE_CHECKING:
    from gitml.history.rows import Row
    from gitml.operations.report import Overview

_MOST_OF_A_KIND = 24
_LONGEST = 60
_FIRST = 50


class Columns(msgspec.Struct, frozen=True):
    """Which values of experiments are shown.

    Attributes:
        metrics: Name → title, the primary one first.
        params: Name → title, of settings that differ.
        same: A sentence about settings that are the same everywhere; empty for none.
        left: How many metrics and settings are left out.
    """

    metrics: dict[str, str]
    params: dict[str, str]
    same: str
    left: int


def columns_of(found: Overview) -> Columns:
    """Return the columns that `gitml exp list` has for these experiments."""
    listed = listed_rows.listed(found.rows, primary=found.goals.primary)
    kinds: dict[str, dict[str, str]] = {"metrics": {}, "params": {}}
    left = 0
    for column in listed.table.columns:
        kind, _, name = column.key.partition(".")
        if kind not in kinds or not name:
            continue
        if len(kinds[kind]) < _MOST_OF_A_KIND:
            kinds[kind][name] = column.title
        else:
            left += 1
    return Columns(kinds["metrics"], kinds["params"], listed.constant, left)


def experiments(found: Overview, columns: Columns) -> Section:
    """Return the table with the tools above it."""
    rows = list(enumerate(found.rows))[::-1]
    several = len(found.studies) > 1
    failed = any(row.status != "completed" for row in found.rows)
    tags = any(row.tags for row in found.rows)
    heads = [Head("experiment", sort=True)]
    heads += [Head("study", sort=True)] if several else []
    heads += [Head("started", sort=True)]
    heads += [Head("status", sort=True)] if failed else []
    heads += [Head(title, numeric=True, sort=True) for title in columns.metrics.values()]
    heads += [
        Head(title, numeric=_are_numbers(found.rows, name), sort=True)
        for name, title in columns.params.items()
    ]
    heads += [Head("tags", sort=True)] if tags else []
    lines = [
        _line(place, row, columns, several=several, failed=failed, tags=tags) for place, row in rows
    ]
    body = table("Experiments", heads, lines, kind="experiments", first=_FIRST)
    told = [columns.same[:1].upper() + columns.same[1:]] if columns.same else []
    if columns.left:
        told.append(f"{columns.left:,} more columns: `gitml exp list --csv` has them all.")
    notes = tag("p", " · ".join(told), class_="soft") if told else None
    tools = tag("div", id="experiments-tools", class_="tools", hidden=True)
    return Section("experiments", "Experiments", join([tools, body, notes]))


def _line(
    place: int, row: Row, columns: Columns, *, several: bool, failed: bool, tags: bool
) -> Sequence[Cell | str]:
    cells: list[Cell | str] = [Cell(_name(place, row), row.experiment)]
    cells += [Cell(row.study, row.study)] if several else []
    cells.append(Cell(moment(row.created)[:16], row.started))
    cells += [Cell(row.status, row.status)] if failed else []
    cells += [_value(row.metrics, name) for name in columns.metrics]
    cells += [_value(row.params, name) for name in columns.params]
    if tags:
        joined = ", ".join(row.tags)
        cells.append(Cell(joined, joined or None))
    return cells


def _are_numbers(rows: Sequence[Row], name: str) -> bool:
    known = (row.params.get(name) for row in rows)
    return all(value is None or as_number(value) is not None for value in known)


def _name(place: int, row: Row) -> Markup:
    return tag("label", tag("b", row.experiment), data_i=place, title=row.commit)


def _value(found: dict[str, Scalar], name: str) -> Cell:
    if name not in found:
        return Cell(values.MISSING)
    value = found[name]
    shown = values.cut(values.scalar(value), _LONGEST)
    number = as_number(value)
    return Cell(shown, shown if number is None else number)
