"""Files of predictions that are damaged or hostile: a sentence each, never a crash."""

from __future__ import annotations

import csv
import io
import json
import math
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.errors import GitmlError, RecordError
from gitml.outputs.predictions_file import read_predictions
from tests.outputs.test_predictions_file import read, refused

HOSTILE = {
    "empty.csv": (b"", "empty"),
    "spaces.csv": (b"\n\n  \n", "empty"),
    "header only.csv": (b"id,y_true,y_pred\n", "empty"),
    "long row.csv": (b"id,y_true,y_pred\n1,0,0\n2,0,0,0\n", "line 3: 4 cells"),
    "short row.csv": (b"id,y_true,y_pred\n1,0\n2,0,0\n", "line 2: 2 cells"),
    "open quote.csv": (b'id,y_true,y_pred\n1,"0,0\n', "unexpected end of data"),
    "bad quote.csv": (b'id,y_true,y_pred\n1,"0"x,0\n', "no table"),
    "latin.csv": ("id,y_true,y_pred\n1,é,0\n".encode("latin-1"), "not UTF-8"),
    "utf16.csv": ("id,y_true,y_pred\n1,0,0\n".encode("utf-16"), "not UTF-8"),
    "nul.csv": (b"id,y_true,y_pred\n1,\x00,0\n", "NUL"),
    "twice.csv": (b"id,y_true,y_pred,y_pred\n1,0,0,0\n", "'y_pred' twice"),
    "wide.csv": (b",".join(b"c%d" % i for i in range(10_001)) + b"\n", "10,000 columns"),
    "large cell.csv": (b"id,y_true,y_pred\n1,0," + b"x" * 200_000 + b"\n", "field larger"),
    "deep.json": (b"[" * 100_000, "deep"),
    "deep.jsonl": (b"[" * 100_000 + b"\n{}\n", "line 1"),
    "scalar.json": (b"3", "no table"),
    "list.json": (b"[1, 2]", "entry 1 is no JSON object"),
    "nothing.json": (b"", "malformed"),
    "ragged.json": (b'{"id": [1, 2], "y_true": [1], "y_pred": [1]}', "differ in length"),
    "half.jsonl": (b'{"id": 1\n{"id": 2, "y_true": 1, "y_pred": 1}\n', "line 1 is no JSON"),
    "latin.json": (b'[{"id": "\xe9"}]', "UTF-8"),
    "text.parquet": (b"no parquet", "no Parquet file"),
    "text.npz": (b"no zip", "no .npz file"),
    "model.pkl": (b"\x80\x04.", "no table that gitml reads"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path, name: str) -> None:
    content, expected = HOSTILE[name]
    said = refused(tmp_path, name, content)
    assert expected in said
    assert name in said
    assert "\n" not in said


def test_a_torn_last_line_is_left_out_and_said(tmp_path: Path) -> None:
    found = read(tmp_path, "p.csv", "id,y_true,y_pred\n1,0,0\n2,1")
    assert found.ids == ["1"]
    assert found.notes == ("The last line of p.csv is torn and left out.",)
    found = read(tmp_path, "p.jsonl", '{"id": 1, "y_true": 1, "y_pred": 1}\n{"id": 2, "y_tr')
    assert found.ids == ["1"]
    assert found.notes == ("The last line of p.jsonl is torn and left out.",)


def test_quoted_newlines_are_part_of_a_cell(tmp_path: Path) -> None:
    found = read(tmp_path, "p.csv", 'id,y_true,y_pred\n"a\nb",1,1\n"c ""d""",0,1\n')
    assert found.ids == ["a\nb", 'c "d"']
    assert "line 5" in refused(tmp_path, "p.csv", 'id,y_true,y_pred\n"a\nb",1,1\n\n1,2\n2,3,4\n')


def test_json_with_bare_nan_is_read(tmp_path: Path) -> None:
    found = read(
        tmp_path, "p.jsonl", '{"id": 1, "y_true": 1.5, "y_pred": NaN, "score": -Infinity}\n'
    )
    assert math.isnan(found.predictions[0])
    assert list(found.scores) == [-math.inf]


def npz(folder: Path, members: dict[str, bytes], **options: Any) -> Path:
    path = folder / "p.npz"
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def npy(kind: str, shape: tuple[int, ...], data: bytes = b"") -> bytes:
    text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def test_no_array_is_unpickled(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "owned",))

    path = tmp_path / "p.npz"
    np.savez(path, id=np.array([Evil()], dtype=object), y_true=np.zeros(1), y_pred=np.zeros(1))
    with pytest.raises(RecordError, match="never unpickles"):
        read_predictions(path)
    assert not (tmp_path / "owned").exists()


