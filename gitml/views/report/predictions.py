"""Predictions example by example: who is right where the other isn't, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.views import values
from gitml.views.report.calibration import calibration
from gitml.views.report.confusion import matrices
from gitml.views.report.drawing import Axis, box, drawing, even_axis, line, whisker
from gitml.views.report.flipped import gallery
from gitml.views.report.markup import Child, Markup, join, tag
from gitml.views.report.page import Section
from gitml.views.report.sides import name, points, rounded, share, signed
from gitml.views.report.tables import Cell, Head, listing, table

if TYPE_CHECKING:
    from gitml.comparison.contents import ComparedPredictions
    from gitml.comparison.statistics.agreement import Agreement
    from gitml.comparison.statistics.estimates import Estimate
    from gitml.comparison.statistics.predictions import PredictionComparison
    from gitml.comparison.statistics.slices import Slice

_SHARES = frozenset({"accuracy"})


def section(found: Sequence[ComparedPredictions], titles: Sequence[str]) -> Section:
    """Return what predictions say; empty without any."""
    several = len(found) > 1
    parts = [_one(item, titles, place, several) for place, item in enumerate(found)]
    return Section("predictions", "Predictions", join(parts))


def _one(item: ComparedPredictions, titles: Sequence[str], place: int, several: bool) -> Markup:
    path = tag("h3", tag("code", item.path)) if several else None
    compared = item.comparison
    notes = listing(item.notes, "aside")
    if compared is None:
        return join([path, notes or tag("p", f"{item.path} can’t be compared.")])
    inside: list[Child] = [
        path,
        tag("p", _sentence(compared, item.path), class_="about"),
        _estimates(compared.estimates, titles),
        _agreement(compared, titles),
        listing([*dict.fromkeys((*item.notes, *compared.notes))], "aside"),
        gallery(compared.flips, item.pictures, titles, place, several=max(compared.runs) > 1),
        matrices(compared, titles),
        _slices(compared, titles),
        calibration(compared.calibration_a, compared.calibration_b, titles),
    ]
    return join(inside)


def _sentence(compared: PredictionComparison, path: str) -> str:
    shared = values.plural(compared.left.shared, "example")
    runs = max(compared.runs)
    over = f", over {compared.runs[0]} and {compared.runs[1]} runs" if runs > 1 else ""
    groups = f" in {values.plural(compared.groups, 'group')}" if compared.groups else ""
    return f"{path}: {shared}{groups} that both have, joined by id{over}."


def _estimates(found: Sequence[Estimate], titles: Sequence[str]) -> Markup | None:
    if not found:
        return None
    heads = [
        Head("on these examples"),
        *(Head(name(titles, side), numeric=True) for side in (0, 1)),
        Head("difference", numeric=True),
        Head("interval", numeric=True),
        Head("", kind="pic"),
    ]
    rows = []
    for row in found:
        axis = even_axis([row.difference, *_ends(row)])
        kind = _side(row.difference, row.goal) if _clear(row) else ""
        rows.append(
            [
                row.name,
                _amount(row.name, row.a),
                _amount(row.name, row.b),
                _step(row.name, row.difference),
                _interval(row),
                whisker(axis, row.difference, _ends(row), 18, kind) if _ends(row) else "",
            ]
        )
    return table("Metrics on the shared examples", heads, rows)


def _agreement(compared: PredictionComparison, titles: Sequence[str]) -> Markup | None:
    found = compared.agreement
    if found is None:
        return None
    several = max(compared.runs) > 1
    if not found.wins and not found.losses:
        often = " as often" if several else ""
        same = f"Both get the same examples right{often}."
        return tag("div", tag("p", tag("b", same)), _facts(found, compared, titles))
    often = " gets right more often" if several else " gets right"
    top = max(found.wins, found.losses)
    axis = Axis(-top, top, 0.0, 100.0)
    middle = axis.at(0.0)
    bar = drawing(
        box(axis.at(-found.losses), 0, middle - axis.at(-found.losses), 14, "s0"),
        box(middle, 0, axis.at(found.wins) - middle, 14, "s1"),
        line(middle, -3, middle, 17, "zero"),
        height=14,
        label=f"{found.losses} lost, {found.wins} won",
        kind="meter",
    )
    return tag(
        "div",
        tag(
            "div",
            tag("p", tag("b", f"{found.losses:,}"), " only ", name(titles, 0), often),
            tag("p", tag("b", f"{found.wins:,}"), " only ", name(titles, 1), often),
            class_="balance",
        ),
        bar,
        _facts(found, compared, titles),
        class_="agreement",
    )


def _facts(found: Agreement, compared: PredictionComparison, titles: Sequence[str]) -> Markup:
    between = " between a run of each" if max(compared.runs) > 1 else ""
    facts = [
        f"{share(found.churn)} of the predictions differ{between}",
        *_churn(found, titles),
    ]
    if found.mcnemar is not None:
        p = found.mcnemar.p_value
        told = f"= {rounded(p, 2)}" if p >= 0.001 else "< 0.001"
        facts.append(f"McNemar’s exact test of these two trainings: p {told}")
    return tag("p", f"Of {compared.left.shared:,} examples. {'; '.join(facts)}.", class_="soft")


def _churn(found: Agreement, titles: Sequence[str]) -> list[str]:
    seeds = ((titles[0], found.churn_a), (titles[1], found.churn_b))
    known = [f"{share(churn)} between those of {title}" for title, churn in seeds if churn]
    return [" and ".join(known) + " (what another seed alone changes)"] if known else []


def _slices(compared: PredictionComparison, titles: Sequence[str]) -> Markup | None:
    found = compared.slices
    if not found:
        return None
    axis = even_axis([number for row in found for number in (row.difference, *_ends(row))])
    heads = [
        Head("slice", sort=True),
        Head("examples", numeric=True, sort=True),
        *(Head(name(titles, side), numeric=True) for side in (0, 1)),
        Head("difference", numeric=True, sort=True),
        Head("", kind="pic"),
    ]
    rows = [_slice(row, axis) for row in found]
    skipped = ""
    if compared.not_slices:
        skipped = f" Too many values to be slices: {values.listing(compared.not_slices)}."
    about = (
        f"{found[0].metric} on parts of the test set, on one scale. Of many intervals some exclude "
        f"zero by chance: slices show where to look.{skipped}"
    )
    body = table("Slices", heads, rows, first=20)
    return join([tag("h3", "Slices"), tag("p", about, class_="soft"), body])


def _slice(row: Slice, axis: Axis) -> list[Cell | str]:
    title = join([tag("span", f"{row.column} ", class_="soft"), row.value or "(none)"])
    goal = "max" if row.metric in _SHARES else "min"
    kind = _side(row.difference, goal) if _clear(row) else ""
    return [
        Cell(title, f"{row.column} {row.value}"),
        Cell(f"{row.examples:,}", row.examples),
        _amount(row.metric, row.a),
        _amount(row.metric, row.b),
        Cell(_step(row.metric, row.difference), row.difference),
        whisker(axis, row.difference, _ends(row) or None, 18, kind),
    ]


def _ends(row: Estimate | Slice) -> tuple[float, ...]:
    return () if row.interval is None else (row.interval.low, row.interval.high)


def _clear(row: Estimate | Slice) -> bool:
    return row.interval is not None and not row.interval.low <= 0 <= row.interval.high


def _side(difference: float, goal: str) -> str:
    """Return the class of the side that a difference speaks for."""
    return "for-1" if (difference > 0) == (goal == "max") else "for-0"


def _amount(metric: str, value: float) -> str:
    return share(value) if metric in _SHARES else rounded(value)


def _step(metric: str, value: float) -> str:
    return points(value) if metric in _SHARES else signed(value, 3)


def _interval(row: Estimate) -> str:
    return " to ".join(_step(row.name, end) for end in _ends(row)) or values.MISSING
