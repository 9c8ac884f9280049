from __future__ import annotations

import msgspec

from gitml.comparison.result import Metric, Repeated, Verdict
from gitml.views import comparison, documents, sheet
from tests.views.test_sheets import made_comparison

EVIL = "a\x1b[31mevil\nname"
BAD = Repeated(
    means=(0.5, 0.9),
    deviations=(0.01, 0.02),
    runs=(2, 2),
    not_finite=(0, 1),
    difference=0.4,
    interval=None,
    confidence=None,
    pairs=0,
    adjusted_p=None,
    better=None,
)
METRIC = Metric(EVIL, (0.5, 0.9), (False, False), 0.4, True, "max", True, (None, 0.4), 1, BAD)
VERDICT = Verdict(
    kind="can't tell",
    sentence=f"Can't tell: {EVIL}",
    metric=EVIL,
    goal="max",
    min_effect=0.0,
    means=BAD.means,
    deviations=BAD.deviations,
    runs=(2, 2),
    difference=0.4,
    interval=None,
    confidence=None,
)


def test_a_verdict_obeys_nothing_that_a_name_says() -> None:
    found = made_comparison("A", EVIL, metrics=(METRIC,), verdict=VERDICT)
    sections = comparison.sections(found)
    for text in (sheet.text(sections), sheet.text(sections, width=50), sheet.markdown(sections)):
        assert "\x1b" not in text
        assert "evil\n" not in text
    msgspec.json.encode(documents.plain(found))


def test_what_is_left_of_a_side_that_diverged_is_not_held_against_the_other() -> None:
    found = made_comparison("A", "B", metrics=(METRIC,), verdict=VERDICT)
    shown = sheet.text(comparison.sections(found))
    assert "not finite in 1 of 3" in shown
    assert "0.500 ± 0.010 (2)" in shown
    assert "+0.4" not in shown
    assert "better" not in shown


def test_replicates_that_tell_better_from_worse_are_coloured() -> None:
    for better, code in ((True, "\x1b[32mbetter"), (False, "\x1b[31mworse")):
        repeated = msgspec.structs.replace(BAD, not_finite=(0, 0), better=better)
        row = msgspec.structs.replace(METRIC, name="acc", repeated=repeated)
        found = made_comparison("A", "B", metrics=(row,), verdict=VERDICT)
        assert code in sheet.text(comparison.sections(found), colour=True)
        assert "\x1b" not in sheet.text(comparison.sections(found))
