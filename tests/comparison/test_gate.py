from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gitml.comparison.gate import judge_gate, parse_gate
from gitml.comparison.replicates import Group, Run
from gitml.comparison.result import Compared, Comparison, Gate
from gitml.comparison.verdicts import with_verdict
from gitml.errors import UsageError
from gitml.history.rows import Goals
from gitml.values import Scalar
from tests.history.commits import make_record

GOALS = Goals("accuracy", {"accuracy": "max", "loss": "min"}, {"loss": 0.5})
ODD = "\x1b[2J\nname"


def comparison(**changes: Any) -> Comparison:
    sides = [
        Compared(name, str(number) * 40, "main", "completed", "", "", 1.0)
        for number, name in enumerate(("A", "B"))
    ]
    parts = ("metrics", "params", "libraries", "data", "code", "command", "partition")
    fields = dict.fromkeys((*parts, "environment", "artifacts", "notes"), ())
    return Comparison(
        **{"experiments": tuple(sides), "comparable": True, "level": "near", **fields, **changes}
    )


def group(*values: Scalar, seeds: bool = True, metric: str = "accuracy") -> Group:
    runs = (
        Run(f"r{n}", f"{n}" * 40, (("seed", "int", n),) if seeds else None, {metric: value})
        for n, value in enumerate(values)
    )
    return Group(tuple(runs))


def gate(a: Group | None, b: Group | None, text: str = "", **changes: Any) -> Gate:
    values = [side.runs[0].metrics if side else {"accuracy": 0.5} for side in (a, b)]
    records = [msgspec.structs.replace(make_record(0), metrics=dict(metrics)) for metrics in values]
    groups = (a, b) if a and b else None
    return judge_gate(comparison(**changes), records, groups, GOALS, text)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", ("accuracy", 0.0)),
        ("loss", ("loss", 0.5)),
        ("loss:0.1", ("loss", 0.1)),
        (":0.1", ("accuracy", 0.1)),
        ("valid:top1", ("valid:top1", 0.0)),
        ("valid:top1:0.2", ("valid:top1", 0.2)),
    ],
)
def test_a_gate_is_a_metric_and_a_margin(text: str, meaning: tuple[str, float]) -> None:
    assert parse_gate(text, {"accuracy", "loss", "valid:top1"}, GOALS) == meaning


@pytest.mark.parametrize("text", ["accuracy:", "accuracy:x", "accuracy:-1", "accuracy:nan", ":inf"])
def test_a_margin_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="margin"):
        parse_gate(text, {"accuracy"}, GOALS)


def test_without_a_metric_nothing_is_judged() -> None:
    with pytest.raises(UsageError, match="No primary metric"):
        parse_gate("", {"accuracy"}, Goals())


def test_single_runs_fail_by_their_plain_difference_and_say_so() -> None:
    found = gate(group(0.9), group(0.8))
    assert found.failed
    assert "single runs" in found.sentence
    assert not gate(group(0.9), group(0.8), ":0.1").failed  # 0.9 - 0.8 is more than 0.1 in floats
    assert not gate(group(0.8), group(0.9)).failed


def test_seeds_that_change_nothing_count_as_single_runs() -> None:
    assert gate(group(0.9, 0.9), group(0.8, 0.8)).failed


def test_replicates_decide_by_their_interval() -> None:
    low, high = (0.90, 0.91, 0.92), (0.95, 0.96, 0.97)
    assert gate(group(*high, seeds=False), group(*low, seeds=False)).failed
    assert not gate(group(*high, seeds=False), group(*low, seeds=False), ":0.1").failed
    unsure = gate(group(0.9, 0.95, seeds=False), group(0.89, 0.94, seeds=False))
    assert not unsure.failed
    assert unsure.sentence.startswith("Can't tell")


def test_a_gate_is_closed_where_nothing_can_be_compared() -> None:
    notes = ("Not comparable: the test parts differ.",)
    found = gate(None, None, comparable=False, notes=notes)
    assert (found.failed, found.sentence) == (True, notes[0])


def test_a_second_experiment_that_diverged_fails() -> None:
    assert gate(group(0.9), group("NaN")).failed
    assert gate(group(0.9, 0.8), group(0.9, "Infinity")).failed
    assert not gate(group("NaN"), group(0.9)).failed
    assert not gate(group(0.9, "NaN"), group(0.9, 0.8)).failed


def test_a_metric_that_is_missing_or_has_no_goal_is_an_error() -> None:
    with pytest.raises(UsageError, match="no metric"):
        gate(group(0.9), group(0.9), "f1")
    with pytest.raises(UsageError, match="no metric") as refused:
        gate(group(0.9), group(0.9), "acuracy:0.01")
    assert "Did you mean accuracy?" in refused.value.hint
    with pytest.raises(UsageError, match="higher"):
        gate(group(0.9, metric="f1"), group(0.9, metric="f1"), "f1")
    with pytest.raises(UsageError, match="no number"):
        gate(group("good"), group(0.9))


def test_numbers_that_no_float_holds_give_no_verdict() -> None:
    records = [
        msgspec.structs.replace(make_record(0), metrics={"accuracy": value, ODD: "text"})
        for value in (10**400, 0.5)
    ]
    sides = group(10**400, 1), group(0.5, 0.4)
    found = with_verdict(comparison(), records, sides, GOALS)
    assert found.verdict is not None
    assert found.verdict.kind == "can't tell"


def test_more_metrics_are_corrected_for_their_number() -> None:
    def several(*values: float) -> Group:
        return Group(
            tuple(
                Run(f"r{n}", "", None, {f"m{k}": value for k in range(4)})
                for n, value in enumerate(values)
            )
        )

    records = [
        msgspec.structs.replace(make_record(0), metrics={f"m{k}": value for k in range(4)})
        for value in (0.9, 0.95)
    ]
    goals = Goals("m0", {f"m{k}": "max" for k in range(4)})
    sides = several(0.90, 0.91, 0.92), several(0.94, 0.95, 0.96)
    found = with_verdict(comparison(), records, sides, goals)
    assert found.verdict is not None
    assert found.verdict.kind == "better"
    rows = {row.name: row.repeated for row in found.metrics}
    assert rows["m0"] is not None
    assert rows["m0"].adjusted_p is None
    assert rows["m1"] is not None
    assert rows["m1"].adjusted_p is not None
    assert rows["m1"].adjusted_p > 0.02  # three times 0.008
    assert rows["m1"].better is True


def test_a_verdict_has_the_probability_of_improvement_from_five_runs_on() -> None:
    for many, goal, known in ((5, "max", True), (4, "max", False), (5, "", False)):
        sides = group(*(0.1 * n for n in range(many))), group(*(0.1 * n + 1 for n in range(many)))
        records = [
            msgspec.structs.replace(make_record(0), metrics=dict(side.runs[0].metrics))
            for side in sides
        ]
        goals = Goals("accuracy", {"accuracy": goal} if goal else {})
        verdict = with_verdict(comparison(), records, sides, goals).verdict
        assert verdict is not None
        if known:
            assert verdict.improvement == 1
            assert verdict.improvement_interval is not None
            assert 0.5 < verdict.improvement_interval[0] < verdict.improvement_interval[1]
        else:
            assert verdict.improvement is verdict.improvement_interval is None
