"""The record: written the same every time, read by this version and the next."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitml.errors import RecordError
from gitml.experiment.record import Segment, decode, encode
from gitml.outputs.artifact import Artifact
from tests.experiment.making import make_record

texts = st.text(st.characters(exclude_categories=["Cs"]))
finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), finite, texts)


@settings(deadline=None)
@given(st.dictionaries(texts, scalars), st.dictionaries(texts, scalars), st.lists(texts))
def test_what_was_written_is_read(
    params: dict[str, Any], metrics: dict[str, Any], argv: list[str]
) -> None:
    record = make_record(params=params, metrics=metrics, argv=tuple(argv))
    assert decode(encode(record)) == record


def test_a_record_with_everything_is_read_as_it_was_written() -> None:
    record = make_record(
        artifacts=(Artifact("model", "weights", "dvc", "ab.dir", 12, files=2),),
        segments=(Segment("2024-01-01T00:00:00Z", "2024-01-01T00:01:00Z", "host", -9),),
        environment={"cpu": "x", "threads": {"omp": 4}, "list": [1, None, "a"]},
        warnings=("one", "two"),
        params={"entropy": 2**128 - 1, "int": 1, "float": 1.0, "tiny": 1e-300},
    )
    again = decode(encode(record))
    assert again == record
    assert isinstance(again.params["int"], int)
    assert isinstance(again.params["float"], float)


def test_the_bytes_are_the_same_whatever_the_order_and_read_well() -> None:
    one = encode(make_record(metrics={"a": 1, "b": 2}))
    assert one == encode(make_record(metrics={"b": 2, "a": 1}))
    assert one.endswith(b"}\n")
    assert b'\n "name": "brave-otter"' in one


def test_values_that_json_has_not_are_spelled_and_not_lost() -> None:
    record = make_record(
        metrics={"loss": math.nan, "gain": -math.inf},
        params={"clip": math.inf},
        settings={"clip": math.inf},
        argv=("python", "caf\udce9.py"),
    )
    data = encode(record)
    plain = json.loads(data)
    assert plain["metrics"] == {"loss": "NaN", "gain": "-Infinity"}
    assert plain["inputs"]["settings"] == {"clip": "Infinity"}
    again = decode(data)
    assert again.params == {"clip": "Infinity"}
    assert again.argv == ("python", r"caf\udce9.py")


def test_fields_of_a_newer_version_are_passed_over() -> None:
    plain = json.loads(encode(make_record()))
    plain["schema"] = 7
    plain["brand_new"] = {"nested": [1]}
    plain["inputs"]["brand_new"] = True
    record = decode(json.dumps(plain).encode())
    assert (record.name, record.schema) == ("brave-otter", 7)


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"null", b"[]", b"\xff\xfe", b'{"name": 1}', b"[" * 100_000, b'{"a":' * 50_000,
     b"{" + b'"name": "x",' * 10, b'{"name": "\\ud800"}'],
)  # fmt: skip
def test_what_is_no_record_is_an_error_that_names_the_place(data: bytes) -> None:
    with pytest.raises(RecordError, match=r"somewhere.*can read") as caught:
        decode(data, "somewhere")
    assert caught.value.hint


def test_a_wrong_type_is_named_with_its_field() -> None:
    plain = json.loads(encode(make_record()))
    plain["metrics"] = [1]
    with pytest.raises(RecordError, match=r"\$\.metrics"):
        decode(json.dumps(plain).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_an_error_in_words(data: bytes) -> None:
    with pytest.raises(RecordError):
        decode(data)


def test_what_failed_or_changed_while_it_ran_is_never_reused() -> None:
    assert make_record().reusable
    assert not make_record(status="failed").reusable
    assert not make_record(changed=("train.py",)).reusable
