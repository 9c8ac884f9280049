"""The verdict over a rerun: what decides, what doesn't, and what is named first."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.comparison.reproduction import OutputPair, Reproduction, agree, judge
from gitml.comparison.timely import is_timely
from gitml.inputs.difference import Difference
from gitml.outputs.tensor_manifest import TensorSummary
from gitml.values import Scalar

Metrics = dict[str, Scalar]


def verdict(
    then: Metrics | None = None,
    now: Metrics | None = None,
    outputs: tuple[OutputPair, ...] = (),
    **fields: Any,
) -> Reproduction:
    return judge(
        inputs=fields.pop("inputs", ()),
        facts=fields.pop("facts", ({}, {})),
        metrics=(then or {}, now or {}),
        outputs=outputs,
        **fields,
    )


def weights(now: str, *tensors: tuple[TensorSummary, ...], role: str = "weights") -> OutputPair:
    then, after = tensors or ((), ())
    return OutputPair("model.safetensors", role, "aaa", now, then, after)


def tensor(name: str, digest: str = "1", shape: tuple[int, ...] = (2,)) -> TensorSummary:
    return TensorSummary(name, "F32", shape, digest, norm=float(digest))


@pytest.mark.parametrize(
    ("then", "now", "tolerance", "expected"),
    [
        ({"a": 1.0}, {"a": 1.0}, 0.0, "reproduced"),
        ({"a": 1}, {"a": 1.0}, 0.0, "reproduced"),
        ({"a": "NaN"}, {"a": math.nan}, 0.0, "reproduced"),
        ({"a": "Infinity"}, {"a": math.inf}, 0.0, "reproduced"),
        ({"a": "Infinity"}, {"a": "-Infinity"}, 0.5, "not reproduced"),
        ({"a": 1.0}, {"a": "Infinity"}, 0.5, "not reproduced"),
        ({"a": 1.0}, {"a": "NaN"}, 0.5, "not reproduced"),
        ({"a": 100.0}, {"a": 100.5}, 0.01, "reproduced within tolerance"),
        ({"a": 100.0}, {"a": 102.0}, 0.01, "not reproduced"),
        ({"a": 0.0}, {"a": 1e-30}, 0.01, "not reproduced"),
        ({"a": 1e-30}, {"a": 1.00001e-30}, 0.01, "reproduced within tolerance"),
        ({"a": 1.0}, {}, 0.01, "not reproduced"),
        ({"a": 1.0}, {"a": 1.0, "b": 2.0}, 0.0, "reproduced"),
        ({"a": "cat"}, {"a": "cat"}, 0.0, "reproduced"),
        ({"a": "cat"}, {"a": "dog"}, 0.9, "not reproduced"),
        ({"a": True}, {"a": False}, 0.9, "not reproduced"),
        ({"a": 1.0, "epoch_seconds": 3.0}, {"a": 1.0, "epoch_seconds": 9.0}, 0.0, "reproduced"),
        ({"a": 1.0, "epoch_seconds": 3.0}, {"a": 1.0}, 0.0, "reproduced"),
    ],
)
def test_metrics_decide(then: Metrics, now: Metrics, tolerance: float, expected: str) -> None:
    assert verdict(then, now, tolerance=tolerance).verdict == expected


@pytest.mark.parametrize(
    "name",
    """
    epoch_seconds train_runtime train_samples_per_second time fit_time eval.time wall_time_s
    throughput fps latency_ms peak_memory gpu/memory_gb steps_per_sec time_per_epoch duration
    perf.time elapsed_s train/time_ms timestamp
    """.split(),  # noqa: SIM905
)
def test_times_speeds_and_memory_dont_decide(name: str) -> None:
    assert is_timely(name)


@pytest.mark.parametrize(
    "name",
    """
    accuracy loss time_mae survival_time_error timestep_loss class.s.accuracy sometimes memorised
    recall_per_class runs seconds_error auc rms lr steps s.accuracy precision_at_10_s2
    """.split(),  # noqa: SIM905
)
def test_other_metrics_do(name: str) -> None:
    assert not is_timely(name)


def test_weights_are_compared_bit_for_bit() -> None:
    assert verdict({"a": 1.0}, {"a": 1.0}, (weights("aaa"),)).verdict == "reproduced"
    other = verdict({"a": 1.0}, {"a": 1.0}, (weights("bbb"),))
    assert other.verdict == "reproduced within tolerance"
    assert other.first == "model.safetensors: other bytes"
    assert verdict({}, {}, (weights("bbb"),)).verdict == "not reproduced"
    assert verdict({"a": 1.0}, {"a": 1.0}, (weights(""),)).verdict == "not reproduced"


def test_checkpoints_stand_in_where_there_are_no_weights() -> None:
    lone = (weights("bbb", role="checkpoint"),)
    assert verdict({}, {}, lone).verdict == "not reproduced"
    beside = (weights("aaa"), OutputPair("last.ckpt", "checkpoint", "1", "2"))
    assert verdict({}, {}, beside).verdict == "reproduced"


def test_the_first_tensor_that_differs_is_named_and_by_how_much() -> None:
    then = tensor("fc1.weight"), tensor("fc2.weight")
    now = tensor("fc1.weight"), tensor("fc2.weight", "2")
    found = verdict({"a": 1.0}, {"a": 1.0}, (weights("bbb", then, now),))
    assert found.first == (
        "model.safetensors: 1 of 2 tensors differ, the first is fc2.weight (norm 1 → 2)"
    )


def test_the_same_tensors_in_another_file_are_the_same() -> None:
    same = (tensor("w"),)
    assert verdict({}, {}, (weights("bbb", same, same),)).verdict == "reproduced"


def test_weights_of_another_shape_are_never_a_reproduction() -> None:
    for now in ((tensor("w", shape=(3,)),), (tensor("v"),), (tensor("w"), tensor("v"))):
        found = verdict({"a": 1.0}, {"a": 1.0}, (weights("bbb", (tensor("w"),), now),))
        assert found.verdict == "not reproduced"


def test_other_outputs_decide_only_where_there_is_nothing_else() -> None:
    plot = (OutputPair("plots/loss.png", "plot", "1", "2"),)
    assert verdict({"a": 1.0}, {"a": 1.0}, plot).verdict == "reproduced"
    assert verdict({}, {}, plot).verdict == "not reproduced"
    assert verdict({"seconds": 1.0}, {"seconds": 2.0}, plot).verdict == "not reproduced"
    assert verdict({}, {}, (OutputPair("a.txt", "other", "1", "1"),)).verdict == "reproduced"


def test_what_went_in_is_named_before_what_came_out() -> None:
    numpy = Difference("libraries", "numpy", "2.1.0", "2.2.0")
    facts = {"cpu": {"model": "A"}, "memory": 1}, {"cpu": {"model": "B"}, "memory": 2}
    found = verdict({"a": 0.91, "b": 1.0}, {"a": 0.9, "b": 1.0}, inputs=(numpy,), facts=facts)
    assert found.first == "numpy 2.1.0 → 2.2.0, then a 0.91 → 0.9"
    assert [step.kind for step in found.steps] == ["input", "environment", "metric"]


def test_other_libraries_dont_decide_and_another_split_does() -> None:
    numpy = Difference("libraries", "numpy", "2.1.0", "2.2.0")
    split = Difference("partition", "test", "3 examples", "4 examples")
    assert verdict({"a": 1.0}, {"a": 1.0}, inputs=(numpy,)).verdict == "reproduced"
    found = verdict({"a": 1.0}, {"a": 1.0}, inputs=(numpy, split))
    assert found.verdict == "not reproduced"


def test_numbers_that_look_alike_are_shown_in_full() -> None:
    found = verdict({"a": 0.3}, {"a": 0.30000000001}, tolerance=0.0)
    assert found.first == "a 0.3 → 0.30000000001"


def test_a_command_that_failed_is_no_reproduction() -> None:
    found = verdict({"a": 1.0}, {"a": 1.0}, failure="the command failed with status 1")
    assert found.verdict == "not reproduced"
    assert found.first == "the command failed with status 1"


numbers = st.one_of(st.floats(), st.integers(-(10**400), 10**400))


@given(numbers, numbers, st.floats(0, 0.999))
def test_agreement_is_mutual_and_everything_agrees_with_itself(
    one: float, other: float, tolerance: float
) -> None:
    assert agree(one, other, tolerance) == agree(other, one, tolerance)
    assert agree(one, one, 0.0)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.floats(0, 0.9), st.floats(0, 0.9))
def test_what_agrees_agrees_within_any_larger_tolerance(
    one: float, other: float, first: float, second: float
) -> None:
    small, large = sorted((first, second))
    assert not agree(one, other, small) or agree(one, other, large)
