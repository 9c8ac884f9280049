"""The report of many experiments: the champions first, then charts, then every experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitml.views import values
from gitml.views.report.closing import foot, moment
from gitml.views.report.markup import Child, Markup, join, tag
from gitml.views.report.overview_data import data
from gitml.views.report.overview_table import columns_of, experiments
from gitml.views.report.page import Page, Section, page
from gitml.views.report.sides import rounded
from gitml.views.report.tables import Head, listing, table

if TYPE_CHECKING:
    from gitml.history.rows import Row
    from gitml.operations.report import Best, Overview

STYLES = ("base.css", "charts.css", "overview.css")
SCRIPTS = (
    "base.js",
    "numbers.js",
    "tables.js",
    "linechart.js",
    "linetools.js",
    "choices.js",
    "explorer.js",
    "progress.js",
    "parallel.js",
    "scatter.js",
    "runs.js",
    "start_overview.js",
)
_NEEDS = "This chart needs JavaScript; the table of experiments has what it shows."


def overview_page(found: Overview, *, command: str, made: str) -> str:
    """Return the page; see `gitml.views.report.overview`."""
    columns = columns_of(found)
    return page(
        Page(
            title=f"{_studies(found)} · gitml",
            kind="experiments",
            head=_head(found),
            sections=(
                _champions(found),
                *(_charts(found) if len(found.rows) > 1 else ()),
                experiments(found, columns),
            ),
            foot=foot(command, made),
            data=data(found, columns),
            styles=STYLES,
            scripts=SCRIPTS,
        )
    )


def _studies(found: Overview) -> str:
    return values.listing([best.study for best in found.studies], 3)


def _head(found: Overview) -> Markup:
    count = values.plural(len(found.rows), "experiment")
    word = "Study" if len(found.studies) == 1 else "Studies"
    notes = list(found.problems)
    if found.cut:
        notes.append(f"{found.cut:,} older ones are left out; --limit 0 shows all.")
    return tag(
        "div",
        tag("p", f"{word} {_studies(found)}", class_="eyebrow"),
        tag("h1", f"{count}{_filtered(found)}"),
        tag("p", *_headline(found), class_="headline"),
        tag("p", _span(found), class_="sentence soft"),
        tag("div", listing(notes), class_="note") if notes else None,
        class_="head",
    )


def _filtered(found: Overview) -> str:
    if not found.where:
        return ""
    return f" of {found.total:,} where {found.where}"


def _headline(found: Overview) -> list[Child]:
    goals = found.goals
    known = {row.commit for row in found.rows}
    tops = [best.row for best in found.studies if best.row is not None and best.row.commit in known]
    top = _top(tops, goals.primary, goals.goal)
    if not found.rows:
        return ["Nothing matches."]
    if top is None:
        return ["No primary metric says which is best."] if not goals.goal else ["No champion yet."]
    value = rounded(_value(top, goals.primary), 5)
    return [
        tag("span", top.experiment, class_="e0 champion"),
        f" has the best {goals.primary}: {value}.",
    ]


def _top(rows: list[Row], primary: str, goal: str) -> Row | None:
    known = [row for row in rows if _value(row, primary) is not None]
    if not known or not goal:
        return None
    choose = max if goal == "max" else min
    return choose(known, key=lambda row: _value(row, primary) or 0.0)


def _value(row: Row, name: str) -> float | None:
    value = row.metrics.get(name)
    return float(value) if isinstance(value, int | float) else None


def _span(found: Overview) -> str:
    """Return when they ran, and how many didn't come to an end."""
    if not found.rows:
        return "No experiment of these studies is as the expression asks."
    first, last = moment(found.rows[0].created)[:10], moment(found.rows[-1].created)[:10]
    days = f"On {first}" if first == last else f"From {first} to {last}"
    failed = sum(row.status != "completed" for row in found.rows)
    total = values.duration(sum(max(row.seconds, 0.0) for row in found.rows))
    return f"{days}; {total} of runs{f'; {failed:,} not completed' if failed else ''}."


def _champions(found: Overview) -> Section:
    if not found.goals.goal:
        return Section("champions", "Champions", Markup())
    heads = [
        Head("study"),
        Head("experiments", numeric=True),
        Head("champion"),
        Head(found.goals.primary, numeric=True),
        Head("started"),
        Head("commit"),
    ]
    rows = [_champion(best, found.goals.primary) for best in found.studies]
    title = "Champions" if len(found.studies) > 1 else "Champion"
    return Section("champions", title, table(title, heads, rows, kind="short"))


def _champion(best: Best, primary: str) -> list[str]:
    row = best.row
    if row is None:
        return [best.study, f"{best.experiments:,}", *[values.MISSING] * 4]
    return [
        best.study,
        f"{best.experiments:,}",
        tag("b", row.experiment),
        rounded(_value(row, primary), 6),
        moment(row.created),
        tag("code", row.commit[:12]),
    ]


def _charts(found: Overview) -> tuple[Section, ...]:
    """Return the places that scripts draw into."""
    needs = tag("noscript", tag("p", _NEEDS))

    def place(name: str, more: Child = None) -> Markup:
        tools = tag("div", id=f"{name}-tools", class_="tools", hidden=True)
        return join([tools, tag("div", id=f"{name}-chart", class_="chart"), more, needs])

    best = " The best tenth is blue; ticked ones are bold." if found.goals.goal else ""
    readout = tag("p", id="scatter-told", class_="told", aria_live="polite")
    sections = [
        Section(
            "parallel",
            "Settings and results",
            place("parallel"),
            f"Each line is an experiment.{best} Drag along an axis to keep a range of it, here and "
            "below; click the axis to let go. Arrow keys do it, too.",
        ),
        Section(
            "scatter",
            "Any value against any other",
            place("scatter", readout),
            "Point at an experiment to read it; click it to tick it, for its curves.",
        ),
    ]
    if found.goals.goal:
        sections.insert(0, Section("progress", "Best so far", place("progress")))
    if found.curves:
        about = "Of the experiments that are ticked in the table; at first of the best ones."
        sections.append(Section("runs", "Curves", place("runs"), about))
    return tuple(sections)
