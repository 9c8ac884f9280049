"""`gitml.log_table` takes tables as people have them, and writes CSV that reads back."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gitml
from gitml.errors import ArtifactError
from tests.api.made_files import examples_of, rows_of, run

__all__ = ["run"]

CELLS = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8))


def test_the_examples_of_the_documentation_are_the_same_table(run: Path) -> None:
    lines = examples_of(gitml.log_table)
    assert len(lines) == 2
    for line in lines:
        exec(line)
        expected = "class,errors\ncat,3\ndog,5\n"
        assert (run / "made/tables/errors.csv").read_text() == expected


@given(rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=5))
def test_every_cell_reads_back(tmp_path_factory: Any, rows: list[list[Any]]) -> None:
    place = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITML_RUN_DIR", str(place))
        found = rows_of(gitml.log_table(rows, "t", ["a", "b"]))
    assert found[0] == ["a", "b"]
    for row, texts in zip(rows, found[1:], strict=True):
        for value, text in zip(row, texts, strict=True):
            if value is None or isinstance(value, str):
                assert text == (value or "")
            elif isinstance(value, float) and math.isinf(value):
                assert text.endswith("Infinity")
            else:
                assert type(value)(text) == value


def test_all_forms_of_a_table_are_one(run: Path) -> None:
    expected = [["a", "b"], ["1", "x"], ["2", "y"]]
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    forms: list[tuple[Any, Any]] = [
        ([{"a": 1, "b": "x"}, {"b": "y", "a": 2}], None),
        (({"a": n, "b": t} for n, t in ((1, "x"), (2, "y"))), None),
        ([[1, "x"], (2, "y")], ["a", "b"]),
        ([[np.uint8(1), "x"], [np.int64(2), "y"]], ["a", "b"]),
        ({"a": np.array([1, 2]), "b": pd.Series(["x", "y"])}, None),
        ({"z": [0, 0], "b": ["x", "y"], "a": [1, 2]}, ["a", "b"]),
        (frame, None),
        (frame.assign(z=0), ["a", "b"]),
        (frame.to_dict("records"), None),
    ]
    for rows, columns in forms:
        assert rows_of(gitml.log_table(rows, "t.csv", columns)) == expected


def test_cells_are_spelled_in_full(run: Path) -> None:
    cells = [
        0.1 + 0.2, float("nan"), math.inf, -math.inf, None, True, pd.NA, np.float32(0.5), 10**30,
        datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC), [1, np.int64(2)],
        {"k": np.arange(2)}, 'a"b,\nc',
    ]  # fmt: skip
    path = gitml.log_table([cells], "t")
    assert rows_of(path)[1] == [
        "0.30000000000000004", "NaN", "Infinity", "-Infinity", "", "True", "", "0.5", "1" + "0" * 30,
        "2026-01-02T03:00:00+00:00", "[1, 2]", '{"k": [0, 1]}', 'a"b,\nc',
    ]  # fmt: skip
    assert b"\r" not in path.read_bytes()


def test_an_index_is_written_when_it_says_something(run: Path) -> None:
    frame = pd.DataFrame({"x": [1, 2, 3], "y": ["p", "q", "p"]})
    assert rows_of(gitml.log_table(frame[frame.x > 1], "t")) == [
        ["index", "x", "y"], ["1", "2", "q"], ["2", "3", "p"]
    ]  # fmt: skip
    counts = frame.groupby("y").x.sum()
    assert rows_of(gitml.log_table(counts, "t")) == [["y", "x"], ["p", "4"], ["q", "2"]]
    wide = frame.groupby(["y", "x"]).agg({"x": ["min", "max"]})
    assert rows_of(gitml.log_table(wide, "t"))[0] == ["y", "x", "x.min", "x.max"]


def test_a_carriage_return_reads_back_as_one(run: Path) -> None:
    assert rows_of(gitml.log_table([["a\rb", "\r"]], "t"))[1:] == [["a\rb", "\r"]]


def test_a_text_that_a_frame_lacks_is_empty_and_a_number_is_nan(run: Path) -> None:
    frame = pd.DataFrame({"text": ["x", None], "number": [0.5, None]})
    assert rows_of(gitml.log_table(frame, "t"))[1:] == [["x", "0.5"], ["", "NaN"]]
    frame["text"] = frame["text"].astype(object)
    assert rows_of(gitml.log_table(frame, "t"))[2] == ["", "NaN"]


def test_missing_cells_are_empty_and_an_array_has_numbered_columns(run: Path) -> None:
    assert rows_of(gitml.log_table([{"a": 1}, {"b": 2}], "t")) == [
        ["a", "b"], ["1", ""], ["", "2"]
    ]  # fmt: skip
    assert rows_of(gitml.log_table(np.eye(2), "t")) == [["0", "1"], ["1.0", "0.0"], ["0.0", "1.0"]]
    assert gitml.log_table([], "t", ["a"]).read_text() == "a\n"


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        ([[1, 2], [3]], None, "Row 1 has 1 cell, and there are 2 columns"),
        ([[1, 2]], ["a"], "Row 0 has 2 cells"),
        ({"a": [1, 2], "b": [1]}, None, "different lengths: a 2, b 1"),
        ([{"a": 1}], ["b"], "no column 'b'"),
        ({"a": [1]}, ["b"], "no column 'b'"),
        ([[1, 2]], ["a", "a"], "'a' twice"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), None, "'a' twice"),
        ([{"a": 1}, [2]], None, "Row 1 is .2., and others are dicts"),
        ("text", None, "The table is 'text'"),
        (7, None, "The table is 7"),
        ({"a": "text"}, None, "'a' is one text"),
        (["ab", "cd"], None, "Row 0 is 'ab' .str., and no list of values"),
        ([[1], [1, 2]], None, "Row 1 has 2 cells, and there is 1 column"),
        ([[1, 2]], "ab", "columns is 'ab'"),
        (np.zeros((2, 2, 2)), None, "3 dimensions"),
    ],
)
def test_what_is_no_table_is_said(run: Path, rows: Any, columns: Any, said: str) -> None:
    with pytest.raises(ArtifactError, match=said):
        gitml.log_table(rows, "t", columns)
    assert not list(run.rglob("t.csv"))
