"""What a report looks like, as far as it can be checked without looking."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from gitml.views.report import page
from gitml.views.report.comparison_page import SCRIPTS as COMPARISON
from gitml.views.report.comparison_page import STYLES
from gitml.views.report.drawing import Axis, axis_over, even_axis, ticks
from gitml.views.report.overview_page import SCRIPTS as OVERVIEW
from gitml.views.report.overview_page import STYLES as OVERVIEW_STYLES

TEXTS = ("ink", "soft", "warn", *(f"e{place}" for place in range(8)))
# Normal vision, and without the cones for red, green or blue (Machado, Oliveira and Fernandes,
# "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009; severity 1).
BLIND = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}  # fmt: skip


def colours(name: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6})", page.asset(name)))


def linear(colour: str) -> list[float]:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour: str) -> float:
    return sum(
        weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True)
    )


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def distance(one: str, other: str, matrix: tuple[tuple[float, ...], ...]) -> float:
    """Return how far two colours are apart (in linear light) as somebody sees them."""
    seen = [
        [
            sum(weight * part for weight, part in zip(row, linear(colour), strict=True))
            for row in matrix
        ]
        for colour in (one, other)
    ]
    return max(abs(a - b) for a, b in zip(*seen, strict=True))


@pytest.mark.parametrize("theme", ["base.css", "dark.css"])
def test_every_text_can_be_read(theme: str) -> None:
    found = colours(theme)
    for name in TEXTS:
        for ground in ("bg", "card", "faint"):
            assert contrast(found[name], found[ground]) >= 4.5, (name, ground)
    assert contrast(found["warn"], found["warn-bg"]) >= 4.5
    assert contrast(found["ink"], found["warn-bg"]) >= 4.5


@pytest.mark.parametrize("kind", BLIND)
@pytest.mark.parametrize("theme", ["base.css", "dark.css"])
def test_both_experiments_are_told_apart_by_everybody(theme: str, kind: str) -> None:
    found = colours(theme)
    assert distance(found["e0"], found["e1"], BLIND[kind]) > 0.2


def test_every_asset_is_used_short_and_shipped() -> None:
    used = {*COMPARISON, *OVERVIEW, *STYLES, *OVERVIEW_STYLES, "dark.css"}
    there = {item.name for item in files("gitml.views.report").joinpath("assets").iterdir()}
    assert there == used
    for name in used:
        text = page.asset(name)
        assert text.count("\n") <= 300, name
        assert "</script" not in text.lower(), name
        for sink in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch(",
                     "XMLHttpRequest", "localStorage", ".cookie"):  # fmt: skip
            assert sink not in text, (name, sink)


def test_axes_hold_their_numbers() -> None:
    assert axis_over([1.0, 3.0, None, float("nan")]).holds(3.0)
    assert axis_over([2.0]).at(2.0) == pytest.approx(50)
    assert axis_over([]).low < axis_over([]).high
    assert even_axis([0.0]).at(0.0) == pytest.approx(50)
    assert even_axis([1e308, -1e308]).at(0.0) == pytest.approx(50)
    assert Axis(0, 1).at(7) == 98
    assert ticks(Axis(-0.014, 0.007), 5) == [-0.01, -0.005, 0.0, 0.005]
    assert ticks(Axis(0, 1e-320), 4) == [] or len(ticks(Axis(0, 1e-320), 4)) <= 50
