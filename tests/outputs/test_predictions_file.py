"""Predictions in every format that scripts write: nothing crashes, and no number is wrong."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gitml.errors import RecordError
from gitml.outputs.predictions_file import PredictionsFile, read_predictions

CSV = "id,y_true,y_pred,score\n7,cat,dog,0.9\n8,dog,dog,0.8\n"


def read(folder: Path, name: str, content: str | bytes) -> PredictionsFile:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_predictions(path, name)


def refused(folder: Path, name: str, content: str | bytes) -> str:
    with pytest.raises(RecordError) as raised:
        read(folder, name, content)
    return f"{raised.value.message} {raised.value.hint}".strip()


def test_gitmls_own_format_needs_no_notes(tmp_path: Path) -> None:
    text = "id,y_true,y_pred,p:cat,p:dog,group,slice:site\na,cat,dog,0.25,0.75,g,x\nb,dog,dog,0,1,h,y\n"
    found = read(tmp_path, "predictions.csv", text)
    assert (found.ids, found.truth, found.predictions) == (
        ["a", "b"],
        ["cat", "dog"],
        ["dog", "dog"],
    )
    assert found.classes == ("cat", "dog")
    assert [list(row) for row in found.scores] == [[0.25, 0.75], [0.0, 1.0]]
    assert (found.groups, found.slices) == (["g", "h"], {"site": ["x", "y"]})
    assert found.notes == ()


FORMATS = {
    "table.tsv": "id\ty_true\ty_pred\tscore\n7\tcat\tdog\t0.9\n8\tdog\tdog\t0.8\n",
    "table.csv": CSV,
    "bom.csv": "\ufeff" + CSV,
    "crlf.csv": CSV.replace("\n", "\r\n"),
    "spaced.csv": CSV.replace(",", ", "),
    "semicolons.csv": CSV.replace(",", ";").replace("0.", "0,"),
    "numbered.csv": "".join(f"{i},{line}\n" for i, line in zip(("", 0, 1), CSV.splitlines(), strict=True)),
    "blank lines.csv": CSV.replace("\n", "\n\n"),
    "odd names.csv": CSV.replace("id,y_true,y_pred,score", "Image ID,Ground-Truth,Prediction,Confidence"),
    "lines.jsonl": '{"id": 7, "y_true": "cat", "y_pred": "dog", "score": 0.9}\n'
    '{"score": 0.8, "id": 8, "y_true": "dog", "y_pred": "dog"}',
    "records.json": json.dumps(
        [
            {"id": 7, "y_true": "cat", "y_pred": "dog", "score": 0.9},
            {"id": 8, "y_true": "dog", "y_pred": "dog", "score": 0.8},
        ]
    ),
    "columns.json": json.dumps(
        {"id": [7, 8], "y_true": ["cat", "dog"], "y_pred": ["dog", "dog"], "score": [0.9, 0.8]}
    ),
    "wrapped.json": json.dumps(
        {"predictions": [{"id": "7", "label": "cat", "pred": "dog", "prob": 0.9}, {"id": "8", "label": "dog", "pred": "dog", "prob": 0.8}]}
    ),
    "by id.json": json.dumps(
        {"7": {"label": "cat", "pred": "dog", "prob": 0.9}, "8": {"label": "dog", "pred": "dog", "prob": 0.8}}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_the_same(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, name, FORMATS[name])
    assert list(found.ids) == ["7", "8"]
    assert list(found.truth) == ["cat", "dog"]
    assert list(found.predictions) == ["dog", "dog"]
    assert list(found.scores) == [0.9, 0.8]


@pytest.mark.parametrize("how", ["parquet", "index.parquet", "npz", "columns", "split", "records"])
def test_what_pandas_and_numpy_write_is_read(tmp_path: Path, how: str) -> None:
    frame = pd.DataFrame(
        {"id": [7, 8], "y_true": ["cat", "dog"], "y_pred": ["dog", "dog"], "score": [0.9, 0.8]}
    )
    path = tmp_path / (how if "." in how else f"file.{how}" if how in ("parquet", "npz") else "file.json")  # fmt: skip
    if how == "index.parquet":
        frame.set_index("id").to_parquet(path)
    elif how == "parquet":
        frame.to_parquet(path)
    elif how == "npz":
        np.savez_compressed(path, **{name: np.asarray(frame[name].tolist()) for name in frame})
    else:
        frame.to_json(path, orient=how)  # type: ignore[call-overload]
    found = read_predictions(path)
    assert list(found.ids) == ["7", "8"]
    assert list(found.truth) == ["cat", "dog"]
    assert list(found.predictions) == ["dog", "dog"]
    assert list(found.scores) == [0.9, 0.8]


def test_what_was_taken_for_what_is_said(tmp_path: Path) -> None:
    text = "image,label,pred,prob_cat,prob_dog\n1,cat,dog,0.2,0.8\n2,dog,dog,0.1,0.9\n"
    found = read(tmp_path, "p.csv", text)
    assert found.notes == (
        "Taken in p.csv: `image` for the id, `label` for the truth, `pred` for the prediction, "
        "`prob_cat` and 1 more for the probability of a class.",
    )
    assert found.classes == ("cat", "dog")


def test_without_ids_nothing_is_read(tmp_path: Path) -> None:
    for text in ("y_true,y_pred\n1,1\n", ",y_true,y_pred\n0,1,1\n1,0,0\n"):
        said = refused(tmp_path, "p.csv", text)
        assert "joined by id, never by row: add an id column" in said
    assert "y_true" in refused(tmp_path, "p.csv", "id,y_pred\n1,1\n")
    assert "y_pred" in refused(tmp_path, "p.csv", "id,y_true\n1,1\n")


SAME_LABELS = [
    (["3", "4"], ["3.0", "4.0"]),
    (["1", "0"], ["True", "False"]),
    (["1", "0"], ["true", "FALSE"]),
    (["3", "4"], ["03", "04"]),
    (["3", "4", ""], ["3", "4", "nan"]),
    (["3", "cat"], ["3", "cat"]),
]


@pytest.mark.parametrize(("truth", "predicted"), SAME_LABELS)
def test_one_label_in_two_spellings_is_one_label(
    tmp_path: Path, truth: list[str], predicted: list[str]
) -> None:
    from gitml.comparison.statistics.labels import labels

    rows = "".join(f"{i},{a},{b}\n" for i, (a, b) in enumerate(zip(truth, predicted, strict=True)))
    found = read(tmp_path, "p.csv", "id,y_true,y_pred\n" + rows)
    assert labels(found.truth) == labels(found.predictions)


def test_labels_that_only_look_like_numbers_stay_apart(tmp_path: Path) -> None:
    text = "id,y_true,y_pred\n1,007,007\n2,7,7\n3,12345678901234567891,12345678901234567892\n"
    found = read(tmp_path, "p.csv", text)
    assert found.truth == ["007", "7", "12345678901234567891"]
    assert found.truth[2] != found.predictions[2]


def test_ids_stay_texts_except_for_the_floats_of_pandas(tmp_path: Path) -> None:
    assert read(tmp_path, "p.csv", "id,y_true,y_pred\n007,1,1\n 7,1,1\n").ids == ["007", " 7"]
    assert read(tmp_path, "p.csv", "id,y_true,y_pred\n7.0,1,1\n8.0,1,1\n").ids == ["7", "8"]
    lines = '{"id": 7.0, "y_true": 1, "y_pred": 1}\n{"id": 8, "y_true": 1, "y_pred": 1}\n'
    assert read(tmp_path, "p.jsonl", lines).ids == ["7", "8"]


def test_rows_without_an_id_are_left_out_and_counted(tmp_path: Path) -> None:
    text = "id,y_true,y_pred,p:a,p:b,slice:s\n,a,a,1,0,x\n1,b,a,0.5,0.5,y\n,b,b,0,1,z\n"
    found = read(tmp_path, "p.csv", text)
    assert (found.ids, found.truth, found.slices) == (["1"], ["b"], {"s": ["y"]})
    assert [list(row) for row in found.scores] == [[0.5, 0.5]]
    assert "2 rows of p.csv without an id left out." in found.notes


def test_scores_that_are_no_numbers_are_nan(tmp_path: Path) -> None:
    text = (
        "id,y_true,y_pred,score\n1,a,a,\n2,a,a,nan\n3,a,a,high\n4,a,a,1_0\n5,a,a,inf\n6,a,a,0.5\n"
    )
    scores = list(read(tmp_path, "p.csv", text).scores)
    assert [math.isnan(one) for one in scores[:4]] == [True] * 4
    assert scores[4:] == [math.inf, 0.5]


def test_rows_of_scores_come_as_lists_as_texts_and_as_tables(tmp_path: Path) -> None:
    lines = '{"id":1,"label":0,"pred":1,"probs":[0.2,0.8]}\n{"id":2,"label":1,"pred":1,"probs":null}\n{"id":3,"label":1,"pred":1,"probs":[1]}\n'
    found = read(tmp_path, "p.jsonl", lines)
    assert list(found.scores[0]) == [0.2, 0.8]
    assert all(math.isnan(one) for row in found.scores[1:] for one in row)
    for text in ('"[0.2, 0.8]"', "[0.2 0.8]"):
        found = read(tmp_path, "p.csv", f"id,label,pred,probs\n1,0,1,{text}\n")
        assert list(found.scores[0]) == [0.2, 0.8]
    path = tmp_path / "p.npz"
    columns = {"ids": np.arange(3), "labels": np.array([0, 1, 2]), "pred": np.array([0, 1, 1])}
    np.savez(path, probs=np.eye(3, dtype=np.float32), classes=np.array(["0", "1", "2"]), **columns)
    found = read_predictions(path)
    assert np.asarray(found.scores).tolist() == np.eye(3).tolist()
    assert found.classes == ("0", "1", "2")


def test_scores_of_classes_that_nobody_knows_are_not_used(tmp_path: Path) -> None:
    found = read(tmp_path, "p.csv", "id,y_true,y_pred,score_mean,score_std\n1,a,a,1,2\n2,b,a,1,2\n")
    assert found.scores is None
    assert "score_" not in str(found.classes)
    assert any("mean, std" in note for note in found.notes)
    lines = '{"id":1,"label":"cat","pred":"cat","probs":[0.2,0.8]}\n'
    found = read(tmp_path, "p.jsonl", lines)
    assert found.scores is None, "which column is the cat's isn't known"


def test_without_a_prediction_the_highest_score_counts(tmp_path: Path) -> None:
    found = read(
        tmp_path, "p.csv", "id,y_true,p:cat,p:dog\n1,cat,0.9,0.1\n2,cat,0.4,0.6\n3,cat,,\n"
    )
    assert found.predictions == ["cat", "dog", None]
    assert any("highest score" in note for note in found.notes)


def test_columns_with_few_values_may_be_slices(tmp_path: Path) -> None:
    rows = "".join(
        f"{i},{i % 2},{i % 2},{'ab'[i % 2]},{i},{i / 7},const,{i % 2}\n" for i in range(40)
    )
    text = f"id,y_true,y_pred,site,serial,weight,kind,correct\n{rows}"
    assert list(read(tmp_path, "p.csv", text).columns) == ["site"]


def test_a_hundred_thousand_rows_take_a_moment(tmp_path: Path) -> None:
    rows = "".join(f"image_{i:07},{i % 10},{i % 9},0.5,{'abc'[i % 3]}\n" for i in range(100_000))
    path = tmp_path / "p.csv"
    path.write_text(f"id,y_true,y_pred,score,site\n{rows}")
    start = time.perf_counter()
    found = read_predictions(path)
    assert time.perf_counter() - start < 3
    assert len(found.ids) == 100_000
    assert list(found.columns) == ["site"]
