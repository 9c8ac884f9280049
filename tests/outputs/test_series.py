"""Which files are a series, and which of them `outputs.keep` keeps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.config import Retention
from gitml.outputs.history import HistoryLine
from gitml.outputs.retention import Member, choose, in_order
from gitml.outputs.series import Unit, unit_of, value_in_name


@pytest.mark.parametrize(
    ("path", "unit", "series", "step", "epoch"),
    [
        ("ckpt/epoch-01.pt", "ckpt/epoch-01.pt", "ckpt/epoch-*.pt", None, 1),
        ("epoch=3-step=1200.ckpt", "epoch=3-step=1200.ckpt", "epoch=*-step=*.ckpt", 1200, 3),
        ("epoch=3-valid_loss=0.21.ckpt", None, "epoch=*-valid_loss=*.ckpt", None, 3),
        ("out/checkpoint-500/model.safetensors", "out/checkpoint-500", "out/checkpoint-*", 500, None),
        ("out/checkpoint-500/rng_state_0.pth", "out/checkpoint-500", "out/checkpoint-*", 500, None),
        ("model_ep3.pth", None, "model_ep*.pth", None, 3),
        ("ckpt_12.pth.tar", None, "ckpt_*.pth.tar", 12, None),
        ("Epoch7.pt", None, "Epoch*.pt", None, 7),
        ("ckpts/0012.pt", None, "ckpts/*.pt", 12, None),
        ("ckpts/12/w.pt", "ckpts/12", "ckpts/*", 12, None),
    ],
)  # fmt: skip
def test_names_that_count_steps_are_a_series(path, unit, series, step, epoch):
    assert unit_of(path) == Unit(unit or path, series, step, epoch)


@pytest.mark.parametrize(
    "path",
    [
        "model.safetensors",
        "best.pt",
        "resnet50.pt",
        "fold-1.pt",
        "seed_3/model.pt",
        "model-00001-of-00003.safetensors",
        "checkpoint-00001-of-00002.bin",
        "model-v1.5.pt",
        "llama-7b.safetensors",
        "recipe3.pt",
    ],
)
def test_numbers_that_tell_models_apart_are_no_series(path):
    assert unit_of(path) is None


def test_a_declared_glob_makes_any_number_at_the_end_a_step():
    assert unit_of("model-001.pt") is None
    assert unit_of("model-001.pt", declared=True) == Unit("model-001.pt", "model-*.pt", 1)


def test_a_metric_in_a_name_is_read():
    assert value_in_name("a/epoch=3-valid_loss=0.21.ckpt", "valid_loss") == 0.21
    assert value_in_name("epoch=3-valid_loss=0.21.ckpt", "loss") is None
    assert value_in_name("epoch-3.ckpt", "valid_loss") is None


def members(*epochs: int, **more) -> list[Member]:
    return [Member(unit_of(f"epoch-{n}.pt"), time=100 - n, size=1, **more) for n in epochs]


def kept(found: list[Member], history: list[HistoryLine], goal: str = "min", **rule) -> list[str]:
    choice = choose(found, Retention(**rule), history, "loss", goal)
    assert not choice.why_not
    return sorted(choice.kept, key=lambda path: int(path[6:-3]))


def history(*values: float) -> list[HistoryLine]:
    return [HistoryLine(step, {"loss": value}) for step, value in enumerate(values, start=1)]


def test_the_best_and_the_last_are_kept():
    lines = history(5, 2, 4, 1, 3)
    assert kept(members(1, 2, 3, 4, 5), lines, last=1, best=2) == [
        "epoch-2.pt",
        "epoch-4.pt",
        "epoch-5.pt",
    ]
    assert kept(members(1, 2, 3, 4, 5), lines, "max", best=1) == ["epoch-1.pt"]
    assert kept(members(1, 2, 3), lines, last=0) == []
    assert kept(members(1, 2), [], best=3, last=1) == ["epoch-1.pt", "epoch-2.pt"]


def test_order_is_that_of_the_steps_else_of_writing():
    assert [m.unit.epoch for m in in_order(members(10, 9, 2))] == [2, 9, 10]
    unnumbered = [Member(Unit(name, "*"), time, 1) for name, time in (("a", 3), ("b", 1))]
    assert [m.path for m in in_order(unnumbered)] == ["b", "a"]
    given = [Member(unit_of(f"epoch-{n}.pt"), 0, 1, step=100 - n) for n in (1, 2)]
    assert [m.unit.epoch for m in in_order(given)] == [2, 1]


def test_nan_is_never_the_best_and_of_equal_ones_the_later_is():
    lines = [*history(1, 1), HistoryLine(3, {"loss": "NaN"}), HistoryLine(4, {"loss": "-Infinity"})]
    assert kept(members(1, 2, 3, 4), lines, best=1) == ["epoch-2.pt"]


def test_a_step_without_a_value_keeps_everything_and_says_which():
    choice = choose(members(1, 2, 3), Retention(best=1), history(1, 2), "loss", "min")
    assert choice.kept == {"epoch-1.pt", "epoch-2.pt", "epoch-3.pt"}
    assert choice.why_not == "loss is not known for epoch-3.pt"


def test_metrics_that_were_given_count_before_the_history():
    found = [
        Member(unit_of("epoch-1.pt"), 0, 1, metrics={"loss": 9.0}),
        Member(unit_of("epoch-2.pt"), 1, 1, step=1),
    ]
    assert kept(found, history(1, 20), best=1) == ["epoch-2.pt"]


def test_epochs_are_found_where_the_history_has_them_beside_steps():
    lines = [
        HistoryLine(step, {"epoch": step // 10, "loss": value})
        for step, value in ((9, 7.0), (10, 1.0), (19, 5.0), (29, 2.0))
    ]
    assert kept(members(0, 1, 2), lines, best=1) == ["epoch-2.pt"]


paths = st.lists(
    st.text("ep0123-_=.chkto/ \n", min_size=1, max_size=12).filter(lambda t: t not in (".", "..")),
    min_size=1,
    max_size=3,
).map("/".join)


@given(paths)
def test_any_name_is_one_member_of_one_series_or_none(path):
    unit = unit_of(path)
    if unit is not None:
        assert path == unit.path or path.startswith(f"{unit.path}/")
        assert "*" in unit.series and (unit.step is not None or unit.epoch is not None)


@given(st.lists(st.floats(), min_size=1, max_size=8), st.integers(0, 4), st.integers(0, 4))
def test_a_rule_keeps_as_many_as_it_says_and_no_more(values, last, best):
    found = members(*range(1, len(values) + 1))
    choice = choose(found, Retention(last=last, best=best), history(*values), "loss", "min")
    assert not choice.why_not
    assert min(max(last, best), len(values)) <= len(choice.kept) <= min(last + best, len(values))
    assert {m.path for m in found[len(found) - min(last, len(found)) :]} <= choice.kept
