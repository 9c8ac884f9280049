from __future__ import annotations

import json
import math
import random

import msgspec
import pytest

from gitml.comparison.contents import Contents, PlotComparison
from gitml.comparison.result import Compared, Gate, Metric
from gitml.views import comparison as terminal
from gitml.views.report import html
from tests.views.report import held, names, scenes
from tests.views.report.pages import assert_sound, data_of


def test_a_report_says_the_verdict_first_and_draws_its_interval() -> None:
    page = assert_sound(html(scenes.comparison()))
    assert "calm-fox is better. Accuracy is 0.0062 higher in calm-fox (95 % interval" in page.text
    drawn = [item["aria-label"] for item in page.all("svg") if "aria-label" in item]
    assert drawn[0] == (
        "accuracy: difference +0.0062, interval +0.0021 to +0.0103, differences within ± 0.001 "
        "do not matter"
    )
    assert page.text.index("is better.") < page.text.rindex("What differs")


def test_a_report_has_everything_that_was_compared() -> None:
    page = assert_sound(html(scenes.comparison(), command="gitml exp diff A B --html x.html"))
    for said in (
        "train.lr 0.01 → 0.003", "torch 2.10.0 → 2.13.0", "0.9812 ± 0.0023 (5)", "▲ better", "▼ worse",
        "Best and last values", "only calm-fox gets right", "McNemar", "Examples that flipped",
        "Confusion", "Slices", "Calibration", "38,000 → 38,400 parameters", "features.0", "1 NaN or infinite",
        "rank correlation", "Explanations", "plots/loss.png changed: 31.00 % of the pixels differ",
        "It is no plot.", "1 plot without any change", "brave-otter: model/checkpoint.pt",
        "a1" * 20, "gitml exp diff A B --html x.html", "2026-03-04 05:06 UTC",
    ):  # fmt: skip
        assert said in page.text, said
    pictures = [item["src"] for item in page.all("img")]
    assert sum(source.startswith("data:image/png;base64,") for source in pictures) > 20
    assert sum(source.startswith("data:image/svg+xml;base64,") for source in pictures) == 2
    curves = data_of(html(scenes.comparison()))["curves"]
    assert [item["metric"] for item in curves] == ["accuracy", "valid_loss", "train_loss"]
    assert len(curves[0]["series"][1]["runs"]) == 5
    assert None in curves[0]["series"][0]["runs"][0]["y"]


def test_a_chart_that_is_a_description_is_drawn() -> None:
    pytest.importorskip("vl_convert")
    found = scenes.comparison(contents=Contents(plots=(held.chart(names.hostile()),)))
    page = assert_sound(html(found))
    assert [item["src"][:26] for item in page.all("img")] == ["data:image/svg+xml;base64,"] * 2


def test_a_plotly_figure_brings_its_library_and_nothing_else_may_run() -> None:
    pytest.importorskip("plotly")
    figure = (
        b'{"data": [{"type": "bar", "x": ["</script><script>alert(1)"], "y": [1]}], "layout": {}}'
    )
    plot = PlotComparison("plots/x.plotly.json", "plotly", "changed", (figure, figure))
    text = html(scenes.comparison(contents=Contents(plots=(plot,))))
    page = assert_sound(text, foreign=True)
    assert len(page.all("script")) == 5
    assert len(page.policy["script-src"]) == 2
    assert len(html(scenes.comparison())) < 400_000


def test_the_same_comparison_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = html(scenes.comparison())
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert html(scenes.comparison()) == first
    assert "2031-01-01" in html(scenes.comparison(), made="2031-01-01")


@pytest.mark.parametrize("seed", range(len(names.HOSTILE)))
def test_nothing_that_a_name_says_becomes_markup(seed: int) -> None:
    text = html(scenes.comparison(names.hostile(seed)), command=names.HOSTILE[seed])
    page = assert_sound(text)
    friendly = assert_sound(html(scenes.comparison()))
    # The same elements come about, whatever things are called.
    kinds = {tag for tag, _ in friendly.elements}
    assert {tag for tag, _ in page.elements} <= kinds
    assert len(page.all("script")) == 2
    assert "<img src=x" in page.text
    json.dumps(data_of(text))
    assert "\u2028" not in text
    assert "\x1b" not in text