ODD_ARRAYS = {
    "claims more than there is": npy("<f8", (1 << 33,)),
    "claims a negative shape": npy("<f8", (-1,)),
    "ends early": npy("<f8", (3,), bytes(8)),
    "unknown type": npy("<f3", (1,), bytes(8)),
    "huge type": npy("<U999999999", (1,), bytes(8)),
    "no text": npy("<U1", (1,), b"\xff" * 4),
    "records": b"\x93NUMPY\x01\x00\x56\x00{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}".ljust(200),
    "code": npy("<f8", (1,)).replace(b"(1,)", b"x()"),
    "deep": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535,
    "no header": b"\x93NUMPY\x01\x00\xff\xff{",
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_ARRAYS)
def test_damaged_arrays_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError, match=r"p\.npz"):
        read_predictions(npz(tmp_path, {"id": ODD_ARRAYS[name]}), "p.npz")


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = npy("|u1", (3 << 30,)) + bytes(1 << 22)
    path = npz(tmp_path, {"id": bomb}, compression=zipfile.ZIP_DEFLATED)
    start = time.perf_counter()
    with pytest.raises(RecordError, match="rows, which gitml doesn't compare"):
        read_predictions(path)
    path = npz(tmp_path, {"id": npy("<U1000", (1 << 20,))}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(RecordError, match="reads arrays of up to"):
        read_predictions(path)
    assert time.perf_counter() - start < 2


@given(
    st.lists(
        st.tuples(
            st.text(
                st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), min_size=1
            ),
            st.sampled_from(["cat", "dog", "a,b", 'q"', "x\ny"]),
            st.sampled_from(["cat", "dog", "a,b", 'q"', "x\ny"]),
            st.floats(0, 1),
        ),
        min_size=1,
        unique_by=lambda row: row[0],
    )
)
def test_csv_round_trips(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "y_true", "y_pred", "score"])
    writer.writerows([*row[:3], repr(row[3])] for row in rows)
    path = tmp_path_factory.mktemp("csv") / "p.csv"
    path.write_bytes(text.getvalue().encode())
    found = read_predictions(path)
    assert [tuple(row) for row in zip(found.ids, found.truth, found.predictions, found.scores, strict=True)] == rows  # fmt: skip


@given(st.sampled_from([".csv", ".tsv", ".json", ".jsonl", ".npz", ".parquet"]), st.binary(max_size=300))  # fmt: skip
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / f"p{suffix}"
    path.write_bytes(data)
    try:
        read_predictions(path)
    except GitmlError as error:
        assert error.message


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "y_true", "y_pred", "score", "probs", "classes", "slice:a", "data", "columns", "x"]),
            inner,
            max_size=5,
        ),
        max_leaves=20,
    )
)  # fmt: skip
def test_any_json_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, tree: Any) -> None:
    path = tmp_path_factory.mktemp("any") / "p.json"
    path.write_text(json.dumps(tree))
    try:
        found = read_predictions(path)
    except GitmlError:
        return
    assert len(found.ids) == len(found.truth) == len(found.predictions)
    assert found.scores is None or len(found.scores) == len(found.ids)
