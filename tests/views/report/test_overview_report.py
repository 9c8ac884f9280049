from __future__ import annotations

import msgspec
import pytest

from gitml.history.rows import Goals
from gitml.views.report import overview
from tests.views.report import many, names
from tests.views.report.pages import assert_sound, data_of


def test_the_best_experiment_comes_first() -> None:
    found = many.overview(60)
    page = assert_sound(overview(found, command="gitml report --all"))
    best = found.studies[0].row
    assert best is not None
    assert f"{best.experiment} has the best accuracy: 0.9" in page.text
    assert "60 experiments" in page.text
    assert "The branch exp/odd can't be read." in page.text
    assert (
        page.text.index("has the best")
        < page.text.rindex("Champions")
        < page.text.rindex("Best so far")
    )
    assert "The same in all: epochs 15" in page.text
    assert len(page.all("tr")) == 60 + 2 + 1 + 1


def test_charts_get_every_value_of_the_table() -> None:
    found = many.overview(60)
    data = data_of(overview(found))
    columns = {column["title"]: column for column in data["values"]}
    place = 17
    row = found.rows[place]
    assert columns["accuracy"]["v"][place] == pytest.approx(row.metrics["accuracy"], rel=1e-5)
    optimizer = columns["train.optimizer"]
    assert optimizer["texts"][optimizer["v"][place]] == row.params["train.optimizer"]
    assert columns["model.dropout"]["v"][3] is None
    assert columns["loss"]["v"][5] is None  # NaN
    assert {item["metric"] for item in data["curves"]} == {"accuracy", "valid_loss"}
    assert data["curves"][0]["runs"][place]["x"] == {"start": 0, "step": 1}
    assert data["primary"] == "accuracy"


def test_a_thousand_experiments_stay_below_two_megabytes() -> None:
    assert len(overview(many.overview(1_000))) < 2_000_000


def test_the_same_experiments_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = overview(many.overview(20))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert overview(many.overview(20)) == first


@pytest.mark.parametrize("seed", range(len(names.HOSTILE)))
def test_nothing_that_an_experiment_is_called_becomes_markup(seed: int) -> None:
    text = overview(many.overview(12, names.hostile(seed)), command=names.HOSTILE[seed])
    page = assert_sound(text)
    assert {tag for tag, _ in page.elements} <= {
        tag for tag, _ in assert_sound(overview(many.overview(12))).elements
    }
    data_of(text)
    assert "\u2028" not in text


@pytest.mark.parametrize("count", [0, 1])
def test_few_experiments_have_no_charts(count: int) -> None:
    found = msgspec.structs.replace(
        many.overview(count, points=3), studies=many.overview(2).studies
    )
    page = assert_sound(overview(found))
    assert "Settings and results" not in page.text
    assert ("Nothing matches." in page.text) == (count == 0)


def test_without_a_goal_nothing_is_called_best() -> None:
    found = msgspec.structs.replace(many.overview(10), goals=Goals())
    page = assert_sound(overview(found))
    assert "No primary metric says which is best." in page.text
    assert "Best so far" not in page.text
    assert "Champions" not in page.text


def test_what_was_left_out_is_said() -> None:
    found = msgspec.structs.replace(many.overview(10), cut=90, total=200, where="params.lr < 0.1")
    page = assert_sound(overview(found))
    assert "10 experiments of 200 where params.lr < 0.1" in page.text
    assert "90 older ones are left out" in page.text
