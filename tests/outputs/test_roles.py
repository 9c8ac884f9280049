"""What outputs are for, by declaration and by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.config import Outputs
from gitml.outputs.patterns import specificity
from gitml.outputs.roles import is_cache, is_declared, is_plain_result, role_of

NONE = Outputs(metrics=())

BY_NAME = {
    "model.safetensors": "weights",
    "out/model.pt": "weights",
    "net.pth": "weights",
    "pytorch_model.bin": "weights",
    "pytorch_model-00001-of-00002.bin": "weights",
    "data.bin": "other",
    "optimizer.bin": "checkpoint",
    "net.onnx": "weights",
    "model.h5": "weights",
    "clf.joblib": "weights",
    "best_model.pkl": "weights",
    "cache.pkl": "other",
    "last.ckpt": "checkpoint",
    "checkpoint_3.pt": "checkpoint",
    "optimizer.pt": "checkpoint",
    "rng_state.pth": "checkpoint",
    "runs/a/events.out.tfevents.17.host.1.0": "history",
    "plots/loss.svg": "plot",
    "confusion.PNG": "plot",
    "loss.vl.json": "plot",
    "plots/roc.json": "plot",
    "dvclive/plots/metrics/loss.tsv": "plot",
    "train.log": "log",
    "slurm-123.out": "log",
    "predictions.csv": "predictions",
    "test_predictions_v2.parquet": "predictions",
    "preds.jsonl": "predictions",
    "feature_importance.json": "importance",
    "shap_values.npz": "explanation",
    "metrics.json": "metrics",
    "eval_metrics.yaml": "metrics",
    "history.jsonl": "history",
    "notes.md": "other",
    "config.json": "other",
}


@pytest.mark.parametrize(("path", "role"), BY_NAME.items())
def test_a_name_says_what_an_output_is_for(path, role):
    assert role_of(path, NONE) == role


def test_what_is_declared_counts_before_the_name():
    outputs = Outputs(
        weights=("out/*.dat",),
        plots=("out/",),
        predictions=("out/plot.png",),
        checkpoints=("ckpt",),
        other=("**/*.csv",),
        tensorboard=("tb",),
    )
    assert role_of("out/a.dat", outputs) == "weights"
    assert role_of("out/deep/a.dat", outputs) == "plot"
    assert role_of("out/plot.png", outputs) == "predictions"
    assert role_of("ckpt/model.pt", outputs) == "checkpoint"
    assert role_of("predictions.csv", outputs) == "other"
    assert role_of("out/events.out.tfevents.1.h", outputs) == "history"
    assert is_declared("tb/x/events.out.tfevents.1.h", outputs)
    assert not is_declared("tb/x/notes", outputs)
    assert not is_declared("outer/x", outputs)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("a", "a/b/c", True),
        ("./a/", "a/b", True),
        ("a", "ab", False),
        ("*.png", "x.png", True),
        ("*.png", "a/x.png", False),
        ("**/*.png", "x.png", True),
        ("**/*.png", "a/b/x.png", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("run-?", "run-7/model.pt", True),
        ("run-[0-9]", "run-7", True),
        ("run-[!0-9]", "run-7", False),
        ("run-[", "run-[", True),
        ("run-[z-a]", "run-b", False),
        ("a[]]b", "a]b", True),
        ("a[/]b", "a/b", False),
        ("", "a", False),
        (".", "a", False),
    ],
)
def test_patterns_mean_what_a_shell_means(pattern, path, matches):
    assert bool(specificity(pattern, path)) == matches


@given(
    st.text(st.sampled_from("ab/*?[]!-^\\."), max_size=12),
    st.text(st.sampled_from("ab/"), max_size=8),
)
def test_any_pattern_has_an_answer(pattern, path):
    assert specificity(pattern, path) >= 0


def test_weights_checkpoints_and_event_files_are_results_though_git_ignores_them():
    for path in (
        "out/model.pt",
        "last.ckpt",
        "model.safetensors",
        "runs/events.out.tfevents.1.h",
        "w/model.safetensors.index.json",
    ):
        assert is_plain_result(path)
    for path in ("data.csv", "cache.pkl", "plot.png", ".venv/lib/a.pt", "node_modules/model.onnx"):
        assert not is_plain_result(path)


def test_caches_are_never_results():
    for path in (
        "a/__pycache__/x.cpython-311.pyc",
        ".ipynb_checkpoints/a.ipynb",
        ".mypy_cache/x",
        ".pytest_cache/v/x",
        ".venv/bin/python",
        "node_modules/x/y.js",
        "x.pyc",
        ".dvc/cache/files/md5/ab/cd",
        "pkg.egg-info/PKG-INFO",
        "sub/.DS_Store",
    ):
        assert is_cache(path)
    for path in (".hydra/config.yaml", "out/.hydra/config.yaml", "cache/a", ".dvc/config", "a.py"):
        assert not is_cache(path)
