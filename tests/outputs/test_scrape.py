"""Metrics from printed output."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.errors import ConfigError
from gitml.outputs.history import HistoryLine
from gitml.outputs.scrape import compile_patterns, guess, plain_lines, scrape


def test_the_last_match_is_the_metric_and_every_match_is_history():
    patterns = compile_patterns([r"step (?P<step>\d+): val loss (?P<val_loss>[\d.]+)"])
    lines = [b"step 1: val loss 2.5.\n", b"nothing\n", "step 2: val loss 1.5\n"]
    metrics, history = scrape(lines, patterns)
    assert metrics == {"val_loss": 1.5}
    assert history == [HistoryLine(1, {"val_loss": 2.5}), HistoryLine(2, {"val_loss": 1.5})]


def test_a_step_counts_for_all_patterns_on_its_line():
    patterns = compile_patterns([r"(?P<epoch>\d+)/10 loss=(?P<loss>\S+)", r"note=(?P<note>\w+)"])
    _, history = scrape(["3/10 loss=nan note=fine"], patterns)
    assert history[0].step == 3 and history[0].values["note"] == "fine"
    assert math.isnan(history[0].values["loss"])


@pytest.mark.parametrize("pattern", ["(", "loss [0-9]+", r"(?P<step>\d+)", "(?P<a>x){99999999999}"])
def test_a_pattern_that_gives_no_metric_is_refused_before_the_run(pattern):
    with pytest.raises(ConfigError, match="scrape"):
        compile_patterns([pattern])


def test_progress_bars_and_colours_are_read_as_a_person_sees_them():
    bar = b"\r 50%|##  | loss=0.5\r100%|####| \x1b[32mloss=\x1b[1m0.25\x1b[0m\x1b]0;title\x07\n"
    assert list(plain_lines([bar])) == [" 50%|##  | loss=0.5", "100%|####| loss=0.25"]
    metrics, history = guess([bar])
    assert metrics == {"loss": 0.25}
    assert [line.values for line in history] == [{"loss": 0.5}, {"loss": 0.25}]


def test_only_the_start_of_a_huge_line_is_searched():
    patterns = compile_patterns([r".*x(?P<a>\d)"])
    began = time.monotonic()
    metrics, _ = scrape(["y" * 20_000_000 + "x1", "x2"], patterns)
    assert metrics == {"a": 2}
    assert time.monotonic() - began < 5


KNOWN = [
    ("loss: 0.12", None, {"loss": 0.12}),
    ("val_loss=0.3", None, {"val_loss": 0.3}),
    ("train loss 2.31", None, {"train_loss": 2.31}),
    ("val loss 2.5", None, {"val_loss": 2.5}),
    ("Accuracy: 97.1%", None, {"accuracy": 97.1}),
    ("step 100: train loss 1.9, val loss 2.0", 100, {"train_loss": 1.9, "val_loss": 2.0}),
    ("epoch 3 | loss 0.12 | acc 0.9", 3, {"loss": 0.12, "acc": 0.9}),
    (
        "Test set: Average loss: 0.0268, Accuracy: 9918/10000 (99%)",
        None,
        {"test_loss": 0.0268, "test_accuracy": 0.9918},
    ),
    ("Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.302585", 1, {"train_loss": 2.302585}),
    ("iter 10: loss 2.1234, time 20.12ms, mfu 5.1%", 10, {"loss": 2.1234}),
    (
        "{'eval_loss': 0.3, 'eval_accuracy': 0.91, 'eval_runtime': 3.1, 'epoch': 2}",
        2,
        {"eval_loss": 0.3, "eval_accuracy": 0.91},
    ),
    ("{'loss': '0.51', 'grad_norm': '1.2', 'learning_rate': '5e-05'}", None, {"loss": 0.51}),
    ("60/60 - 1s - loss: 0.3 - val_accuracy: 0.88", None, {"loss": 0.3, "val_accuracy": 0.88}),
    ("Epoch [2/5], Step [100/600], Loss: 0.3123", None, {"loss": 0.3123}),
    ("Epoch [2/5] Loss: 0.3", 2, {"loss": 0.3}),
    ("global_step=7 perplexity: 23.1 bpc 1.3", 7, {"perplexity": 23.1, "bpc": 1.3}),
    (
        "Test: [ 0/48]  Loss: 0.5 (0.6)  Acc@1: 75.0 (76.1)",
        None,
        {"test_loss": 0.5, "test_acc_1": 75},
    ),
    ("F1 score: 0.88, AUC 0.9, mIoU=0.4", None, {"f1_score": 0.88, "auc": 0.9, "miou": 0.4}),
    ("best val loss 1.2", None, {"best_val_loss": 1.2}),
    ("trainLoss: 1e-3 val/acc 0.2", None, {"train_loss": 0.001, "val_acc": 0.2}),
    (
        "mAP@0.5: 0.3 precision: 0.5 recall=1.0",
        None,
        {"map_0_5": 0.3, "precision": 0.5, "recall": 1},
    ),
    ("loss: tensor(0.1234, device='cuda:0')", None, {"loss": 0.1234}),
    ("loss: -inf", None, {"loss": -math.inf}),
    ("episode 5 reward: 12", None, {"reward": 12}),
    ("RMSE=3 MAE 0.5 R2: 0.9", None, {"rmse": 3, "mae": 0.5, "r2": 0.9}),
]


@pytest.mark.parametrize(("line", "step", "values"), KNOWN)
def test_well_known_lines_are_understood(line, step, values):
    metrics, history = guess([line + "\n"])
    assert metrics == values
    assert [point.step for point in history] == [step]


@pytest.mark.parametrize(
    "line",
    [
        "error 404",
        "make: *** [all] Error 2",
        "train.py: error: the following arguments are required: --lr",
        "loss scale: 65536",
        "Using 16bit precision",
        "precision: 16",
        "accuracy_threshold = 0.5",
        "The loss went from 3.0 to 2.0.",
        "number of parameters: 10.65M",
        "saving to loss-3.4.ckpt",
        "map 5 of 7",
        "loss: 1.2.3",
        "lr 0.1 loss",
    ],
)
def test_other_lines_give_no_metric(line):
    assert guess([line]) == ({}, [])


def test_a_bar_that_is_redrawn_with_the_same_numbers_is_one_point():
    assert len(guess(["loss=0.5\rloss=0.5\rloss=nan\rloss=nan\n"])[1]) == 2


@given(st.text())
def test_any_text_can_be_guessed_at(text):
    metrics, history = guess([text])
    assert all(isinstance(value, int | float) for value in metrics.values())
    assert bool(metrics) == bool(history)


@pytest.mark.parametrize(
    "line",
    ["loss " * 2000, "loss_" * 2000, "a" * 10_000 + " loss", "loss" + " " * 9000, "loss 1/" * 1400],
)
def test_no_line_takes_long(line):
    began = time.monotonic()
    guess([line] * 10)
    assert time.monotonic() - began < 5
