"""`outputs.keep` of gitml.yaml: read as written, and every mistake with its line."""

from __future__ import annotations

import pytest

from gitml import config
from gitml.config import Keep, MetricGoal, Retention
from gitml.config_keep import ranking
from gitml.errors import ConfigError


def test_rules_are_read_and_take_goals_from_the_metrics() -> None:
    text = (
        "metrics: {acc: {goal: max, primary: true}, loss: min}\n"
        "outputs:\n"
        "  keep:\n"
        "    weights: {last: 1, best: 2, by: loss}\n"
        "    checkpoints: {best: 1}\n"
    )
    found = config.parse(text.encode())
    assert found.outputs.keep == Keep(Retention(1, 2, "loss"), Retention(best=1))
    assert found.outputs.keep and "outputs.keep" in found.declared
    assert ranking(Retention(1, 2, "loss"), found.metrics) == ("loss", "min")
    assert ranking(Retention(best=1), found.metrics) == ("acc", "max")
    assert ranking(Retention(best=1, by="f1", goal="max"), {"f1": MetricGoal()}) == ("f1", "max")


def test_without_rules_everything_is_kept() -> None:
    assert not config.parse(b"outputs: {shard: true}").outputs.keep
    assert not config.parse(b"outputs:\n  keep:\n").outputs.keep


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("outputs:\n  keep:\n    weigths: {last: 1}", 3, "Did you mean `weights`?"),
        ("outputs:\n  keep:\n    weights: {lst: 1}", 3, "Did you mean `last`?"),
        ("outputs: {keep: 3}", 1, "mapping"),
        ("outputs: {keep: {weights: 3}}", 1, "mapping"),
        ("outputs: {keep: {weights: {}}}", 1, "neither `last` nor `best`"),
        ("outputs: {keep: {weights: {last: -1}}}", 1, "whole number"),
        ("outputs: {keep: {weights: {last: true}}}", 1, "whole number"),
        ("outputs: {keep: {weights: {best: 1.5}}}", 1, "whole number"),
        ("outputs: {keep: {weights: {last: 1, by: loss}}}", 1, "no `best`"),
        ("outputs:\n  keep:\n    weights:\n      best: 1", 4, "no metric says"),
        ("outputs: {keep: {weights: {best: 1, by: loss}}}", 1, "(`loss: min`)"),
        ("outputs: {keep: {weights: {best: 1, by: [a]}}}", 1, "name of a metric"),
        ("outputs: {keep: {weights: {best: 1, by: a, goal: up}}}", 1, "max, min"),
        ("metrics: {a: }\noutputs: {keep: {checkpoints: {best: 1, by: a}}}", 2, "largest"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(text.encode())
    assert f"gitml.yaml, line {line}:" in caught.value.message
    assert said in f"{caught.value.message} {caught.value.hint}"
