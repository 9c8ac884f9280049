"""What a run logged through the Python API, beside what it left elsewhere."""

from __future__ import annotations

import json
import math
from pathlib import Path

from gitml.config import Config
from gitml.operations.logged import read_logged
from gitml.operations.measurements import measure

HISTORY = (
    '{"step":1,"time":1.5,"loss":0.5,"acc":0.25,"epoch":1}\n'
    '{"step":2,"time":2.5,"loss":0.25,"epoch":2}\n'
)


def test_a_run_that_logged_nothing_has_nothing(tmp_path: Path) -> None:
    found = read_logged(tmp_path)
    assert (found.summary, found.last, found.history, found.warnings) == ({}, {}, (), ())


def test_a_declared_file_wins_over_the_summary_over_the_last_logged_value(tmp_path: Path) -> None:
    run, root = tmp_path / "run", tmp_path / "root"
    run.mkdir()
    root.mkdir()
    (root / "metrics.json").write_text(json.dumps({"declared": 1, "both": 1, "all": 1}))
    (run / "summary.jsonl").write_text('{"time":1,"both":2,"all":2,"best":0}\n{"best":2}\n')
    (run / "history.jsonl").write_text('{"step":1,"all":3,"best":3,"last":0}\n{"last":3}\n')
    (run / "log.txt").write_text("step 1 printed: 9.0 last: 9.0\n" * 3)
    found = measure(root, "", Config(), ["metrics.json"], run / "log.txt")
    assert found.metrics == {"declared": 1, "both": 1, "all": 1, "best": 2, "last": 3}
    assert [line.values for line in found.history] == [
        {"all": 3, "best": 3, "last": 0},
        {"last": 3},
    ]
    assert not found.warnings


def test_counters_are_in_the_history_and_no_metrics_unless_the_summary_has_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "history.jsonl").write_text(HISTORY)
    assert read_logged(tmp_path).last == {"loss": 0.25, "acc": 0.25}
    (tmp_path / "summary.jsonl").write_text('{"epoch":7,"auc":"NaN"}\n')
    found = measure(tmp_path / "root", "", Config(), [], tmp_path / "log.txt")
    assert found.metrics == {"epoch": 7, "auc": "NaN", "loss": 0.25, "acc": 0.25}
    assert [line.values["epoch"] for line in found.history] == [1, 2]
    assert [(line.step, line.time) for line in found.history] == [(1, 1.5), (2, 2.5)]


def test_a_step_that_was_logged_again_is_kept_twice_and_the_last_value_counts(
    tmp_path: Path,
) -> None:
    steps = [(1, 0.5), (2, 0.4), (3, 0.3), (2, 0.45), (3, 0.35)]
    text = "".join(f'{{"step":{step},"loss":{loss}}}\n' for step, loss in steps)
    (tmp_path / "history.jsonl").write_text(text)
    found = measure(tmp_path / "root", "", Config(), [], tmp_path / "log.txt")
    assert [(line.step, line.values["loss"]) for line in found.history] == steps
    assert found.metrics == {"loss": 0.35}


def test_values_of_one_step_from_several_calls_are_one_line_of_the_experiment(
    tmp_path: Path,
) -> None:
    lines = ['{"step":1,"loss":1}', '{"step":1,"acc":0.5}', '{"step":2,"loss":0.5}']
    (tmp_path / "history.jsonl").write_text("\n".join([*lines, ""]))
    found = measure(tmp_path / "root", "", Config(), [], tmp_path / "log.txt")
    assert [line.values for line in found.history] == [{"loss": 1, "acc": 0.5}, {"loss": 0.5}]


def test_damaged_lines_are_left_out_and_counted(tmp_path: Path) -> None:
    damaged = b"\0\0\0\n" + HISTORY.encode() + b'[1]\nnonsense}\n{"step":3,"loss":"NaN"}\n{"st'
    (tmp_path / "history.jsonl").write_bytes(damaged)
    found = read_logged(tmp_path)
    assert [line.step for line in found.history] == [1, 2, 3]
    assert math.isnan(float(found.last["loss"] or 0))
    assert found.warnings == ("3 lines of the history.jsonl that the run logged can't be read.",)


def test_a_line_torn_in_the_middle_of_the_file_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"step":1,"lo\n{"step":2,"loss":1}\n')
    found = read_logged(tmp_path)
    assert [line.step for line in found.history] == [2] and not found.warnings
