from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.views.curves import Line, bar, resampled, row, share, sparkline
from gitml.views.line_chart import chart

numbers = st.floats(allow_nan=True, allow_infinity=True)


def test_sparklines_go_from_the_lowest_to_the_highest_block() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], plain=True) == "_.-=+*#@"
    assert sparkline([1, math.nan, 1]) == "▁×▁"
    assert sparkline([math.nan, math.inf]) == "××"
    assert sparkline([]) == ""
    assert len(sparkline(list(range(1000)), 24)) == 24


def test_a_spike_is_seen_however_many_points_there_are() -> None:
    points = [0.1] * 10_000
    points[5_000] = 1.0
    assert sparkline(points, 24).count("█") == 1


def test_curves_over_the_same_range_can_be_compared() -> None:
    low, high = Line([0, 1], [0.0, 0.5]), Line([0, 1, 2, 3], [0.5, 0.6, 0.8, 1.0])
    assert row(low, 4, (0, 3), (0.0, 1.0)) == "▁▅  "
    assert row(high, 4, (0, 3), (0.0, 1.0)) == "▅▅▇█"


def test_columns_between_points_are_filled_in_evenly() -> None:
    assert resampled(Line([0, 4], [0.0, 4.0]), 5, (0, 4), (0, 4)) == [0, 1, 2, 3, 4]


@given(st.lists(numbers, min_size=1, max_size=60), st.integers(1, 40), st.booleans())
def test_any_values_fit_in_their_columns(values: list[float], columns: int, plain: bool) -> None:
    drawn = sparkline(values, columns, plain=plain)
    assert len(drawn) == min(columns, len(values))
    assert drawn.isascii() or not plain


@given(numbers, st.floats(-1e308, 1e308), st.floats(-1e308, 1e308))
def test_a_share_is_between_0_and_1(value: float, low: float, high: float) -> None:
    if math.isfinite(value):
        assert 0 <= share(value, low, high) <= 1


def test_bars_have_eighths() -> None:
    assert bar(1, 1, 4) == "████"
    assert bar(0.5, 1, 3) == "█▌"
    assert bar(1e-9, 1, 4) == "▏"
    assert bar(0.5, 1, 4, plain=True) == "##"
    for value in (0, -1, math.nan, math.inf):
        assert bar(value, 1, 4) == ""


RISING = Line(range(50), [n / 49 for n in range(50)], "up")
FALLING = Line(range(50), [1 - n / 49 for n in range(50)], "down")


def test_two_curves_are_told_apart_without_colours() -> None:
    assert chart([RISING, FALLING], 60, 8) == [
        "1 │⠉⠂ ⢄⡀                                 ⢀⣀⡠⠔⠒⠉  ── up 1.0",
        "  │      ⠑⠂ ⢄⡀                      ⢀⡠⠤⠒⠊⠁",
        "  │            ⠒⠂ ⣀⡀          ⢀⣀⠤⠒⠒⠉⠁",
        "  │                  ⠒⠄ ⣀⣀⡠⠤⠒⠉⠁",
        "  │                ⢀⣀⠤⠒⠊⠉⠁ ⠒⠄ ⡀",
        "  │          ⢀⣀⠤⠤⠒⠉⠁          ⠈⠁ ⠤⠄ ⡀",
        "  │     ⢀⡠⠤⠒⠊⠁                      ⠈⠁ ⠤⠄",
        "0 │⣀⠤⠔⠊⠉⠁                                 ⠉⠁ ⠤⡀  ╌╌ down 0.0",
        "   0                   step                  49",
    ]


def test_in_ascii_each_curve_is_a_letter() -> None:
    drawn = chart([RISING, FALLING], 60, 8, plain=True)
    assert all(line.isascii() for line in drawn)
    cells = "".join(line.split("|", 1)[-1][:40] for line in drawn[:-1])
    assert cells.count("a") > 20 and cells.count("b") > 20
    assert drawn[0].endswith("a up 1.0") and drawn[7].endswith("b down 0.0")


def test_losses_over_many_decades_have_a_log_scale_and_accuracies_that_begin_at_0_have_not() -> (
    None
):
    loss = Line(range(60), [math.exp(-n / 4) for n in range(60)], "a")
    assert "step, log scale" in chart([loss], 60, 6)[-1]
    accuracy = Line(range(60), [1e-6, *[0.5 + n / 200 for n in range(59)]], "a")
    assert "log" not in chart([accuracy], 60, 6)[-1]


def test_names_of_curves_that_end_together_have_rows_of_their_own() -> None:
    lines = [Line([0, 1, 2], [0.0, 0.5, 1.0], name) for name in ("one", "two", "three", "four")]
    drawn = chart(lines, 60, 5)
    for name in ("one", "two", "three", "four"):
        assert sum(f" {name} " in line for line in drawn) == 1


@pytest.mark.parametrize(
    "lines",
    [
        [Line([], [], "a")],
        [Line([1], [2.0], "a")],
        [Line([1, 2], [math.nan, math.inf], "a")],
    ],
)
def test_what_is_no_curve_is_not_drawn(lines: list[Line]) -> None:
    assert chart(lines, 60, 6) == []


def test_a_terminal_that_is_too_narrow_gets_no_chart() -> None:
    assert chart([RISING], 24, 6) == []


@given(
    st.lists(st.lists(numbers, min_size=1, max_size=30), min_size=1, max_size=4),
    st.integers(30, 100),
    st.integers(4, 10),
    st.booleans(),
)
def test_any_curves_fit_in_their_frame(
    curves: list[list[float]], width: int, height: int, plain: bool
) -> None:
    lines = [Line(range(len(ys)), ys, "x") for ys in curves]
    drawn = chart(lines, width, height, plain=plain)
    assert len(drawn) in (0, height + 1)
    assert all(len(line) <= width for line in drawn)
