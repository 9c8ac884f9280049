"""Metrics files: what is read, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.errors import GitmlError, NotFoundError, RecordError
from gitml.outputs.metrics import read_metrics
from gitml.values import flatten


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.json", '{"val": {"loss": 0.5, "top": [1, 2]}, "name": "7"}'),
        ("m.yaml", "val:\n  loss: 5e-1\n  top: [1, 2]\nname: '7'\n"),
        ("m.yml", "{val: {loss: 0.5, top: [1, 2]}, name: '7'}"),
        ("m.toml", 'name = "7"\n[val]\nloss = 0.5\ntop = [1, 2]\n'),
    ],
)
def test_nested_names_are_joined_with_dots_in_every_format(tmp_path, name, content):
    values = read_metrics(written(tmp_path, name, content))
    assert values == {"val.loss": 0.5, "val.top.0": 1, "val.top.1": 2, "name": "7"}


@pytest.mark.parametrize(("name", "separator"), [("m.csv", ","), ("m.tsv", "\t")])
def test_the_last_row_of_a_table_counts(tmp_path, name, separator):
    rows = [["", "epoch", "loss", "note"], ["0", "1", "0.5", "a"], ["1", "2", "nan", "ok, then"]]
    lines = [separator.join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows]
    values = read_metrics(written(tmp_path, name, "\r\n".join(lines) + "\r\n"))
    assert values.pop("note") == "ok, then"
    assert math.isnan(values.pop("loss"))
    assert values == {}


def test_what_numbers_the_rows_is_a_metric_only_where_there_is_nothing_else(tmp_path):
    assert read_metrics(written(tmp_path, "a.csv", "epoch,loss\n1,0.5\n2,0.4\n")) == {"loss": 0.4}
    assert read_metrics(written(tmp_path, "b.csv", "epoch,loss\n2,0.4\n")) == {
        "epoch": 2,
        "loss": 0.4,
    }
    assert read_metrics(written(tmp_path, "c.csv", "epoch\n1\n2\n")) == {"epoch": 2}


def test_a_cell_that_is_empty_in_the_last_row_has_the_last_value_of_its_column(tmp_path):
    table = "step,train_loss,val_loss,never\n1,0.5,,\n1,,0.7,\n2,0.4,,\n"
    assert read_metrics(written(tmp_path, "metrics.csv", table)) == {
        "train_loss": 0.4,
        "val_loss": 0.7,
    }


def test_nan_and_infinity_in_json_become_floats(tmp_path):
    values = read_metrics(written(tmp_path, "m.json", '{"a": NaN, "b": -Infinity, "c": "NaN"}'))
    assert math.isnan(values["a"])
    assert values["b"] == -math.inf
    assert values["c"] == "NaN"


def test_an_empty_file_has_no_metrics(tmp_path):
    for name in ("m.json", "m.yaml", "m.toml", "m.csv"):
        assert read_metrics(written(tmp_path, name, "")) == {}


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{b}: &{b} {{'<<': [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]}}\n".replace("'<<'", "<<")
    for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)

HOSTILE = {
    "5,000 digits.json": '{"a": ' + "9" * 5000 + "}",
    "too large a float.json": '{"a": 1e400}',
    "twice.json": '{"a": 1, "a": 2}',
    "twice nested.json": '{"x": [{"a": 1, "a": 2}]}',
    "deep.json": "[" * 100_000,
    "deep and closed.json": '{"a": ' * 100 + "1" + "}" * 100,
    "dotted twice.json": '{"a.b": 1, "a": {"b": 2}}',
    "one value.json": "0.97",
    "half a pair.json": r'{"\ud800": 1}',
    "half a pair in text.json": r'{"a": "\udfff"}',
    "many.json": json.dumps({"a": list(range(20_000))}),
    "latin.json": b'{"a": "\xe9"}',
    "torn.json": '{"a": 1',
    "python.yaml": "a: !!python/object/apply:os.system [true]",
    "bomb.yaml": BOMB,
    "merges.yaml": MERGES,
    "itself.yaml": "a: &a [*a]",
    "twice.yaml": "a: 1\na: 2\n",
    "deep.yaml": "[" * 5000,
    "digits.yaml": "a: " + "9" * 5000,
    "long.yaml": "a: " + "x" * (1 << 20),
    "digits.toml": "a = " + "9" * 5000,
    "large.toml": "a = 1e400",
    "twice.toml": "a = 1\na = 2",
    "deep.toml": "a = " + "[" * 5000,
    "no header.csv": "1,2\n3,4\n",
    "twice.csv": "a,a\n1,2\n",
    "wide.csv": "a,b\n1,2,3\n",
    "huge cell.csv": "a\n" + "x" * 200_000 + "\n",
    "unknown.bin": "a",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_an_error_that_names_it(tmp_path, name):
    with pytest.raises(RecordError, match=name.replace(".", r"\.")):
        read_metrics(written(tmp_path, name, HOSTILE[name]))


def test_more_than_64_mib_are_refused_without_being_read(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as stream:
        stream.truncate((64 << 20) + 1)
    with pytest.raises(RecordError, match="huge"):
        read_metrics(path)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(NotFoundError, match="none"):
        read_metrics(tmp_path / "none.json")
    with pytest.raises(GitmlError):
        read_metrics(tmp_path)


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_characters="."), max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="."), min_size=1), trees, max_size=5
    )
)
def test_what_json_holds_is_what_is_read(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    flat = flatten(tree)
    try:
        assert read_metrics(path) == flat
    except RecordError as error:
        assert "same dotted name" in error.message


@given(st.binary(max_size=200), st.sampled_from([".json", ".yaml", ".toml", ".csv", ".tsv"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data, suffix):
    path = tmp_path_factory.getbasetemp() / f"bytes{suffix}"
    path.write_bytes(data)
    try:
        read_metrics(path)
    except RecordError as error:
        assert path.name in error.message
