from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from gitml.comparison.histories import (
    FEWEST_POINTS,
    MOST_POINTS,
    Clock,
    History,
    Side,
    compare,
    group_of,
)
from gitml.comparison.spacing import spacing_of
from gitml.outputs.history_columns import Points


def points(
    values: Sequence[float], steps: Sequence[float] | None = None, times: Sequence[float] = ()
) -> Points:
    chosen = range(len(values)) if steps is None else steps
    return Points(values, list(chosen), times, len(values))


def side(title: str, *replicates: History, clock: Clock | None = None, **metrics: Points) -> Side:
    history = History(title, metrics, clock or Clock()) if metrics else None
    return Side(title, history, replicates)


def test_the_primary_metric_is_first_then_what_all_have_then_the_rest_by_name() -> None:
    two = [1.0, 2.0]
    one = side("a", z=points(two), m=points(two), b=points(two), a=points(two))
    other = side("b", z=points(two), m=points(two), b=points(two))
    found = compare([one, other], {}, "m")
    assert [item.metric for item in found] == ["m", "b", "z", "a"]
    assert found[-1].curves[1] is None


def test_best_and_last_follow_the_goal_and_leave_out_what_is_not_finite() -> None:
    found = compare(
        [
            side("a", acc=points([0.1, 0.9, math.inf, 0.5], [1, 2, 3, 4])),
            side("b", acc=points([math.nan, math.nan], [1, 2])),
            side("c"),
        ],
        {"acc": "max"},
        "acc",
    )
    (item,) = found
    assert item.best == ((2, 0.9), None, None)
    assert item.last[0] == (4, 0.5)
    assert item.last[1] is not None and math.isnan(item.last[1][1])
    assert item.last[2] is None
    assert [curve.odd if curve else None for curve in item.curves] == [1, 2, None]
    (other,) = compare([side("a", acc=points([0.1, 0.9]))], {}, "")
    assert other.best == (None,)


@pytest.mark.parametrize(
    ("mine", "others", "parted"),
    [
        ([1, 2, 3], [1, 2, 4], 2),
        ([1, 2, 3], [1, 2, 3], None),
        ([1, 2, 3], [9, 2, 4], None),
        ([1, math.nan, 3], [1, math.nan, 4], 2),
        ([1, math.nan, 3], [1, 2, 3], 1),
        ([1, 2, 3, 4], [1, 2], None),
    ],
)
def test_curves_part_where_they_first_differ_after_being_equal(
    mine: list[float], others: list[float], parted: float | None
) -> None:
    (item,) = compare([side("a", loss=points(mine)), side("b", loss=points(others))], {}, "")
    assert item.parted == parted


def test_curves_are_lined_up_by_step() -> None:
    (item,) = compare(
        [
            side("a", loss=points([1, 2, 3, 4], [0, 1, 2, 3])),
            side("b", loss=points([1, 3, 9], [0, 2, 3])),
        ],
        {},
        "",
    )
    assert item.parted == 3


def test_long_curves_get_fewer_points_that_say_the_same() -> None:
    values = [math.sin(n / 500) for n in range(20_000)]
    values[12_345] = 7.0
    (item,) = compare([side("a", loss=points(values))], {"loss": "max"}, "")
    (curve,) = item.curves
    assert curve is not None
    assert len(curve.values) <= MOST_POINTS
    assert curve.measured == 20_000
    assert item.best == ((12_345, 7.0),)
    assert curve.steps[-1] == 19_999


def test_hundreds_of_metrics_stay_small_together() -> None:
    values = list(map(float, range(1000)))
    metrics = {f"m{n}": points(values) for n in range(900)}
    found = compare([Side(t, History(t, metrics)) for t in "abc"], {}, "")
    counts = [len(curve.values) for item in found for curve in item.curves if curve]
    assert max(counts) <= FEWEST_POINTS


