"""Importances and explanations in the formats that scripts write."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.errors import GitmlError, RecordError
from gitml.outputs.explanations_file import Explanations, read_explanations
from gitml.outputs.importance_file import read_importances

WANTED = {"age": 0.5, "height": 0.25}
IMPORTANCES = {
    "own.json": '{"age": 0.5, "height": 0.25}',
    "records.json": '[{"feature": "age", "importance": 0.5}, {"feature": "height", "importance": 0.25}]',
    "pairs.json": '[["age", 0.5], ["height", 0.25]]',
    "lists.json": '{"features": ["age", "height"], "importances": [0.5, 0.25]}',
    "wrapped.json": '{"importance": {"age": 0.5, "height": 0.25}}',
    "series.csv": ",0\nage,0.5\nheight,0.25\n",
    "two columns.csv": "what,gain\nage,0.5\nheight,0.25\n",
    "named.csv": "rank,std,feature,importance\n1,9,age,0.5\n2,9,height,0.25\n",
    "lines.jsonl": '{"feature": "age", "importance": 0.5}\n{"feature": "height", "importance": 0.25}\n',
}


@pytest.mark.parametrize("name", IMPORTANCES)
def test_every_format_of_importances_says_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(IMPORTANCES[name])
    assert read_importances(path).values == WANTED


def test_odd_importances_are_said_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "i.json"
    path.write_text('{"a": "NaN", "b": null, "c": true, "d": 1}')
    found = read_importances(path).values
    assert [name for name, value in found.items() if math.isnan(value)] == ["a", "b", "c"]
    path = tmp_path / "i.csv"
    path.write_text("feature,importance\na,1\na,1\nb,1\nb,2\n")
    found_twice = read_importances(path, "i.csv")
    assert found_twice.values == {"a": 1.0}
    assert found_twice.notes == ("In i.csv, 1 feature is there twice with different numbers.",)
    for text in ("", "3", "[]", "{}", '{"a": {"b": 1}, "c": {"d": 2}}', '["a"]', "[" * 9_000):
        path = tmp_path / "odd.json"
        path.write_text(text)
        with pytest.raises(RecordError, match=r"odd\.json"):
            read_importances(path, "odd.json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["feature", "importance", "features", "importances", "id", "values"]
                ),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, tree: Any) -> None:
    path = tmp_path_factory.mktemp("any") / "i.json"
    path.write_text(json.dumps(tree))
    for read in (read_importances, read_explanations):
        try:
            read(path)
        except GitmlError as error:
            assert error.message


def explained(found: Explanations) -> tuple[list[str], list[list[float]], tuple[str, ...]]:
    return list(found.ids), [list(row) for row in found.values], found.features


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "json", "npz", "lists.jsonl"])
def test_every_format_of_explanations_says_the_same(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "age": [0.5, -1.0], "height": [0.25, 2.0]})
    path = tmp_path / f"e.{suffix}"
    values = frame[["age", "height"]].to_numpy()
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "parquet":
        frame.to_parquet(path)
    elif suffix == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif suffix == "json":
        frame.to_json(path)
    elif suffix == "npz":
        np.savez(path, ids=np.array(["a", "b"]), values=values, features=["age", "height"])
    else:
        lines = (
            {"id": i, "values": list(row)} for i, row in zip("ab", values.tolist(), strict=True)
        )
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ids, rows, features = explained(read_explanations(path))
    assert (ids, rows) == (["a", "b"], [[0.5, 0.25], [-1.0, 2.0]])
    assert features == (() if suffix == "lists.jsonl" else ("age", "height"))


def test_explanations_of_images_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    np.savez(path, ids=np.arange(3), values=np.zeros((3, 1, 4, 4), dtype=np.float16))
    found = read_explanations(path)
    assert found.values.shape == (3, 16)
    assert found.ids == ["0", "1", "2"]
    assert found.features[:2] == ("0.0.0", "0.0.1")
    assert found.features[-1] == "0.3.3"


def test_flat_rows_may_say_the_shape_that_they_had(tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    for shape, last in (
        ([2, 3], ("1.2",)),
        ([6], ()),
        ([2, 4], ()),
        ([-2, -3], ()),
        ([1] * 40 + [6], ()),
        (["2", "3"], ()),
        ([2.0, 3.0], ()),
    ):
        np.savez(path, ids=np.arange(2), values=np.zeros((2, 6)), shape=np.array(shape))
        assert read_explanations(path).features[-1:] == last


def test_odd_explanations_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("age,height\n1,2\n")
    with pytest.raises(RecordError, match="never by row"):
        read_explanations(path)
    path.write_text("id\n1\n")
    with pytest.raises(RecordError, match="no columns of features"):
        read_explanations(path)
    path = tmp_path / "e.npz"
    for arrays in (
        {"values": np.zeros((2, 2))},
        {"ids": np.arange(2)},
        {"ids": np.arange(3), "values": np.zeros((2, 2))},
        {"ids": np.arange(2), "values": np.zeros(2)},
        {"ids": np.arange(2), "values": np.array(["a", "b"])},
    ):
        np.savez(path, **arrays)
        with pytest.raises(RecordError):
            read_explanations(path)


def test_rows_without_an_id_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("id,x\n,1\na,2\n")
    found = read_explanations(path, "e.csv")
    assert explained(found)[:2] == (["a"], [[2.0]])
    assert found.notes == ("1 row of e.csv without an id left out.",)