def test_a_bare_comparison_is_a_report_as_well() -> None:
    found = scenes.comparison(
        verdict=None, contents=None, metrics=(), params=(), libraries=(), data=(), code=(),
        command=(), partition=(), environment=(), artifacts=(), notes=(),
    )  # fmt: skip
    page = assert_sound(html(found))
    assert "Nothing that was recorded." in page.text
    assert "Curves" not in page.text
    empty = msgspec.structs.replace(found, contents=Contents())
    assert "Curves" not in assert_sound(html(empty)).text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("worse", "calm-fox is worse."),
        ("practically the same", "They are practically the same."),
        ("can't tell", "Can’t tell which is better."),
        ("single run", "One run each says nothing about noise."),
    ],
)
def test_every_verdict_has_its_headline(kind: str, said: str) -> None:
    verdict = scenes.verdict(kind=kind, interval=None if kind == "single run" else (-0.01, 0.02))
    page = assert_sound(html(scenes.comparison(verdict=verdict)))
    assert said in page.text
    labels = [item.get("aria-label", "") for item in page.all("svg")]
    assert any("difference" in label for label in labels) == (kind != "single run")


def test_what_cannot_be_compared_is_said_before_anything_else() -> None:
    found = scenes.comparison(
        verdict=None, comparable=False, notes=("The test sets differ: 12 of 360 ids are shared.",),
        gate=Gate("accuracy", 0.0, True, "They can't be compared."),
    )  # fmt: skip
    page = assert_sound(html(found))
    start = page.text.index("Their metrics can’t be compared.")
    assert start < page.text.index("The gate failed:") < page.text.index("The test sets differ")
    assert page.text.index("The test sets differ") < page.text.rindex("What differs")


def test_three_experiments_stand_side_by_side() -> None:
    names = ("a", "b", "a")
    experiments = tuple(
        Compared(name, f"{place}" * 40, "main", "completed", "2026-01-01T00:00:00Z", "", 1.0)
        for place, name in enumerate(names)
    )
    row = Metric(
        "acc", (0.1, 0.9, "NaN"), (False,) * 3, None, None, "max", True, (None, 0.8, None), 1
    )
    two = held.histories()[0]
    history = msgspec.structs.replace(
        two,
        curves=(*two.curves, None),
        replicates=(),
        best=(*two.best, None),
        last=(*two.last, None),
    )
    found = scenes.comparison(
        experiments=experiments, level="", verdict=None, metrics=(row,), params=(), libraries=(),
        data=(), code=(), command=(), partition=(), environment=(), artifacts=(),
        contents=Contents(histories=(history,)),
    )  # fmt: skip
    page = assert_sound(html(found))
    assert "b has the best acc: 0.9." in page.text
    assert terminal.titles_of(experiments)[0] == "a 0000000"
    assert "a 0000000" in page.text


def test_numbers_that_are_none_do_not_break_a_report() -> None:
    wild = scenes.verdict(
        difference=math.inf, interval=(-math.inf, math.nan), means=(None, math.nan)
    )
    history = held.histories()[0]
    curve = history.curves[0]
    assert curve is not None
    odd = msgspec.structs.replace(
        curve, values=(math.nan, math.inf, -math.inf, 1e308), steps=(0.0, 1.0, 1.0, 2e300)
    )
    found = scenes.comparison(
        verdict=wild,
        contents=Contents(
            histories=(msgspec.structs.replace(history, curves=(odd, None), best=(), last=()),)
        ),
    )
    text = html(found)
    assert_sound(text)
    assert data_of(text)["curves"][0]["series"][0]["runs"][0]["y"][:3] == [None, None, None]


