"""What is measured when a run leaves its numbers where training loops usually leave them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitml.config import Config
from gitml.operations.measurements import Measurements, measure

LIGHTNING = """\
epoch,step,train_loss,val_loss
0,3,4.9,
0,7,,0.5
1,11,1.3,
1,15,,0.25
"""
NOISE = "Epoch 1/1 100% train_loss: 9.000 val_loss: 9.000\n" * 3


def measured(root: Path, **files: str) -> Measurements:
    (root / "log.txt").write_text(NOISE)
    for name, text in files.items():
        (root / name).write_text(text)
    return measure(root, "", Config(), files, root / "log.txt")


def test_the_rows_of_a_table_of_metrics_are_its_history(tmp_path: Path) -> None:
    found = measured(tmp_path, **{"metrics.csv": LIGHTNING})
    assert found.metrics == {"train_loss": 1.3, "val_loss": 0.25}
    curve = [(line.step, line.values.get("val_loss")) for line in found.history]
    assert curve == [(3, None), (7, 0.5), (11, None), (15, 0.25)]
    assert not any("epoch" in line.values for line in found.history)
    assert not found.warnings


def test_a_table_with_one_row_has_no_history(tmp_path: Path) -> None:
    found = measured(tmp_path, **{"metrics.csv": "epoch,loss\n7,0.5\n"})
    assert found.metrics == {"epoch": 7, "loss": 0.5}
    assert {line.values.get("val_loss") for line in found.history} == {9.0}


def test_a_table_that_cannot_be_read_is_said_once(tmp_path: Path) -> None:
    found = measured(tmp_path, **{"metrics.csv": "loss,loss\n1,2\n1,2\n"})
    assert len(found.warnings) == 1


def test_the_counters_of_event_files_are_no_metrics(tmp_path: Path) -> None:
    writers = pytest.importorskip("torch.utils.tensorboard")
    with writers.SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("hp_metric", -1, 0)
        for step in range(3):
            writer.add_scalar("epoch", step, step)
            writer.add_scalar("val_loss", 1 / (step + 1), step)
    (name,) = [path.name for path in tmp_path.iterdir()]
    (tmp_path / "log.txt").write_text("")
    found = measure(tmp_path, "", Config(), [name], tmp_path / "log.txt")
    assert found.metrics == {"val_loss": pytest.approx(1 / 3)}
