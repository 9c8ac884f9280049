"""Explanations of single predictions (attributions), compared example by example."""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter
from collections.abc import Sequence, Sized
from typing import Any

import msgspec

from gitml.comparison.statistics.bootstrap import SEED, numpy_or_none
from gitml.comparison.statistics.intervals import percentiles
from gitml.comparison.statistics.labels import label, listed, number
from gitml.errors import UsageError

MOST = 100
# Without numpy no more examples than this are compared.
MOST_PLAIN = 50_000
# Numbers that are held at once, as floats: 16 MB in each of a few arrays.
_NUMBERS_AT_ONCE = 2_000_000


class Attributions(msgspec.Struct, frozen=True):
    """Attributions of one run: one row of numbers an example.

    Attributes:
        ids: Identifiers of the examples.
        values: One row an example, one number a feature (lists, or an array; one with more than
            two dimensions is flattened to rows).
        features: Names of the columns; without them columns are compared by their place, and
            both sides must have as many.
    """

    ids: Sequence[Any]
    values: Sequence[Any]
    features: Sequence[str] = ()


class Shift(msgspec.Struct, frozen=True):
    """How far the explanation of one example moved.

    Attributes:
        id: Of the example.
        cosine: Of both attributions, -1 … 1: whether they point to the same features; None when
            one of them is zero everywhere.
        change: Sum of |B - A| over features, divided by the mean of the sums of |A| and |B|: 0
            when nothing moved, 2 when nothing is shared.
        feature: Name (or number) of the feature that moved most.
    """

    id: str
    cosine: float | None
    change: float
    feature: str


class AttributionComparison(msgspec.Struct, frozen=True):
    """The attributions of two runs on the examples that they share.

    Attributes:
        examples: Compared; none when no feature is shared.
        only_a: Ids that only A has.
        only_b: Ids that only B has.
        repeated: Ids that a side has more than once; they are left out.
        not_finite: Shared ids of which a row holds NaN, an infinity, or isn't as long as the
            others; they are left out.
        sampled: Shared ids that were looked at, when there were too many without numpy; else 0.
        features: Compared: those that both have.
        features_only_a: Features that only A has; they are left out.
        features_only_b: Features that only B has.
        median_cosine: None without examples.
        median_change: None without examples.
        p90_change: Nine of ten examples moved no more; None without examples.
        shifted: The examples that moved most, at most 100.
    """

    examples: int
    only_a: int
    only_b: int
    repeated: int
    not_finite: int
    sampled: int
    features: int
    features_only_a: int
    features_only_b: int
    median_cosine: float | None
    median_change: float | None
    p90_change: float | None
    shifted: tuple[Shift, ...]


_Row = tuple[float, float, int]  # change, cosine (NaN when unknown), column that moved most


def compare_attributions(
    a: Attributions, b: Attributions, *, limit: int = MOST, seed: int = SEED
) -> AttributionComparison:
    """Compare the attributions of two runs by id.

    Args:
        a: Attributions of A.
        b: Attributions of B.
        limit: How many shifted examples to list.
        seed: Of the sample that is looked at where there are more than 50,000 shared ids and no
            numpy.

    Raises:
        UsageError: if there are not as many rows as ids, or not as many columns as features, or
            if a side without names of features has more columns than the other, or fewer.
    """
    a, b = _flat(a), _flat(b)
    places_a, repeated_a = _places(a)
    places_b, repeated_b = _places(b)
    repeated = repeated_a | repeated_b
    names, columns_a, columns_b = _columns(a, b)
    both = sorted((places_a.keys() & places_b.keys()) - repeated) if names else []
    numpy = numpy_or_none()
    sampled = 0
    if numpy is None and len(both) > MOST_PLAIN:
        both = sorted(random.Random(seed).sample(both, MOST_PLAIN))
        sampled = MOST_PLAIN
    rows_a, rows_b = ([places[name] for name in both] for places in (places_a, places_b))
    sides = (a.values, rows_a, columns_a), (b.values, rows_b, columns_b)
    rows = _plain_rows(*sides) if numpy is None else _array_rows(numpy, *sides)
    known = [(row, name) for row, name in zip(rows, both, strict=True) if row is not None]
    changes = sorted(row[0] for row, _ in known)
    cosines = sorted(row[1] for row, _ in known if row[1] == row[1])
    largest = heapq.nsmallest(limit, known, key=lambda item: (-item[0][0], item[1]))
    median, p90 = percentiles(changes, (0.5, 0.9)) if changes else (None, None)
    return AttributionComparison(
        examples=len(known),
        only_a=len(places_a.keys() - places_b.keys() - repeated),
        only_b=len(places_b.keys() - places_a.keys() - repeated),
        repeated=len(repeated),
        not_finite=len(both) - len(known),
        sampled=sampled,
        features=len(names),
        features_only_a=len(set(a.features).difference(names)) if b.features else 0,
        features_only_b=len(set(b.features).difference(names)) if a.features else 0,
        median_cosine=percentiles(cosines, (0.5,))[0] if cosines else None,
        median_change=median,
        p90_change=p90,
        shifted=tuple(
            Shift(name, None if math.isnan(row[1]) else row[1], row[0], names[row[2]])
            for row, name in largest
        ),
    )


