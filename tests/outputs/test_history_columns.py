from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.errors import RecordError
from gitml.outputs import history
from gitml.outputs.history import HistoryLine
from gitml.outputs.history_columns import Points, pieces_in, pieces_of, points_of
from gitml.values import as_number


def read(*lines: dict[str, object] | str) -> dict[str, Points]:
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    return points_of(["".join(f"{text}\n" for text in texts).encode()])


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.sampled_from(["adam"])
)
lines = st.builds(
    HistoryLine,
    st.none() | st.integers(0, 20),
    st.dictionaries(st.sampled_from(["loss", "time", "values", "a.b", "é"]), scalars, max_size=4),
    st.none() | st.floats(0, 1e9),
)


@given(st.lists(lines, max_size=30))
def test_columns_are_what_the_lines_say(measured: list[HistoryLine]) -> None:
    found = points_of([history.render(measured)])
    names = {name for line in measured for name in line.values}
    for name in names:
        own = [line for line in measured if name in line.values]
        numbers = [as_number(line.values[name]) for line in own]
        if all(number is None for number in numbers):
            assert name not in found
            continue
        expected = {
            (place if any(one.step is None for one in own) else line.step): number
            for place, (line, number) in enumerate(zip(own, numbers, strict=True))
        }
        points = found[name]
        assert points.measured == len(own)
        assert len(points.values) == len(expected)
        for step, value in zip(sorted(expected), points.values, strict=True):
            number = expected[step]
            number = math.nan if number is None else float(number)
            assert value == number or (math.isnan(value) and math.isnan(number))
        if all(line.step is not None for line in own):
            assert list(points.steps) == sorted(expected)
        else:
            assert not points.steps


def test_of_a_step_that_a_resumed_run_measured_again_the_last_value_counts() -> None:
    found = read(
        {"step": 1, "time": 10.0, "loss": 0.9},
        {"step": 2, "time": 11.0, "loss": 0.8},
        {"step": 3, "time": 12.0, "loss": 0.7},
        {"step": 2, "time": 20.0, "loss": 0.75},
        {"step": 4, "time": 21.0, "loss": 0.6},
    )["loss"]
    assert list(found.steps) == [1, 2, 3, 4]
    assert list(found.values) == [0.9, 0.75, 0.7, 0.6]
    assert list(found.times) == [10.0, 20.0, 12.0, 21.0]
    assert found.measured == 5


def test_metrics_that_are_measured_at_other_steps_are_each_in_order() -> None:
    found = read(
        {"step": 1, "loss": 0.9},
        {"step": 1, "val": 0.5, "loss": 0.91},
        {"step": 2, "loss": 0.8},
        {"val": 0.4, "step": 2},
    )
    assert list(found["loss"].values) == [0.91, 0.8]
    assert list(found["val"].steps) == [1, 2]


def test_counters_texts_and_switches_are_no_curves() -> None:
    found = read({"epoch": 1, "phase": "train", "stopped": True, "gone": None, "loss": 1})
    assert list(found) == ["loss"]


def test_lines_of_other_programs_are_read() -> None:
    found = read('{"step": 1, "loss": NaN}', '{"step": 2, "val": {"loss": 0.5}}', '{"step": 3, "lo')
    assert math.isnan(found["loss"].values[0])
    assert list(found["val.loss"].values) == [0.5]


def test_a_value_without_step_makes_a_curve_over_measurements() -> None:
    found = read({"step": 5, "loss": 1.0}, {"loss": 2.0}, {"step": 1, "loss": 3.0})["loss"]
    assert list(found.values) == [1.0, 2.0, 3.0]
    assert not found.steps


def test_numbers_that_no_float_holds_are_infinite() -> None:
    assert list(read(f'{{"loss": {10**400}}}', '{"loss": 1}')["loss"].values) == [math.inf, 1]


def test_what_is_no_history_is_an_error() -> None:
    with pytest.raises(RecordError, match="no JSON object"):
        read("[1, 2]", '{"loss": 1}')


def test_long_histories_are_read_in_pieces(tmp_path: Path) -> None:
    data = b"".join(b'{"step":%d,"loss":%d.5}\n' % (n, n) for n in range(300_000))
    pieces = list(pieces_in(data))
    assert len(pieces) > 1 and b"".join(pieces) == data
    assert all(piece.endswith(b"\n") for piece in pieces)
    file = tmp_path / "history.jsonl"
    file.write_bytes(data)
    found = points_of(pieces_of(file))["loss"]
    assert len(found.values) == 300_000 and found.values[-1] == 299_999.5
    with pytest.raises(RecordError, match="can't be read"):
        list(pieces_of(tmp_path / "nothing"))