def test_replicates_have_curves_with_their_names() -> None:
    other = History("seed-two", {"loss": points([1.0, 3.0])})
    without = History("seed-three", {"acc": points([1.0, 3.0])})
    found = compare([side("a", other, without, loss=points([1.0, 2.0])), side("b")], {}, "loss")
    assert [curve.run for curve in found[0].replicates[0]] == ["seed-two"]
    assert found[0].replicates[1] == ()
    assert found[1].metric == "acc" and found[1].curves == (None, None)


def test_epochs_and_iterations_are_not_laid_over_each_other() -> None:
    epochs = points([1.0] * 10, range(1, 11))
    iterations = points([1.0] * 10, range(938, 9381, 938))
    (item,) = compare([side("a", loss=epochs), side("b", loss=iterations)], {}, "")
    assert not item.aligned
    assert item.note == (
        "Steps of a and b may count different things, such as epochs and iterations: they go up "
        "to 10 and 9,380."
    )
    longer = points([1.0] * 100, range(1, 101))
    rarely = points([1.0] * 10, range(1000, 10_001, 1000))
    every = points([1.0] * 10_000, range(1, 10_001))
    for one, other in ((epochs, longer), (rarely, every)):
        (item,) = compare([side("a", loss=one), side("b", loss=other)], {}, "")
        assert item.aligned and not item.note


def test_without_steps_curves_are_over_measurements_and_that_is_said() -> None:
    bare = Points([1.0, 2.0, 3.0], (), (), 3)
    (item,) = compare([side("a", loss=points([1, 5], [10, 20])), side("b", loss=bare)], {}, "")
    assert not item.stepped
    assert [curve.steps for curve in item.curves if curve] == [(0, 1), (0, 1, 2)]
    assert item.note == "b has no steps for it, so the curves are over measurements."
    assert item.parted == 1


def test_seconds_leave_out_the_time_that_a_run_stood_still() -> None:
    clock = Clock(100.0, ((200.0, 80.0),))
    loss = points([3.0, 2.0, 1.0], times=[110.0, 120.0, 201.0])
    (item,) = compare([side("a", clock=clock, loss=loss)], {}, "")
    (curve,) = item.curves
    assert curve is not None and curve.seconds == (10.0, 20.0, 21.0)


def test_seconds_are_not_made_up() -> None:
    found = compare(
        [
            side("a", clock=Clock(500.0), loss=points([1, 2], times=[10.0, 12.0])),
            side("b", loss=points([1, 2], times=[10.0, math.nan])),
        ],
        {},
        "",
    )
    curves = [curve.seconds if curve else None for curve in found[0].curves]
    assert curves == [(0.0, 2.0), ()]


def test_a_metric_that_was_measured_once_has_no_curve() -> None:
    assert compare([side("a", final=points([1.0])), side("b", final=points([2.0]))], {}, "") == ()
    assert compare([side("a"), side("b")], {}, "") == ()


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("train_loss", "loss"),
        ("valid_loss", "loss"),
        ("val/loss", "loss"),
        ("loss/train", "loss"),
        ("eval.top5-accuracy", "top5_accuracy"),
        ("Train Loss", "loss"),
        ("loss", "loss"),
        ("train", "train"),
        ("trainer_lr", "trainer_lr"),
        ("value", "value"),
        ("latest_loss", "latest_loss"),
        ("val_train_loss", "loss"),
    ],
)
def test_metrics_of_different_data_belong_together(name: str, group: str) -> None:
    assert group_of(name) == group


def test_missing_steps_are_counted_where_the_others_are_even() -> None:
    assert spacing_of([0, 10, 20, 30, 40, 60, 70, 80, 110]).missing == 0  # too uneven to tell
    assert spacing_of([*range(0, 100, 10), 130, 140]).missing == 3
    assert spacing_of([1, 2, 4, 8, 16, 32]).missing == 0
    assert spacing_of([]).missing == spacing_of([5]).missing == 0
