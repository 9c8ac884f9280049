from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st

from gitml.comparison.downsampling import places_kept

numbers = st.floats(allow_nan=False, allow_infinity=False)
anything = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(numbers, min_size=1, max_size=300), st.integers(4, 80))
@example([1e308, 1e308, -1e308, 3.0, 1e308] * 9, 8)  # the sum of which is no number
def test_the_ends_and_the_extremes_are_kept(values: list[float], most: int) -> None:
    places = list(places_kept(values, most))
    assert places == sorted(set(places))
    assert len(places) <= most
    kept = [values[place] for place in places]
    assert kept[0] == values[0] and kept[-1] == values[-1]
    assert (min(kept), max(kept)) == (min(values), max(values))


@given(st.lists(anything, min_size=1, max_size=300), st.integers(7, 80))
def test_what_is_not_finite_leaves_an_example_of_its_kind(values: list[float], most: int) -> None:
    places = list(places_kept(values, most))
    assert len(places) <= most
    kept = [values[place] for place in places]
    finite = [value for value in values if math.isfinite(value)]
    for choose in (min, max):
        if finite:
            assert choose(finite) in kept
    assert {str(value) for value in values} & {"nan", "inf", "-inf"} <= {str(v) for v in kept}


def test_a_spike_of_one_step_in_a_million_survives() -> None:
    values = [0.5] * 1_000_000
    values[765_432] = 99.0
    assert 765_432 in places_kept(values, 500)


def test_one_value_that_is_none_takes_no_room_from_the_others() -> None:
    values = [math.sin(n) for n in range(10_000)]
    whole = len(places_kept(values, 400))
    values[5_000] = math.nan
    assert len(places_kept(values, 400)) >= whole - 4


def test_a_short_curve_stays_as_it_is() -> None:
    assert list(places_kept([1.0, 2.0, 3.0], 3)) == [0, 1, 2]
    assert list(places_kept(range(10), 2)) == [0, 9]