def _flat(side: Attributions) -> Attributions:
    """Return attributions with one row an example, also of arrays with more dimensions."""
    values = side.values
    if len(getattr(values, "shape", ())) > 2:
        values = values.reshape(len(values), -1)  # type: ignore[attr-defined]
    return msgspec.structs.replace(side, values=values)


def _places(side: Attributions) -> tuple[dict[str, int], set[str]]:
    ids = list(map(label, listed(side.ids)))
    if len(ids) != len(side.values):
        raise UsageError(
            f"The attributions have {len(ids):,} ids and {len(side.values):,} rows.",
            hint="Give one row an example.",
        )
    places = dict(zip(ids, range(len(ids)), strict=True))
    if len(places) == len(ids):
        return places, set()
    return places, {name for name, times in Counter(ids).items() if times > 1}


def _columns(a: Attributions, b: Attributions) -> tuple[list[str], list[int], list[int]]:
    """Return the names of the shared features, and their columns in A and in B."""
    widths = [_width(side) for side in (a, b)]
    if not (a.features and b.features):
        if len(set(widths)) > 1 and all(widths):
            raise UsageError(
                f"The attributions have {widths[0]:,} and {widths[1]:,} numbers an example, and "
                "nothing says which of them belong together.",
                hint="Name the features on both sides.",
            )
        wide = list(range(min(widths)))
        named = a.features or b.features
        return [named[i] if named else str(i) for i in wide], wide, wide
    places = [{name: i for i, name in enumerate(side.features)} for side in (a, b)]
    names = [name for name in a.features if name in places[1]]
    return names, [places[0][name] for name in names], [places[1][name] for name in names]


def _width(side: Attributions) -> int:
    first = listed(side.values[0]) if len(side.values) else side.features
    if not isinstance(first, Sized):
        raise UsageError(
            "The attributions have one number an example.", hint="Give one number a feature."
        )
    width = len(first)
    if side.features and len(side.values) and len(side.features) != width:
        raise UsageError(
            f"The attributions have {width} columns and {len(side.features)} features.",
            hint="Name each column once.",
        )
    return width


_Side = tuple[Any, Sequence[int], Sequence[int]]


def _plain_rows(a: _Side, b: _Side) -> list[_Row | None]:
    found: list[_Row | None] = []
    for place_a, place_b in zip(a[1], b[1], strict=True):
        one, other = _row(a[0], place_a, a[2]), _row(b[0], place_b, b[2])
        found.append(_shift(one, other) if one and other else None)
    return found


def _row(values: Any, place: int, columns: Sequence[int]) -> list[float] | None:
    row = listed(values[place])
    if not hasattr(row, "__len__") or len(row) <= max(columns, default=0):
        return None
    chosen = [number(row[column]) for column in columns]
    return None if any(map(math.isnan, chosen)) else chosen


def _shift(one: list[float], other: list[float]) -> _Row:
    steps = [abs(y - x) for x, y in zip(one, other, strict=True)]
    mass = (sum(map(abs, one)) + sum(map(abs, other))) / 2
    sizes = math.hypot(*one) * math.hypot(*other)
    cosine = math.nan
    if sizes:
        dot = math.fsum(x * y for x, y in zip(one, other, strict=True))
        cosine = max(-1.0, min(1.0, dot / sizes))
    return sum(steps) / mass if mass else 0.0, cosine, steps.index(max(steps))


def _array_rows(numpy: Any, a: _Side, b: _Side) -> list[_Row | None]:
    """The same as `_plain_rows` over arrays, some rows at once; odd rows go the plain way."""
    found: list[_Row | None] = []
    tables = [_table(numpy, side[0]) for side in (a, b)]
    if any(table is None for table in tables) or not a[2]:
        return _plain_rows(a, b)
    step = max(1, _NUMBERS_AT_ONCE // len(a[2]))
    for start in range(0, len(a[1]), step):
        stop = start + step
        # Made floats piece by piece: attributions of images are large, and mostly float32.
        one, other = (
            table[numpy.ix_(side[1][start:stop], side[2])].astype(float)
            for table, side in zip(tables, (a, b), strict=True)
        )
        found += _array_shifts(numpy, one, other)
    return found


def _table(numpy: Any, values: Any) -> Any:
    """Return attributions as an array of numbers with two dimensions; None if they are none."""
    try:
        table = numpy.asarray(values)
        if table.dtype.kind not in "biuf":
            table = table.astype(float)
    except (TypeError, ValueError):
        return None
    return table if table.ndim == 2 else None


def _array_shifts(numpy: Any, one: Any, other: Any) -> list[_Row | None]:
    usable = ((abs(one) <= 1e150) & (abs(other) <= 1e150)).all(axis=1)
    one, other = (numpy.where(usable[:, None], side, 0.0) for side in (one, other))
    steps = abs(other - one)
    mass = (abs(one).sum(axis=1) + abs(other).sum(axis=1)) / 2
    sizes = numpy.linalg.norm(one, axis=1) * numpy.linalg.norm(other, axis=1)
    with numpy.errstate(divide="ignore", invalid="ignore"):
        changes = numpy.where(mass > 0, steps.sum(axis=1) / mass, 0.0)
        cosines = numpy.where(sizes > 0, (one * other).sum(axis=1) / sizes, math.nan).clip(-1, 1)
    columns = steps.argmax(axis=1)
    rows = zip(changes.tolist(), cosines.tolist(), columns.tolist(), usable.tolist(), strict=True)
    return [(change, cosine, column) if good else None for change, cosine, column, good in rows]
