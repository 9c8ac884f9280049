"""Metrics over steps: lines, merging, tables."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.errors import RecordError
from gitml.outputs.history import HistoryLine, last_values, merge, parse, read_file, render

names = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["step", "time", "values", "loss"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=8)
)
lines = st.builds(
    HistoryLine,
    st.none() | st.integers(0, 2**62),
    st.dictionaries(names, scalars, max_size=4),
    st.none() | st.floats(0, 1e14),
)


@given(st.lists(lines, max_size=5))
def test_history_survives_being_written_and_read(history):
    data = render(history)
    again = parse(data)
    assert render(again) == data
    assert [line.step for line in again] == [line.step for line in history]
    assert [line.time for line in again] == [line.time for line in history]
    for before, after in zip(history, again, strict=True):
        assert before.values.keys() == after.values.keys()


@given(st.lists(lines, max_size=5))
def test_every_line_is_strict_json(history):
    def refuse(text):
        raise AssertionError(text)

    for line in render(history).splitlines():
        assert isinstance(json.loads(line, parse_constant=refuse), dict)


def test_non_finite_values_come_back_as_floats():
    data = render([HistoryLine(1, {"a": math.nan, "b": -math.inf})])
    assert data == b'{"step":1,"a":"NaN","b":"-Infinity"}\n'
    values = parse(data)[0].values
    assert math.isnan(values["a"]) and values["b"] == -math.inf


@given(st.lists(lines, min_size=1, max_size=5), st.data())
def test_a_torn_end_loses_the_torn_line_at_most(history, data):
    whole = render(history)
    cut = data.draw(st.integers(0, len(whole)))
    assert render(parse(whole[:cut])) in (
        whole[: whole.rfind(b"\n", 0, cut) + 1],
        whole[:cut] + b"\n",
    )


def test_a_run_that_went_on_after_a_torn_line_loses_that_line_only():
    data = (
        b'{"step":1,"loss":0.5}\n{"step":2,"lo{"step":2,"loss":0.4}\n'
        b'{"step":3,"lo\n{"step":4,"loss":0.1}\n'
    )
    assert [line.step for line in parse(data)] == [1, 2, 4]


def test_something_else_than_json_is_an_error_with_its_line():
    with pytest.raises(RecordError, match=r"runs\.jsonl, line 2"):
        parse(b'{"step":1}\nversion https://git-lfs.github.com/spec/v1\n{"step":2}\n', "runs.jsonl")


def test_nested_values_and_bare_nan_of_other_programs_are_understood():
    (line,) = parse(b'{"step": 2.0, "val": {"loss": NaN}, "time": "now"}')
    assert line.step == 2 and line.time is None
    assert math.isnan(line.values["val.loss"])


@pytest.mark.parametrize(
    "raw", [b'{"a":' * 5000, b"\xff\xfe", b'{"step": 1e999}', b'{"time": ' + b"9" * 4000 + b"}"]
)
def test_hostile_lines_end_in_a_typed_error_or_a_line(raw):
    with suppress(RecordError):
        parse(raw + b"\n{}\n")


def test_sources_are_merged_by_step():
    one = [HistoryLine(1, {"a": 1}), HistoryLine(2, {"a": 2}), HistoryLine(3, {"a": 3})]
    two = [HistoryLine(2, {"b": 5}, 9.0), HistoryLine(4, {"b": 6})]
    assert merge([one, two]) == [
        HistoryLine(1, {"a": 1}),
        HistoryLine(2, {"a": 2, "b": 5}, 9.0),
        HistoryLine(3, {"a": 3}),
        HistoryLine(4, {"b": 6}),
    ]


def test_a_run_that_went_back_keeps_both_and_the_later_value_is_last():
    source = [HistoryLine(step, {"a": value}) for step, value in [(1, 1), (2, 2), (1, 3), (2, 4)]]
    merged = merge([source, [HistoryLine(None, {"test": 0.9})]])
    assert [line for line in merged if "a" in line.values] == source
    assert last_values(merged) == {"a": 4, "test": 0.9}


sources = st.lists(
    st.lists(
        st.builds(
            HistoryLine,
            st.none() | st.integers(0, 5),
            st.dictionaries(st.sampled_from("abc"), st.integers(0, 9), min_size=1),
        )
    ),
    max_size=3,
)


@given(sources)
def test_merging_loses_no_value_and_keeps_each_sources_order(several):
    merged = merge(several)

    def points(history):
        return sorted(
            (str(line.step), name, value) for line in history for name, value in line.values.items()
        )

    assert points(merged) == points([line for source in several for line in source])
    apart = [
        [
            HistoryLine(line.step, {f"{index}{name}": value for name, value in line.values.items()})
            for line in source
        ]
        for index, source in enumerate(several)
    ]
    together = merge(apart)
    for index, source in enumerate(apart):
        expected = [
            (line.step, name, value) for line in source for name, value in line.values.items()
        ]
        found = [
            (line.step, name, value)
            for line in together
            for name, value in line.values.items()
            if name.startswith(str(index))
        ]
        for name in {name for _, name, _ in expected}:
            assert [point for point in found if point[1] == name] == [
                point for point in expected if point[1] == name
            ]


def test_a_table_is_a_history_with_its_step_column(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss,acc\n0,0.5,\n1,nan,0.9\n")
    first, second = read_file(path)
    assert first == HistoryLine(0, {"loss": 0.5})
    assert second.step == 1 and math.isnan(second.values["loss"])
    (tmp_path / "h.jsonl").write_bytes(render([first]))
    assert read_file(tmp_path / "h.jsonl") == [first]


def test_lines_are_values():
    assert msgspec.structs.asdict(HistoryLine(1, {"a": 1})) == {
        "step": 1,
        "values": {"a": 1},
        "time": None,
    }
