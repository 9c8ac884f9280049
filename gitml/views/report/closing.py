"""The end of a comparison: what isn't here, and which commits and command it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from gitml.views import values
from gitml.views.report.markup import Markup, join, tag
from gitml.views.report.page import Section
from gitml.views.report.sides import name
from gitml.views.report.tables import Head, listing, table

if TYPE_CHECKING:
    from gitml.comparison.contents import Contents
    from gitml.comparison.result import Comparison

_MISSING_SHOWN = 40


def missing(contents: Contents | None) -> Section:
    """Return what couldn't be compared; empty when everything was at hand."""
    if contents is None or not (contents.missing or contents.notes):
        return Section("missing", "Not compared", Markup())
    shown = list(contents.missing[:_MISSING_SHOWN])
    left = len(contents.missing) - len(shown)
    if left > 0:
        shown.append(f"and {left:,} more")
    pull = tag("code", "gitml exp diff --pull")
    told = tag("p", "Not on this machine, so not compared; ", pull, " downloads what it needs:")
    parts = [listing(contents.notes), *((told, listing(shown, "mono")) if shown else ())]
    return Section("missing", "Not compared", join(parts))


def experiments(comparison: Comparison, titles: Sequence[str]) -> Section:
    """Return which experiments these are."""
    heads = [
        Head("experiment"),
        Head("study"),
        Head("status"),
        Head("started"),
        Head("took", numeric=True),
        Head("author"),
        Head("commit"),
    ]
    rows = [
        [
            name(titles, place),
            item.study,
            item.status,
            moment(item.created),
            values.duration(item.seconds),
            item.author,
            tag("code", item.commit),
        ]
        for place, item in enumerate(comparison.experiments)
    ]
    return Section(
        "experiments", "Experiments", table("The experiments", heads, rows, kind="short")
    )


def moment(text: str) -> str:
    """Return a time to the minute in UTC, so that a report is the same on every machine."""
    found = values.moment(text)
    try:
        return text if found is None else found.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError):
        return text


def foot(command: str, made: str) -> Markup:
    """Return the foot of the page.

    Args:
        command: That made it; empty when it isn't known.
        made: When, as it is to be shown; empty for a report that is always the same.
    """
    return join(
        [
            tag("p", "Made with ", tag("code", command), ".") if command else None,
            tag("p", made) if made else None,
            tag("p", "gitml report. One file; it loads nothing and sends nothing."),
        ]
    )
