from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.views import values

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.98765432, "0.987654"),
        (1.0, "1.0"),
        (1, "1"),
        (10**12, "1000000000000"),
        (1e-5, "1e-05"),
        (1234567.0, "1.23457e+06"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (True, "true"),
        (None, "null"),
        ("", '""'),
        ("adam", "adam"),
        ("NaN", "NaN"),
    ],
)
def test_a_value_looks_the_same_everywhere(value: object, shown: str) -> None:
    assert values.scalar(value) == shown  # type: ignore[arg-type]


@given(st.text())
def test_nothing_that_a_terminal_obeys_survives(text: str) -> None:
    shown = values.escape(text)
    assert shown.isprintable()
    assert values.escape(shown) == shown


def test_escapes_name_the_character() -> None:
    assert values.escape("a\x1b[31m\nb\u202e\udc80") == "a\\x1b[31m\\nb\\u202e\\udc80"


@given(st.text(st.characters(categories=["L", "N", "P", "S"])), st.integers(1, 40))
def test_a_cut_text_fits(text: str, columns: int) -> None:
    for middle in (False, True):
        shown = values.cut(text, columns, middle=middle)
        assert values.width(shown) <= columns
        assert values.width(text) > columns or shown == text


def test_paths_are_cut_in_the_middle() -> None:
    assert values.cut("outputs/run/model.safetensors", 15, middle=True) == "outputs…tensors"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "40 ms"),
        (0.9996, "1.0 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (59.7, "1 min 00 s"),
        (3725, "1 h 02 min"),
        (200_000, "2 d 7 h"),
        (math.nan, "–"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert values.duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_240_000, "1.2 MB"), (3 * 10**15, "3000 TB")],
)
def test_sizes_are_decimal(count: int, shown: str) -> None:
    assert values.size(count) == shown


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (timedelta(seconds=5), "5 s ago"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=30), "30 h ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=100), "2025-12-04"),
    ],
)
def test_ages(ago: timedelta, shown: str) -> None:
    assert values.age((NOW - ago).isoformat(), NOW) == shown


def test_a_time_in_the_future_or_none_at_all_is_shown_as_it_is() -> None:
    assert values.age("soon\x07", NOW) == "soon\\x07"
    assert values.age("2027-01-01T12:00:00Z", NOW).startswith("2027-01-01")
    assert values.age_of(1e30) == "–"


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        (0.97, 0.98, "+0.01"),
        (3, 1, "-2"),
        (1.0, 1.0, "0"),
        ("NaN", 1.0, ""),
        (1.0, "Infinity", "+Infinity"),
        ("adam", 1.0, ""),
        (None, 1.0, ""),
        (True, 1, ""),
    ],
)
def test_changes_carry_their_sign(old: object, new: object, shown: str) -> None:
    assert values.change(old, new) == shown  # type: ignore[arg-type]


def test_commands_are_one_line() -> None:
    assert values.command(["python", "a b.py", "--x=\n"]) == "python 'a b.py' '--x=\\n'"
