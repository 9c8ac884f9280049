"""Sections on predictions, importances and explanations: short, and harmless whatever is named."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from gitml.comparison.contents import (
    ComparedExplanations,
    ComparedImportances,
    ComparedPredictions,
    Picture,
)
from gitml.comparison.statistics.attributions import Attributions, compare_attributions
from gitml.comparison.statistics.joined import Predictions
from gitml.comparison.statistics.predictions import compare_predictions
from gitml.comparison.statistics.rankings import compare_rankings
from gitml.views import importances, predictions, sheet

TITLES = ("brave-otter", "calm-fox")
EVIL = "\x1b[31m\nred"


def run(seed: int, rate: float, many: int = 400, **options: Any) -> Predictions:
    truth = [random.Random(i).randrange(6) for i in range(many)]
    generator = random.Random(seed)
    guess = [one if generator.random() < rate else (one + 1) % 6 for one in truth]
    return Predictions([f"image-{i}" for i in range(many)], truth, guess, **options)


def shown(*found: ComparedPredictions, width: int = 80) -> str:
    return sheet.text(predictions.sections(found, TITLES), width=width)


def compared(a: Any, b: Any, **options: Any) -> ComparedPredictions:
    return ComparedPredictions("predictions.csv", compare_predictions(a, b), **options)


def test_a_comparison_fits_a_terminal() -> None:
    site = {"site": ["abcdefghijklmnop"[i // 40] for i in range(400)]}
    a, b = run(1, 0.9, slices=site), run(2, 0.8, slices=site)
    text = shown(compared(a, b))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 60
    assert "400 examples, joined by id." in text
    assert "more than chance explains" in text
    assert "site = " in text
    assert "taken for" in text
    assert text.count("now right") <= 9


def test_a_clear_difference_is_painted_and_an_unclear_one_is_not() -> None:
    for rates, code in (((0.9, 0.7), "\x1b[31m"), ((0.7, 0.9), "\x1b[32m"), ((0.9, 0.9), "")):
        found = compared(run(1, rates[0]), run(2, rates[1]))
        section = predictions.sections([found], TITLES)[0]
        text = sheet.text([section], colour=True)
        row = next(line for line in text.splitlines() if line.strip().startswith("accuracy"))
        assert (code in row) if code else ("\x1b" not in row)


def test_scores_are_shown_as_what_they_are() -> None:
    scores = [0.9] * 400
    text = shown(compared(run(1, 0.9, scores=scores), run(2, 0.8, scores=scores)))
    assert "(0.90)" in text
    assert "In brackets: the confidence in the prediction." in text
    assert "Calibration error (ECE)" in text
    rows = [[0.5] * 6] * 400
    text = shown(compared(run(1, 0.9, scores=rows), run(2, 0.8, scores=rows)))
    assert "In brackets: the probability of the truth." in text
    assert "brier" in text


def test_regression_has_errors_and_no_flips() -> None:
    generator = random.Random(3)
    truth = [generator.random() for _ in range(200)]
    a, b = (
        Predictions(list(range(200)), truth, [one + generator.gauss(0, noise) for one in truth])
        for noise in (0.1, 0.3)
    )
    text = shown(compared(a, b))
    assert "rmse" in text
    assert "calm-fox is closer to the truth on" in text
    assert "Examples that moved" in text
    assert "further off" in text
    assert "Flipped" not in text and "McNemar" not in text


def test_equal_predictions_are_short() -> None:
    text = shown(compared(run(1, 0.9), run(1, 0.9)))
    assert "0 % of the predictions differ." in text
    assert "Flipped" not in text and "Confusions" not in text


def test_what_cannot_be_compared_says_why() -> None:
    text = shown(ComparedPredictions("p.csv", None, (), ("p.csv has no ids.",)))
    assert text == "Predictions\n  p.csv has no ids."
    none = compared(run(1, 0.9), msgspec.structs.replace(run(2, 0.9), ids=list(range(400))))
    assert "No example can be compared" in shown(none)


def test_several_files_are_told_apart() -> None:
    one = compared(run(1, 0.9), run(2, 0.8))
    text = shown(one, msgspec.structs.replace(one, path="test/hard.csv"))
    assert "Predictions of predictions.csv" in text
    assert "Flipped examples of test/hard.csv" in text


def test_pictures_are_pointed_at() -> None:
    picture = Picture("image-1", "image/png", b"")
    assert "1 picture in the report." in shown(
        compared(run(1, 0.9), run(2, 0.8), pictures=(picture,))
    )


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_hostile_names_reach_no_terminal(form: str) -> None:
    ids = [f"{EVIL}{i}" for i in range(60)]
    column = {EVIL: [EVIL, "x"] * 30}
    a = Predictions(ids, [EVIL] * 60, [EVIL] * 60, slices=column)
    b = Predictions(ids, [EVIL] * 60, ["<b>"] * 60, slices=column)
    found = [compared(a, b, notes=(EVIL,)), ComparedPredictions(EVIL, None, (), (EVIL,))]
    ranked = compare_rankings({EVIL: 1.0, "x": 2.0}, {EVIL: 2.0, "y": 2.0})
    moved = compare_attributions(
        Attributions(ids, [[1.0]] * 60, [EVIL]), Attributions(ids, [[2.0]] * 60, [EVIL])
    )
    sections = [
        *predictions.sections(found, (EVIL, EVIL)),
        *importances.sections(
            [ComparedImportances(EVIL, ranked, (EVIL,))] * 2,
            [ComparedExplanations(EVIL, moved, (EVIL,))],
            (EVIL, EVIL),
        ),
    ]
    text = sheet.text(sections, width=80) if form == "text" else sheet.markdown(sections)
    assert "\x1b" not in text
    assert "\nred" not in text
    if form == "markdown":
        assert "<b>" not in text


def test_importances_have_bars_and_ranks() -> None:
    a = {f"feature-{i}": float(30 - i) for i in range(30)}
    b = {**a, "feature-29": 200.0, "new": 5.0}
    found = ComparedImportances("importance.json", compare_rankings([a, a], [b, b]))
    text = sheet.text(importances.sections([found], [], TITLES), width=80)
    assert "30 → 1" in text
    assert "████████" in text
    assert "Only calm-fox has new." in text
    assert "Other seeds alone: 1.00 (brave-otter)" in text
    assert max(map(len, text.splitlines())) <= 80
    plain = sheet.text(importances.sections([found], [], TITLES, plain=True), width=80)
    assert "########" in plain and "█" not in plain


def test_what_explanations_or_importances_cannot_tell_is_said_or_left_out() -> None:
    two = ComparedImportances("i.json", compare_rankings({"a": 1, "b": 2}, {"a": 2, "b": 1}))
    other = compare_attributions(
        Attributions(["a"], [[1.0, 2.0, 3.0]], ["x", "y", "z"]),
        Attributions(["a"], [[1.0, 2.0]], ["x", "new"]),
    )
    sections = importances.sections([two], [ComparedExplanations("e.csv", other)], TITLES)
    text = sheet.text(sections, width=80)
    assert "Rank correlation" not in text, "of two features it is 1 or -1 whatever they are"
    assert "2 features of brave-otter not on the other side, left out." in text
    assert "1 feature of calm-fox not on the other side, left out." in text


def test_equal_importances_and_lost_explanations_say_so() -> None:
    same = ComparedImportances("i.json", compare_rankings({"a": 1.0}, {"a": 2.0}))
    nothing = compare_attributions(
        Attributions(["a"], [[1.0]], ["x"]), Attributions(["b"], [[1.0]], ["x"])
    )
    sections = importances.sections([same], [ComparedExplanations("e.csv", nothing)], TITLES)
    text = sheet.text(sections, width=80)
    assert "All importances are the same." in text
    assert "No example can be compared" in text
    assert "1 id of brave-otter not on the other side, left out." in text
