"""`gitml exp diff`: which features two experiments rely on, and whose explanations moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.comparison.statistics.wording import count
from gitml.values import Scalar
from gitml.views import values
from gitml.views.curves import bar
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table

if TYPE_CHECKING:
    from gitml.comparison.contents import ComparedExplanations, ComparedImportances
    from gitml.comparison.statistics.attributions import AttributionComparison
    from gitml.comparison.statistics.rankings import Moved, RankingComparison

_SHOWN = 6
_BAR = 8


def sections(
    importances: Sequence[ComparedImportances],
    explanations: Sequence[ComparedExplanations],
    titles: Sequence[str],
    *,
    plain: bool = False,
) -> list[Section]:
    """Return the sections for importances and explanations that both experiments have.

    Args:
        importances: Compared importances of features.
        explanations: Compared explanations of single predictions.
        titles: Names of the two experiments.
        plain: Whether bars are drawn in ASCII.
    """
    names = (values.escape(titles[0]), values.escape(titles[1])) if len(titles) > 1 else ("A", "B")
    found = []
    for one in importances:
        of = f" of {values.escape(one.path)}" if len(importances) > 1 else ""
        found.append(_importances(one, names, f"Importance{of}", plain=plain))
    for other in explanations:
        of = f" of {values.escape(other.path)}" if len(explanations) > 1 else ""
        found.append(_explanations(other, names, f"Explanations{of}"))
    return found


def _importances(
    one: ComparedImportances, names: tuple[str, str], title: str, *, plain: bool
) -> Section:
    notes = tuple(map(values.escape, one.notes))
    comparison = one.comparison
    if comparison is None:
        return Section(title, lines=notes)
    moved = [row for row in comparison.moved if row.share_change][:_SHOWN]
    largest = max((max(row.share_a, row.share_b) for row in moved), default=0.0)
    rows = tuple(_moved(row, largest, plain=plain) for row in moved)
    titles = ("feature", names[0], "", names[1], " ", "points", "rank")
    keeps = (FIXED, FIXED, 60, FIXED, 61, 95, 90)
    columns = (
        Column(text, keep=keep, middle=place == 0, narrow=12 if text.strip() else _BAR)
        for place, (text, keep) in enumerate(zip(titles, keeps, strict=True))
    )
    lines = [*_ranking(comparison, names), *notes]
    if len(comparison.moved) > len(moved) > 0:
        lines.append(
            f"The {len(moved):,} that moved most, as shares of the total; --json has more."
        )
    return Section(title, Table(tuple(columns), rows), tuple(lines))


def _moved(row: Moved, largest: float, *, plain: bool) -> tuple[Cell | Scalar, ...]:
    step = row.share_change
    return (
        Cell(values.escape(row.feature), row.feature),
        Cell(_percent(row.share_a), row.share_a),
        Cell(bar(row.share_a, largest, _BAR, plain=plain), ""),
        Cell(_percent(row.share_b), row.share_b),
        Cell(bar(row.share_b, largest, _BAR, plain=plain), ""),
        Cell(f"{'+' if step > 0 else '-'}{abs(step) * 100:.1f}", step),
        Cell(f"{_rank(row.rank_a)} → {_rank(row.rank_b)}", ""),
    )


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _rank(rank: float | None) -> str:
    return values.MISSING if rank is None else f"{rank:g}"


def _ranking(found: RankingComparison, names: tuple[str, str]) -> list[str]:
    lines = []
    if found.spearman is not None and found.shared > 2:  # of two it is 1 or -1, whatever they are
        features = count(found.shared, "feature")
        lines.append(f"Rank correlation {found.spearman:.2f} over {features}.")
        within = [
            f"{value:.2f} ({name})"
            for name, value in zip(names, (found.within_a, found.within_b), strict=True)
            if value is not None
        ]
        if within:
            lines.append(f"Other seeds alone: {' and '.join(within)}.")
    if found.overlaps:
        first = found.overlaps[0]
        same = round(first.k * first.shared)
        lines.append(f"Of the {first.k} most important features, {same} are the same.")
    if not found.moved:
        lines.append("All importances are the same.")
    for name, only in zip(names, (found.only_a, found.only_b), strict=True):
        if only:
            lines.append(f"Only {name} has {values.listing(only, 4)}.")
    if found.not_finite:
        lines.append(f"{count(found.not_finite, 'importance')} not finite, taken for 0.")
    return lines


def _explanations(one: ComparedExplanations, names: tuple[str, str], title: str) -> Section:
    notes = tuple(map(values.escape, one.notes))
    found = one.comparison
    if found is None:
        return Section(title, lines=notes)
    shifted = [row for row in found.shifted if row.change][:_SHOWN]
    rows = tuple(
        (
            Cell(values.escape(row.id), row.id),
            Cell(f"{row.change:.2f}", row.change),
            Cell(values.MISSING if row.cosine is None else f"{row.cosine:.2f}", row.cosine),
            Cell(values.escape(row.feature), row.feature),
        )
        for row in shifted
    )
    columns = (
        Column("id", keep=FIXED, middle=True),
        Column("shift", keep=FIXED),
        Column("cosine", keep=80),
        Column("feature that moved most", keep=90),
    )
    return Section(title, Table(columns, rows), (*_attributions(found, names), *notes))


def _attributions(found: AttributionComparison, names: tuple[str, str]) -> list[str]:
    if not found.examples:
        lines = ["No example can be compared: no id and feature are on both sides."]
    else:
        shared = f"{count(found.examples, 'example')}, {count(found.features, 'feature')}"
        median, most = found.median_change or 0.0, found.p90_change or 0.0
        lines = [
            f"{shared}, joined by id.",
            f"Shift: median {median:.2f}, nine of ten at most {most:.2f} (0: none, 2: nothing "
            "is shared).",
        ]
    left = (found.only_a, found.features_only_a), (found.only_b, found.features_only_b)
    for name, numbers in zip(names, left, strict=True):
        for number, what in zip(numbers, ("id", "feature"), strict=True):
            if number:
                lines.append(f"{count(number, what)} of {name} not on the other side, left out.")
    if found.repeated:
        lines.append(f"{count(found.repeated, 'id')} there more than once, left out.")
    if found.not_finite:
        lines.append(f"{count(found.not_finite, 'example')} with numbers that aren't finite.")
    if found.sampled:
        lines.append(f"A sample of {found.sampled:,} examples was looked at.")
    return lines
