"""DVCLive's folder."""

from __future__ import annotations

import pytest

from gitml.errors import NotFoundError, RecordError
from gitml.outputs.dvclive import read_dvclive
from gitml.outputs.history import HistoryLine


def made(folder):
    (folder / "plots/metrics/train").mkdir(parents=True)
    (folder / "metrics.json").write_text('{"train": {"loss": 0.25}, "acc": 0.9, "step": 1}')
    (folder / "plots/metrics/train/loss.tsv").write_text("step\tloss\n0\t0.5\n1\t0.25\n")
    (folder / "plots/metrics/acc.tsv").write_text(
        "timestamp\tstep\tacc\n1764000000500\t0\t0.1\n1764000001500\t1\t0.9\n"
    )
    return folder


def test_metrics_and_history_have_the_same_names(tmp_path):
    metrics, history = read_dvclive(made(tmp_path))
    assert metrics == {"train.loss": 0.25, "acc": 0.9}
    assert history == [
        HistoryLine(0, {"acc": 0.1, "train.loss": 0.5}, 1764000000.5),
        HistoryLine(1, {"acc": 0.9, "train.loss": 0.25}, 1764000001.5),
    ]


def test_a_run_that_was_killed_before_its_summary_has_the_last_values(tmp_path):
    (made(tmp_path) / "metrics.json").unlink()
    assert read_dvclive(tmp_path)[0] == {"acc": 0.9, "train.loss": 0.25}


def test_a_missing_folder_and_a_malformed_table_are_named(tmp_path):
    with pytest.raises(NotFoundError, match="none"):
        read_dvclive(tmp_path / "none")
    (made(tmp_path) / "plots/metrics/bad.tsv").write_text("step\tstep\n1\t2\n")
    with pytest.raises(RecordError, match=r"bad\.tsv"):
        read_dvclive(tmp_path)
