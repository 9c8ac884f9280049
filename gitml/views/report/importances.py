"""Which features matter, and how that moved: importances, and explanations of single examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.views import values
from gitml.views.report.drawing import Axis, box, dot, drawing, line
from gitml.views.report.markup import Child, Markup, join, tag
from gitml.views.report.page import Section
from gitml.views.report.sides import name, points, rounded, share
from gitml.views.report.tables import Cell, Head, listing, table

if TYPE_CHECKING:
    from gitml.comparison.contents import ComparedExplanations, ComparedImportances
    from gitml.comparison.statistics.attributions import AttributionComparison, Shift
    from gitml.comparison.statistics.rankings import Moved, RankingComparison

_FIRST = 12
_NAMED = 6


def section(found: Sequence[ComparedImportances], titles: Sequence[str]) -> Section:
    """Return how importances of features moved; empty without any."""
    several = len(found) > 1
    parts = []
    for item in found:
        compared = item.comparison
        parts.append(_title(item.path, several))
        parts.append(listing(item.notes, "aside"))
        if compared is not None:
            parts.append(tag("p", _ranked(compared), class_="about"))
            parts.append(_moved(compared, titles))
            parts.append(_only(compared, titles))
    return Section("importances", "Importances", join(parts))


def explanations(found: Sequence[ComparedExplanations], titles: Sequence[str]) -> Section:
    """Return how explanations of single examples shifted; empty without any."""
    several = len(found) > 1
    parts: list[Child] = []
    for item in found:
        compared = item.comparison
        parts.append(_title(item.path, several))
        parts.append(listing(item.notes, "aside"))
        if compared is not None:
            parts.append(tag("p", _shifted(compared), class_="about"))
            parts.append(_shifts(compared.shifted))
    return Section("explanations", "Explanations", join(parts))


def _title(path: str, several: bool) -> Markup | None:
    return tag("h3", tag("code", path)) if several else None


def _ranked(found: RankingComparison) -> str:
    parts = [values.plural(found.shared, "shared feature")]
    if found.spearman is not None:
        within = [value for value in (found.within_a, found.within_b) if value is not None]
        seeds = f" (another seed alone: {_fixed(min(within), 2)})" if within else ""
        parts.append(f"rank correlation {_fixed(found.spearman, 2)}{seeds}")
    parts += [
        f"{round(overlap.shared * overlap.k)} of the top {overlap.k} are the same"
        for overlap in found.overlaps
    ]
    return f"{'; '.join(parts)}."


def _moved(found: RankingComparison, titles: Sequence[str]) -> Markup | None:
    if not found.moved:
        return tag("p", "No feature’s share moved.")
    top = max(max(row.share_a, row.share_b) for row in found.moved) or 1.0
    heads = [
        Head("feature", sort=True),
        Head(join([name(titles, 0), " → ", name(titles, 1)]), kind="pic"),
        Head("share", numeric=True, sort=True),
        Head("change", numeric=True, sort=True),
        Head("rank", numeric=True),
    ]
    rows = [_feature(row, Axis(0.0, top, 3.0, 97.0)) for row in found.moved]
    return table("Features, the one that moved most first", heads, rows, first=_FIRST)


def _feature(row: Moved, axis: Axis) -> list[Cell | str]:
    a, b = axis.at(row.share_a), axis.at(row.share_b)
    dumbbell = drawing(
        line(axis.left, 9, axis.right, 9, "grid"),
        line(a, 9, b, 9, "link"),
        dot(a, 9, 4.5, "s0"),
        dot(b, 9, 4.5, "s1"),
        height=18,
    )
    return [
        Cell(tag("code", row.feature), row.feature),
        dumbbell,
        Cell(f"{share(row.share_a)} → {share(row.share_b)}", row.share_b),
        Cell(points(row.share_change), row.share_change),
        f"{_rank(row.rank_a)} → {_rank(row.rank_b)}",
    ]


def _rank(rank: float | None) -> str:
    return values.MISSING if rank is None else f"{rank:g}"


def _only(found: RankingComparison, titles: Sequence[str]) -> Markup | None:
    said = [
        f"Only {titles[side]} has {values.listing(names, _NAMED)}."
        for side, names in enumerate((found.only_a, found.only_b))
        if names
    ]
    return listing(said, "aside")


def _shifted(found: AttributionComparison) -> str:
    if not found.examples:
        return "No example has an explanation on both sides."
    features = values.plural(found.features, "feature")
    parts = [f"{values.plural(found.examples, 'example')} with {features}"]
    if found.median_change is not None:
        parts.append(f"median shift {rounded(found.median_change, 2)} (0 nothing, 2 everything)")
    if found.p90_change is not None:
        parts.append(f"nine of ten shifted at most {rounded(found.p90_change, 2)}")
    if found.median_cosine is not None:
        parts.append(f"median cosine {rounded(found.median_cosine, 2)}")
    return f"{'; '.join(parts)}."


def _fixed(number: float | None, digits: int) -> str:
    """Return a number with so many digits behind the point, as a column of them has them."""
    return values.MISSING if number is None else f"{number:.{digits}f}".replace("-", "−")


def _shifts(found: Sequence[Shift]) -> Markup | None:
    if not found:
        return None
    heads = [
        Head("example", sort=True),
        Head("shift", kind="pic"),
        Head("of 2", numeric=True, sort=True),
        Head("cosine", numeric=True, sort=True),
        Head("feature that moved most"),
    ]
    axis = Axis(0.0, 2.0, 0.0, 100.0)
    rows: list[list[Cell | str]] = [
        [
            Cell(tag("code", row.id), row.id),
            drawing(
                box(0, 3, 100, 10, "track"),
                box(0, 3, axis.at(row.change), 10, "s1"),
                height=16,
                kind="bars",
            ),
            Cell(_fixed(row.change, 2), row.change),
            Cell(_fixed(row.cosine, 3), row.cosine),
            tag("code", row.feature),
        ]
        for row in found
    ]
    return table("Examples whose explanation shifted most", heads, rows, first=_FIRST)
