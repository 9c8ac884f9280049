"""Explanations of single predictions, compared by id."""

from __future__ import annotations

import math
import random
import sys
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cosine

from gitml.comparison.statistics import attributions
from gitml.comparison.statistics.attributions import Attributions, compare_attributions
from gitml.errors import UsageError


@pytest.fixture(params=["numpy", "plain"], autouse=True)
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run with numpy, and as if it weren't installed."""
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "numpy", None)
    return str(request.param)


def table(many: int, seed: int, width: int = 4) -> list[list[float]]:
    generator = random.Random(seed)
    return [[generator.gauss(0, 1) for _ in range(width)] for _ in range(many)]


def test_examples_are_joined_by_id_and_compared_by_cosine_and_shift() -> None:
    one, other = table(20, 1), table(20, 2)
    found = compare_attributions(
        Attributions(range(20), one), Attributions(range(19, -1, -1), other[::-1])
    )
    assert found.examples == 20
    for shift in found.shifted:
        x, y = one[int(shift.id)], other[int(shift.id)]
        steps = [abs(b - a) for a, b in zip(x, y, strict=True)]
        assert shift.cosine == pytest.approx(1 - cosine(x, y))
        mass = (sum(map(abs, x)) + sum(map(abs, y))) / 2
        assert shift.change == pytest.approx(sum(steps) / mass)
        assert shift.feature == str(steps.index(max(steps)))
    changes = [shift.change for shift in found.shifted]
    assert changes == sorted(changes, reverse=True)
    assert found.median_change == pytest.approx(np_median(changes))


def np_median(values: list[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return (ordered[half - 1] + ordered[half]) / 2 if len(ordered) % 2 == 0 else ordered[half]


def test_nothing_moved_is_zero_and_nothing_shared_is_two() -> None:
    ids = ["same", "apart", "zero", "none"]
    found = compare_attributions(
        Attributions(ids, [[1.0, 2.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
        Attributions(ids, [[1.0, 2.0], [0.0, 1.0], [3.0, 0.0], [0.0, 0.0]]),
    )
    rows = {shift.id: (shift.change, shift.cosine) for shift in found.shifted}
    assert rows["same"] == (0.0, pytest.approx(1.0))
    assert rows["apart"] == (2.0, 0.0)
    assert rows["zero"] == (2.0, None)
    assert rows["none"] == (0.0, None)


def test_features_are_matched_by_name() -> None:
    found = compare_attributions(
        Attributions(["a"], [[1.0, 2.0, 9.0]], ("x", "y", "old")),
        Attributions(["a"], [[5.0, 2.0, 1.0]], ("new", "y", "x")),
    )
    assert found.features == 2
    assert (found.features_only_a, found.features_only_b) == (1, 1)
    assert found.shifted[0].change == 0
    nothing = compare_attributions(
        Attributions(["a"], [[1.0]], ("x",)), Attributions(["a"], [[1.0]], ("y",))
    )
    assert (nothing.features, nothing.examples, nothing.not_finite) == (0, 0, 0)


@pytest.mark.parametrize("bad", [[math.nan, 1.0], [math.inf, 1.0], [1.0], None, ["x", 1.0]])
def test_rows_that_are_no_numbers_are_left_out_and_counted(bad: Any) -> None:
    good = [[1.0, 2.0], [3.0, 4.0]]
    found = compare_attributions(
        Attributions(["a", "b"], good), Attributions(["a", "b"], [good[0], bad])
    )
    assert (found.examples, found.not_finite) == (1, 1)


def test_ids_that_are_missing_or_repeated_are_left_out_and_counted() -> None:
    found = compare_attributions(
        Attributions(["a", "b", "c", "c"], table(4, 1)), Attributions(["b", "c", "d"], table(3, 2))
    )
    assert (found.examples, found.only_a, found.only_b, found.repeated) == (1, 1, 1, 1)


def test_the_list_is_bounded() -> None:
    one, other = Attributions(range(50), table(50, 1)), Attributions(range(50), table(50, 2))
    assert len(compare_attributions(one, other, limit=7).shifted) == 7


def test_without_numpy_very_many_examples_are_sampled(
    either: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attributions, "MOST_PLAIN", 30)
    one, other = Attributions(range(50), table(50, 1)), Attributions(range(50), table(50, 2))
    found = compare_attributions(one, other)
    assert (found.examples, found.sampled) == ((30, 30) if either == "plain" else (50, 0))
    assert compare_attributions(one, other) == found


def test_wrong_shapes_are_told() -> None:
    good = Attributions(["a"], [[1.0, 2.0]])
    for bad, words in (
        (Attributions(["a", "b"], [[1.0, 2.0]]), "2 ids and 1 rows"),
        (Attributions(["a"], [[1.0, 2.0]], ("x",)), "2 columns and 1 features"),
        (Attributions(["a"], [1.0]), "one number an example"),
    ):
        with pytest.raises(UsageError, match=words):
            compare_attributions(good, bad)


def test_numbers_without_names_are_matched_only_when_there_are_as_many() -> None:
    twelve, fifteen = Attributions(["a"], table(1, 1, 12)), Attributions(["a"], table(1, 2, 15))
    for pair in ((twelve, fifteen), (fifteen, twelve)):
        with pytest.raises(UsageError, match="which of them belong together"):
            compare_attributions(*pair)
    named = Attributions(["a"], table(1, 3, 12), tuple("abcdefghijkl"))
    assert compare_attributions(twelve, named).features == 12


def test_tables_are_looked_at_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Attributions(range(50), np.array(table(50, 1), dtype=np.float32))
    other = Attributions(range(50), np.array(table(50, 2), dtype=np.float32))
    whole = compare_attributions(one, other)
    monkeypatch.setattr(attributions, "_NUMBERS_AT_ONCE", 9)
    assert compare_attributions(one, other) == whole


def test_empty_tables_are_no_error() -> None:
    empty = Attributions([], [])
    assert compare_attributions(empty, empty).median_change is None


def test_arrays_of_any_shape_are_flattened_to_rows() -> None:
    values = np.arange(24, dtype=np.float32).reshape(3, 2, 2, 2)
    found = compare_attributions(Attributions(range(3), values), Attributions(range(3), values + 1))
    assert (found.features, found.examples) == (8, 3)