def test_long_histories_stay_small() -> None:
    histories = tuple(
        msgspec.structs.replace(item, metric=f"{item.metric} {number}")
        for number in range(30)
        for item in held.histories(count=600)
    )
    assert len(html(scenes.comparison(contents=Contents(histories=histories)))) < 2_500_000


def test_pictures_beyond_what_a_page_takes_are_named() -> None:
    noise = random.Random(1).randbytes(7_000_000)
    image = b"\x89PNG\r\n\x1a\n" + noise
    plots = tuple(
        PlotComparison(f"plots/{n}.png", "image", "changed", (image, image)) for n in range(3)
    )
    text = html(scenes.comparison(contents=Contents(plots=plots)))
    assert len(text) < 34_000_000
    assert "7.0 MB are too much for this page." in assert_sound(text).text


def test_a_picture_that_is_none_is_left_out() -> None:
    plots = (PlotComparison("plots/x.png", "image", "changed", (b"<html><script>alert(1)", b"")),)
    page = assert_sound(html(scenes.comparison(contents=Contents(plots=plots))))
    assert "plots/x.png" in page.text
    assert not page.all("img")


def test_large_pictures_of_examples_are_left_out_and_counted() -> None:
    found = held.predictions()
    huge = b"\x89PNG\r\n\x1a\n" + bytes(7_000_000)
    few = tuple(msgspec.structs.replace(one, content=huge) for one in found.pictures[:3])
    shown = Contents(predictions=(msgspec.structs.replace(found, pictures=few),))
    text = html(scenes.comparison(contents=shown))
    assert len(text) < 10_000_000  # one of them, in base 64
    assert "2 pictures would be too much for this page." in text


def test_single_runs_say_who_is_ahead_and_that_it_may_be_noise() -> None:
    single = scenes.verdict(kind="single run", interval=None, runs=(1, 1))
    page = assert_sound(html(scenes.comparison(verdict=single)))
    assert "calm-fox is ahead, by one run each. Accuracy is 0.9874 in calm-fox" in page.text
    assert "One run each says nothing about noise." in page.text


def test_curves_say_what_is_odd_about_them_and_where_they_part() -> None:
    whole = held.histories()[0]
    own, other = whole.curves
    assert own is not None
    odd = msgspec.structs.replace(
        whole, parted=2.0, curves=(msgspec.structs.replace(own, odd=1), other)
    )
    for item, parted in ((odd, None), (msgspec.structs.replace(odd, parted=3.0), 3)):
        found = data_of(html(scenes.comparison(contents=Contents(histories=(item,)))))
        assert found["curves"][0]["parted"] == parted
        assert found["curves"][0]["note"] == "accuracy of brave-otter: 1 value NaN or infinite."


def test_predictions_that_are_all_equal_have_no_empty_bar() -> None:
    found = held.predictions()
    assert found.comparison is not None
    agreement = found.comparison.agreement
    assert agreement is not None
    equal = msgspec.structs.replace(
        found.comparison, agreement=msgspec.structs.replace(agreement, wins=0, losses=0)
    )
    shown = Contents(predictions=(msgspec.structs.replace(found, comparison=equal),))
    page = assert_sound(html(scenes.comparison(contents=shown)))
    assert "Both get the same examples right." in page.text


def test_an_experiment_beside_itself_is_no_repeat() -> None:
    one = scenes.comparison().experiments[0]
    found = scenes.comparison(verdict=None, level="identical", experiments=(one, one))
    assert "One experiment, compared with itself." in html(found)


def test_blocks_of_which_only_statistics_changed_are_one_line() -> None:
    found = held.weights()
    still = msgspec.structs.replace(found.blocks[0], name="norm.1", relative=0.0, statistics=2)
    item = msgspec.structs.replace(found, blocks=(*found.blocks, still))
    page = assert_sound(html(scenes.comparison(contents=Contents(weights=(item,)))))
    assert "In 1 block only running statistics of normalisation changed." in page.text
    assert "norm.1" not in page.text
