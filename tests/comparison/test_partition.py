"""What two partitions say about comparing metrics, and where the ids of a part are found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from gitml.comparison.examples import partition_ids
from gitml.comparison.partition import comparability, leaked, not_here, same_examples
from gitml.experiment.record import PARTITION_PATH, Record
from gitml.git.objects import write_blob
from gitml.git.repository import Repository
from gitml.git.trees import build_tree
from gitml.inputs.manifest import DataInput, Manifest, PartitionInput
from gitml.inputs.partition import part_input
from gitml.outputs.artifact import Artifact
from gitml.storage import place
from gitml.storage.objects import store_bytes, store_folder
from gitml.storage.place import Storage
from tests.history.commits import copy_of_project, make_record

Ids = Mapping[str, str]


def manifest(ids: Ids, source: str = "log_split", **fields: object) -> Manifest:
    parts = {name: part_input(members.split()) for name, members in ids.items()}
    base = make_record(0, params={}, metrics={}, artifacts=()).inputs
    partition = PartitionInput(source, parts=parts)
    return msgspec.structs.replace(base, **{"data": {}, "partition": partition, **fields})


def sides(*found: Ids, **fields: object) -> list[Record]:
    base = make_record(0, params={}, metrics={}, artifacts=())
    return [
        msgspec.structs.replace(base, name=name, inputs=manifest(ids, **fields))
        for name, ids in zip("abc", found, strict=False)
    ]


def asked(*found: Ids) -> tuple[bool, list[str]]:
    known = [{name: set(ids.split()) for name, ids in side.items()} for side in found]
    return comparability(sides(*found), "abc"[: len(found)], lambda number: known[number])


def test_the_shared_ids_are_counted_on_each_side() -> None:
    assert asked({"train": "1", "test": "x y z"}, {"train": "1", "test": "z y w"}) == (
        False,
        ["Not comparable: the test parts share 2 of 3 ids."],
    )
    assert asked({"train": "1", "test": "x"}, {"train": "1", "test": "y z"})[1] == [
        "Not comparable: the test parts share 0 ids, of 1 in a and 2 in b."
    ]


def test_training_and_validation_parts_are_said_and_do_not_decide() -> None:
    comparable, said = asked(
        {"train": "p q", "valid": "v", "test": "t u"}, {"train": "p t", "valid": "w", "test": "t u"}
    )
    assert comparable
    assert said == [
        "The valid parts share 0 of 1 ids, so metrics on them can't be compared.",
        "The train parts share 1 of 2 ids.",
        "1 of the 2 test examples of a were trained on by b.",
    ]


def test_a_test_part_that_only_one_has_and_several_sides() -> None:
    first = {"train": "p", "valid": "v", "test": "t"}
    assert asked(first, {"train": "p", "valid": "v"})[1] == [
        "Not comparable: only a has a test part."
    ]
    comparable, said = asked(first, first, {**first, "test": "u"})
    assert not comparable
    assert said == ["Not comparable: the test parts of a and c share 0 of 1 ids."]
    assert asked(first, first, first) == (True, [])


def test_many_folds_are_named_in_one_sentence() -> None:
    one = {f"fold{n}/test": str(n) for n in range(5)} | {"fold0/train": "9"}
    other = {f"fold{n}/test": str(n + 1) for n in range(5)} | {"fold0/train": "9"}
    said = asked(one, other)[1]
    assert said[0].count("share") == 3 and said[0].endswith(", and 2 more differ.")
    assert not any("trained on" in text for text in said)


def test_without_ids_parts_differ_and_it_is_said_whose_are_missing() -> None:
    records = sides({"test": "x"}, {"test": "y"})
    assert comparability(records, "ab", not_here) == (
        False,
        ["Not comparable: the test parts differ."],
    )
    known = {0: {"test": {"x"}}}
    said = comparability(records, "ab", known.get)[1]
    assert said[1].startswith("The ids of b are not on this machine")


def test_content_decides_where_both_know_it_and_groups_never_do() -> None:
    def compared(**changes: str) -> tuple[bool, list[str]]:
        one, other = sides({"test": "x"}, {"test": "x"})
        part = msgspec.structs.replace(other.inputs.partition.parts["test"], **changes)
        partition = PartitionInput("log_split", parts={"test": part})
        inputs = msgspec.structs.replace(other.inputs, partition=partition)
        first = PartitionInput(
            "log_split",
            parts={
                "test": msgspec.structs.replace(one.inputs.partition.parts["test"], content="c")
            },
        )
        return comparability(
            [
                msgspec.structs.replace(
                    one, inputs=msgspec.structs.replace(one.inputs, partition=first)
                ),
                msgspec.structs.replace(other, inputs=inputs),
            ]
        )

    assert compared() == (True, [])
    assert compared(groups="g") == (True, [])
    assert compared(content="d") == (
        False,
        ["Not comparable: the test parts have the same ids with other content."],
    )


def test_folds_are_held_against_the_fold_of_the_same_name() -> None:
    folds = {"a/train": {"1"}, "a/test": {"2"}, "b/train": {"2"}, "b/test": {"1"}}
    assert leaked(folds, folds) == (set(), 2)
    assert leaked(folds, folds, by_split=False) == ({"1", "2"}, 2)
    assert leaked({"test": {"1", "3"}}, folds) == ({"1"}, 2)


def test_numbers_mean_the_same_examples_only_in_the_same_data() -> None:
    cifar, mnist = (manifest({"test": "1"}, data={n: DataInput("dvc", n)}) for n in ("c", "m"))
    assert same_examples(cifar, cifar, ["1"]) and not same_examples(cifar, mnist, ["1", "2"])
    assert same_examples(cifar, mnist, ["1", "img1"])
    assert same_examples(cifar, manifest({"test": "1"}, data={}), ["1"])
    moved = manifest({"test": "1"}, data={"elsewhere": DataInput("dvc", "c")})
    assert same_examples(cifar, moved, ["1"])


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return copy_of_project(tmp_path / "project")


@pytest.fixture
def storage(repository: Repository) -> Storage:
    place.setup(repository.root)
    found = place.find(repository.root, repository.root)
    assert found is not None
    return found


SPLIT: Ids = {"train": "1 2", "test": "3"}
ROWS = b"id,part\n1,train\n2,train\n3,test\n"
FOUND = {"train": {"1", "2"}, "test": {"3"}}


def tree(repository: Repository, path: str, data: bytes) -> str:
    blob = write_blob(repository.git, data)
    return build_tree(
        repository.git, repository.state_dir / "test.index", None, {path: ("100644", blob)}
    )


def test_ids_come_from_the_tree(repository: Repository) -> None:
    logged = tree(repository, PARTITION_PATH, ROWS)
    assert partition_ids(repository, logged, manifest(SPLIT)) == FOUND
    declared = tree(repository, "sub/splits.json", b'{"train": [1, 2], "test": [3]}')
    inputs = manifest(SPLIT, source="splits.json")
    assert partition_ids(repository, declared, inputs, project="sub") == FOUND
    assert partition_ids(repository, declared, inputs) is None


def test_ids_come_from_dvcs_cache(repository: Repository, storage: Storage) -> None:
    digest = store_bytes(storage, ROWS).digest
    artifact = Artifact(PARTITION_PATH, "other", "dvc", digest, len(ROWS))
    empty = tree(repository, "x", b"")
    assert partition_ids(
        repository, empty, manifest(SPLIT), artifacts=[artifact], storage=storage
    ) == FOUND  # fmt: skip
    assert partition_ids(repository, empty, manifest(SPLIT), artifacts=[artifact]) is None

    folder = repository.root / "data"
    folder.mkdir()
    (folder / "splits.csv").write_bytes(ROWS)
    stored = store_folder(storage, folder)
    for name, item in (
        ("data/splits.csv", DataInput("dvc", digest)),
        ("data", DataInput("dvc", stored.digest)),
    ):
        inputs = manifest(SPLIT, source="data/splits.csv", data={name: item})
        assert partition_ids(repository, empty, inputs, storage=storage) == FOUND


@pytest.mark.parametrize(
    "rows",
    [
        b"id,part\n1,train\n2,train\n4,test\n",
        ROWS + b"4,valid\n",
        b"id,part\n1,train,x,y\n",
        b'id,part\n"1,train\n',
        b"",
        b"\xff",
    ],
    ids=repr,
)
def test_ids_that_are_not_those_of_the_record_are_no_ids(
    repository: Repository, rows: bytes
) -> None:
    assert (
        partition_ids(repository, tree(repository, PARTITION_PATH, rows), manifest(SPLIT)) is None
    )


@pytest.mark.parametrize("source", ["../../etc/passwd", "/etc/passwd", "a:b", "-x"])
def test_a_record_can_not_name_a_file_elsewhere(repository: Repository, source: str) -> None:
    assert partition_ids(repository, "HEAD", manifest(SPLIT, source=source)) is None


def test_without_a_partition_there_are_no_ids(repository: Repository) -> None:
    assert partition_ids(repository, "HEAD", manifest({}, source="")) is None
