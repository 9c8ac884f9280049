"""Feature importances of two arms: do they rank the same features highly?"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

import msgspec

from gitml.comparison.statistics.labels import number

TOPS = (5, 10, 20)
MOST = 50


class Moved(msgspec.Struct, frozen=True):
    """A feature whose importance changed.

    Attributes:
        feature: Name.
        rank_a: Place in A, 1 for the most important, ties share their mean place; None when A
            doesn't have the feature.
        rank_b: The same for B.
        share_a: Share of the total importance of A, 0 … 1; 0 when A doesn't have it.
        share_b: The same for B.
        share_change: B's minus A's.
    """

    feature: str
    rank_a: float | None
    rank_b: float | None
    share_a: float
    share_b: float
    share_change: float


class Overlap(msgspec.Struct, frozen=True):
    """How many of the k most important features are the same.

    Attributes:
        k: How many were looked at.
        shared: Share of them that both arms have among their first k, 0 … 1.
    """

    k: int
    shared: float


class RankingComparison(msgspec.Struct, frozen=True):
    """Two arms compared by their feature importances.

    Attributes:
        shared: Features that both have; correlations are over them.
        only_a: Names that only A has.
        only_b: Names that only B has.
        spearman: Rank correlation, -1 … 1; None with fewer than two features, or without
            differences between them.
        kendall: Kendall's tau-b, -1 … 1; None likewise.
        overlaps: Of the first 5, 10 and 20 features, as far as there are more.
        moved: The features whose share changed most, at most 50.
        within_a: Mean Spearman correlation between two runs of A: what another seed alone
            changes; None with one run.
        within_b: The same for B.
        not_finite: Importances that are no finite number, and count as 0.
    """

    shared: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    spearman: float | None
    kendall: float | None
    overlaps: tuple[Overlap, ...]
    moved: tuple[Moved, ...]
    within_a: float | None
    within_b: float | None
    not_finite: int


Importances = Mapping[str, float]


def compare_rankings(
    a: Importances | Sequence[Importances],
    b: Importances | Sequence[Importances],
    *,
    tops: Sequence[int] = TOPS,
    limit: int = MOST,
) -> RankingComparison:
    """Compare the importances of two runs, or of two arms of several runs each.

    Importances count by their size, whatever their sign or unit: each run's are divided by their
    sum first, and the shares are averaged over the runs of an arm.

    Args:
        a: Feature → importance of A, or of each of its runs.
        b: The same for B.
        tops: How many of the most important features to look at for the overlap.
        limit: How many moved features to list.
    """
    runs_a, runs_b = ([a] if isinstance(a, Mapping) else a), ([b] if isinstance(b, Mapping) else b)
    parts_a, parts_b = list(map(shares, runs_a)), list(map(shares, runs_b))
    one, other = _averaged(parts_a), _averaged(parts_b)
    both = sorted(one.keys() & other.keys())
    x, y = [one[name] for name in both], [other[name] for name in both]
    return RankingComparison(
        shared=len(both),
        only_a=tuple(sorted(one.keys() - other.keys())),
        only_b=tuple(sorted(other.keys() - one.keys())),
        spearman=spearman(x, y),
        kendall=kendall(x, y),
        overlaps=tuple(_overlaps(one, other, tops)),
        moved=tuple(_moved(one, other)[:limit]),
        within_a=_within(parts_a),
        within_b=_within(parts_b),
        not_finite=sum(math.isnan(number(v)) for run in (*runs_a, *runs_b) for v in run.values()),
    )


def shares(importances: Importances) -> dict[str, float]:
    """Return the size of each importance as a share of the sum; zeros when all are zero."""
    sizes = {name: abs(number(value)) for name, value in importances.items()}
    sizes = {name: 0.0 if math.isnan(size) else size for name, size in sizes.items()}
    total = math.fsum(sizes.values())
    return {name: size / total if total else 0.0 for name, size in sizes.items()}


def ranks(values: Sequence[float]) -> list[float]:
    """Return ascending ranks from 1; equal values share their mean rank."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        stop = start
        while stop < len(order) and values[order[stop]] == values[order[start]]:
            stop += 1
        for place in order[start:stop]:
            found[place] = (start + 1 + stop) / 2
        start = stop
    return found


def spearman(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation; None when a side has no two different values."""
    if len(x) < 2:
        return None
    centre = (len(x) + 1) / 2
    u, v = ([rank - centre for rank in ranks(side)] for side in (x, y))
    size = math.sqrt(math.fsum(a * a for a in u)) * math.sqrt(math.fsum(b * b for b in v))
    if not size:
        return None
    return max(-1.0, min(1.0, math.fsum(a * b for a, b in zip(u, v, strict=True)) / size))


def kendall(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return Kendall's tau-b; None when a side has no two different values.

    Knight's algorithm (1966): sorted by x, the discordant pairs are the inversions of y.
    """
    pairs = sorted(zip(x, y, strict=True))
    total = _pairs(len(pairs))
    ties_x = sum(_pairs(n) for n in Counter(x).values())
    ties_y = sum(_pairs(n) for n in Counter(y).values())
    ties_both = sum(_pairs(n) for n in Counter(pairs).values())
    if total in (ties_x, ties_y):
        return None
    discordant = 0
    seen: list[float] = []
    for _, value in reversed(pairs):
        discordant += bisect_left(seen, value)
        insort(seen, value)
    score = total - ties_x - ties_y + ties_both - 2 * discordant
    return score / math.sqrt((total - ties_x) * (total - ties_y))


def _pairs(n: int) -> int:
    return n * (n - 1) // 2


def _averaged(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = {name for run in runs for name in run}
    return {name: math.fsum(run.get(name, 0.0) for run in runs) / len(runs) for name in names}


def _overlaps(
    one: Mapping[str, float], other: Mapping[str, float], tops: Sequence[int]
) -> list[Overlap]:
    found = []
    for k in tops:
        if 0 < k < max(len(one), len(other)):
            first = (set(sorted(side, key=lambda f: (-side[f], f))[:k]) for side in (one, other))
            found.append(Overlap(k, len(set.intersection(*first)) / k))
    return found


def _moved(one: Mapping[str, float], other: Mapping[str, float]) -> list[Moved]:
    places = []
    for side in (one, other):
        names = list(side)
        order = ranks([-side[name] for name in names])
        places.append(dict(zip(names, order, strict=True)))
    rows = []
    for name in one.keys() | other.keys():
        share_a, share_b = one.get(name, 0.0), other.get(name, 0.0)
        rank_a, rank_b = places[0].get(name), places[1].get(name)
        if (share_a, rank_a) != (share_b, rank_b):
            rows.append(Moved(name, rank_a, rank_b, share_a, share_b, share_b - share_a))
    return sorted(rows, key=lambda row: (-abs(row.share_change), row.feature))


def _within(runs: Sequence[Mapping[str, float]]) -> float | None:
    found = []
    for one, other in combinations(runs, 2):
        both = sorted(one.keys() & other.keys())
        value = spearman([one[name] for name in both], [other[name] for name in both])
        if value is not None:
            found.append(value)
    return math.fsum(found) / len(found) if found else None
