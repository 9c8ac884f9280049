from __future__ import annotations

import math
import re
from collections.abc import Sequence

import msgspec

from gitml.comparison.contents import HistoryComparison
from gitml.comparison.histories import History, Side, compare
from gitml.outputs.history_columns import Points
from gitml.views import sheet, values
from gitml.views.histories import sections

TITLES = ["brave-otter", "calm-fox", "odd-elk", "deft-yak", "glad-wolf"]


def found(*sides: dict[str, Sequence[float]], scale: float = 1) -> tuple[HistoryComparison, ...]:
    made = []
    for place, (title, metrics) in enumerate(zip(TITLES, sides, strict=False)):
        points = {
            name: Points(ys, [n * (scale if place else 1) for n in range(len(ys))], (), len(ys))
            for name, ys in metrics.items()
        }
        made.append(Side(title, History(title, points) if points else None))
    return compare(made, {"accuracy": "max", "loss": "min"}, "accuracy")


def rising(top: float, count: int = 30) -> list[float]:
    return [top * (1 - math.exp(-n / 6)) for n in range(count)]


def shown(items: Sequence[HistoryComparison], count: int = 2, **options: object) -> str:
    made = sections(items, TITLES[:count], **options)  # type: ignore[arg-type]
    return sheet.text(made, width=80)


TWO = found(
    {"accuracy": rising(0.98), "loss": rising(-0.98), "lr": [0.1] * 30},
    {"accuracy": rising(0.97, 25), "loss": rising(-0.97, 25), "lr": [0.1] * 30},
)


def test_the_primary_metric_has_a_chart_and_every_curve_a_row() -> None:
    text = shown(TWO)
    assert "── brave-otter 0.9722" in text and "╌╌ calm-fox 0.9522" in text
    rows = [line.split() for line in text.splitlines() if "(29)" in line or "(24)" in line]
    assert [row[:3] for row in rows] == [
        ["accuracy", "(max)", "brave-otter"],
        ["calm-fox", rows[1][1], "0.9522"],
        ["loss", "(min)", "brave-otter"],
        ["calm-fox", rows[3][1], "-0.9522"],
    ]
    assert all(values.width(line) <= 80 for line in text.splitlines())


def test_curves_that_are_the_same_are_left_out_unless_all_are_wanted() -> None:
    assert "lr" not in shown(TWO)
    assert "lr" in shown(TWO, everything=True)
    same = found({"loss": [1.0, math.nan, 3.0]}, {"loss": [1.0, math.nan, 3.0]})
    assert sections(same, TITLES[:2]) == []
    assert sections((), TITLES[:2]) == []


def test_ascii_alone_where_the_output_is_not_utf_8() -> None:
    text = shown(TWO, plain=True)
    assert text.isascii()
    assert "a brave-otter" in text and "b calm-fox" in text


def test_markdown_has_the_table_and_no_drawing() -> None:
    text = sheet.markdown(sections(TWO, TITLES[:2]))
    assert "| accuracy (max) | brave-otter |" in text
    assert "│" not in text


def test_only_a_few_metrics_are_shown_and_the_others_are_named() -> None:
    many = {f"m{n}": rising(n + 1.0) for n in range(12)}
    text = shown(found(many, {name: ys[:-1] for name, ys in many.items()}))
    assert "not shown: m2, m3, m4 and 5 more" in text
    assert len(text.splitlines()) < 25


def test_several_experiments_share_one_chart_and_five_have_none() -> None:
    sides = [{"accuracy": rising(0.9 + n / 100)} for n in range(5)]
    four, five = found(*sides[:4]), found(*sides)
    assert "┄┄ odd-elk" in shown(four, 4) and "─╌ deft-yak" in shown(four, 4)
    assert "──" not in shown(five, 5).split("metric")[0]
    assert "glad-wolf" in shown(five, 5)


def test_steps_that_count_different_things_are_not_drawn_over_each_other() -> None:
    text = shown(found({"loss": rising(1, 10)}, {"loss": rising(2, 10)}, scale=938))
    assert "may count different things" in text
    assert "│" not in text
    # Each is as long as the other, though one's steps go much further.
    assert re.search(r"brave-otter  [▁▂▃▄▅]{10} ", text)
    assert re.search(r"calm-fox +[▁▂▃▄▅▆▇█]{10} ", text)


def test_what_is_odd_about_a_curve_is_said() -> None:
    (item,) = found({"loss": [3.0, 2.0, 1.0]}, {"loss": [3.0, 2.0, math.nan]})
    curve = item.curves[0]
    assert curve is not None
    curve = msgspec.structs.replace(curve, missing=2, repeated=1)
    item = msgspec.structs.replace(item, curves=(curve, item.curves[1]))
    text = shown((item,))
    assert "loss: the curves are equal at first, and differ from step 2 on." in text
    assert "loss of brave-otter: 2 steps missing, 1 value measured again later" in text
    assert "loss of calm-fox: 1 value NaN or infinite" in text
    assert "×" in text and "NaN" in text


def test_an_experiment_without_a_curve_has_a_dash() -> None:
    text = shown(found({"loss": rising(1)}, {}))
    assert any(line.split() == ["calm-fox", "–"] for line in text.splitlines())


def test_names_cannot_command_a_terminal() -> None:
    (item,) = found({"a\x1b[31m\nb": [1.0, 2.0, 3.0]}, {"a\x1b[31m\nb": [1.0, 2.0, 4.0]})
    assert "\x1b" not in shown((item,))
