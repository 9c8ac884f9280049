"""A partition is the ids in each part, however they are written down."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitml.errors import ConfigError
from gitml.inputs.difference import compare_partition
from gitml.inputs.manifest import PartitionInput
from gitml.inputs.partition import expected_partition, ids_in, part_input, read_partition


def test_the_forms_of_a_partition_mean_the_same() -> None:
    forms = {
        "s.csv": b"id,part\n1,train\n2,test\n3,train\n",
        "t.csv": b"\xef\xbb\xbfSplit,ID,note\r\ntrain,3,x\r\ntest,2,\r\ntrain,1,\r\n",
        "s.json": b'{"test": [2], "train": ["3", 1]}',
        "t.json": b'[{"id": 1, "part": "train"}, {"part": "test", "id": "2"},'
        b' {"id": 3, "part": "train"}]',
    }
    found = [read_partition(data, name).parts for name, data in forms.items()]
    assert all(parts == found[0] for parts in found)
    digest = hashlib.sha256(b"1\n3").hexdigest()
    assert found[0]["train"].count == 2
    assert found[0]["train"].digest == f"sha256:{digest}"


@given(st.sets(st.integers(0, 500), min_size=2), st.randoms(use_true_random=False))
def test_order_does_not_count_and_membership_does(ids: set[int], chance: object) -> None:
    known = [str(one) for one in ids]
    one = read_partition(json.dumps({"train": known}).encode(), "a.json")
    other = read_partition(json.dumps({"train": known[::-1]}).encode(), "a.json")
    less = read_partition(json.dumps({"train": known[1:]}).encode(), "a.json")
    assert one.parts == other.parts != less.parts


def test_all_that_a_file_says_is_digested_in_its_order_and_not_its_spelling() -> None:
    plain = b"id,part,label\n1,train,0\n2,test,1\n"
    rows = read_partition(plain, "s.csv").rows
    respelled = b'\xef\xbb\xbf"id","part",label\r\n1,train,"0"\r\n\r\n2,test,1\r\n'
    assert read_partition(respelled, "s.csv").rows == rows
    for other in (b"id,part,label\n1,train,1\n2,test,1\n", b"id,part,label\n2,test,1\n1,train,0\n"):
        found = read_partition(other, "s.csv")
        assert found.parts == read_partition(plain, "s.csv").parts
        assert found.rows != rows
        assert [item.name for item in compare_partition(read_partition(plain, "s.csv"), found)] == [
            "s.csv"
        ]


def test_groups_are_digested_and_may_not_be_in_two_parts() -> None:
    found = read_partition(b"id,part,group\n1,train,g\n2,train,g\n3,test,h\n", "s.csv")
    assert found.parts["train"].groups and found.parts["train"].count == 2
    with pytest.raises(ConfigError, match="1 group in both train and test: g"):
        read_partition(b"id,part,group\n1,train,g\n2,test,g\n", "s.csv")
    with pytest.raises(ConfigError, match="two groups"):
        read_partition(b"id,part,group\n1,train,g\n1,train,h\n", "s.csv")


def test_folds_may_share_examples_and_the_parts_of_a_fold_may_not() -> None:
    found = read_partition(b"id,part\n1,a/train\n2,a/test\n2,b/train\n1,b/test\n", "s.csv")
    assert {name: part.count for name, part in found.parts.items()} == {
        "a/train": 1, "a/test": 1, "b/train": 1, "b/test": 1
    }  # fmt: skip
    with pytest.raises(ConfigError, match="1 id in both b/train and b/test: 1"):
        read_partition(b"id,part\n1,a/train\n2,a/test\n1,b/train\n1,b/test\n", "s.csv")


def test_the_ids_of_every_form_can_be_read_back() -> None:
    rows = b"id,part,group\n1,train,g\n2,test,\n"
    assert ids_in(rows, "s.csv") == ids_in(b'{"train": [1], "test": [2]}', "s.json")
    assert ids_in(rows, "s.csv") == {"train": {"1"}, "test": {"2"}}


def test_only_a_logged_split_is_expected_to_come_again() -> None:
    parts = {"test": part_input(["1"])}
    logged, declared = (
        PartitionInput("log_split", parts=parts),
        PartitionInput("s.csv", parts=parts),
    )
    nothing = PartitionInput()
    assert expected_partition(logged, nothing) == logged
    assert expected_partition(declared, nothing) == nothing
    assert expected_partition(logged, declared) == declared


def test_shared_ids_are_counted_and_some_are_named() -> None:
    rows = "".join(f"{number},{part}\n" for number in range(9) for part in ("train", "test"))
    with pytest.raises(ConfigError, match=r"9 ids in both train and test: 0, 1, 2, 3, 4, …"):
        read_partition(f"id,part\n{rows}".encode(), "s.csv")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "s.csv"),
        (b"id,part\n", "s.csv"),
        (b"a,b\n1,2\n", "s.csv"),
        (b"id,part\n1\n", "s.csv"),
        (b"id,part\n,train\n", "s.csv"),
        (b'id,part\n"1,train', "s.csv"),
        (b"\xff", "s.csv"),
        (b"{", "s.json"),
        (b"[" * 100_000, "s.json"),
        (b"3", "s.json"),
        (b"[1]", "s.json"),
        (b'{"a": 1}', "s.json"),
        (b'{"a": []}', "s.json"),
        (b'{"a": [1.5]}', "s.json"),
        (b'{"a": [true]}', "s.json"),
        (b'{"a": [1], "a": [2]}', "s.json"),
        (b'{"a": ["x\\ny"]}', "s.json"),
        (b'[{"id": 1}]', "s.json"),
    ],
    ids=str,
)
def test_malformed_partitions_are_named(data: bytes, name: str) -> None:
    with pytest.raises(ConfigError, match=r"s\.(csv|json)"):
        read_partition(data, name)


def test_a_part_counts_each_id_once() -> None:
    assert part_input(["b", "a", "a"]) == part_input(["a", "b"])
    assert part_input(["a", "b"]).count == 2
