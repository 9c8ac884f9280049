"""`gitml.hash_split` keeps every example in its part, whatever comes along."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gitml
from gitml.errors import PartitionError

IDS = st.sets(st.integers() | st.text("abc/é🎲", min_size=1, max_size=6), min_size=1, max_size=60)
FRACTIONS = st.floats(0, 0.5)


def part_of(parts: dict[str, list[object]]) -> dict[object, str]:
    return {one: part for part, ids in parts.items() for one in ids}


@given(IDS, IDS, FRACTIONS, FRACTIONS, st.text("ab\0é", max_size=3))
def test_examples_keep_their_part_when_data_grows(
    old: set[object], new: set[object], test: float, valid: float, salt: str
) -> None:
    before = part_of(gitml.hash_split(old, test, valid, salt))
    after = part_of(gitml.hash_split([*new, *old], test, valid, salt))
    assert before.keys() == old
    assert {one: after[one] for one in old} == before


@given(IDS, FRACTIONS, FRACTIONS, FRACTIONS)
def test_a_larger_part_takes_from_training_alone(
    ids: set[object], test: float, more: float, valid: float
) -> None:
    less, larger = sorted((test, more))
    before, after = (part_of(gitml.hash_split(ids, part, valid)) for part in (less, larger))
    assert all(before[one] == "train" and after[one] == "test"
               for one in ids if before[one] != after[one])  # fmt: skip
    before, after = (part_of(gitml.hash_split(ids, valid, part)) for part in (less, larger))
    assert all(before[one] == "train" and after[one] == "valid"
               for one in ids if before[one] != after[one])  # fmt: skip


@given(st.dictionaries(st.integers(0, 200), st.integers(0, 9), min_size=1), FRACTIONS)
def test_a_group_is_never_torn_apart(group_of: dict[int, int], test: float) -> None:
    ids = list(group_of)
    found = part_of(gitml.hash_split(ids, test, 0.3, groups=group_of))
    assert len({(group_of[one], part) for one, part in found.items()}) == len(
        set(group_of.values())
    )
    aligned = gitml.hash_split(ids, test, 0.3, groups=[str(group_of[one]) for one in ids])
    assert part_of(aligned) == found


@pytest.mark.parametrize("salt", ["v1", "v2", ""])
def test_fractions_are_met_within_what_chance_allows(salt: str) -> None:
    count = 20_000
    parts = gitml.hash_split(range(count), test=0.2, valid=0.1, salt=salt)
    for part, fraction in (("train", 0.7), ("valid", 0.1), ("test", 0.2)):
        spread = (count * fraction * (1 - fraction)) ** 0.5
        assert abs(len(parts[part]) - count * fraction) < 5 * spread


def test_the_formula_is_the_documented_one_for_ever() -> None:
    assert gitml.hash_split(range(20), test=0.3, valid=0.2) == {
        "train": [0, 3, 5, 6, 7, 8, 9, 10, 12, 15, 17, 18, 19],
        "valid": [14],
        "test": [1, 2, 4, 11, 13, 16],
    }
    place = int.from_bytes(hashlib.blake2b(b"v1\0img-7", digest_size=8).digest(), "big") / 2**64
    assert gitml.hash_split(["img-7"], test=place + 1e-9) == {"train": [], "test": ["img-7"]}
    assert gitml.hash_split(["img-7"], test=place - 1e-9) == {"train": ["img-7"], "test": []}


def test_ids_come_back_as_they_were_given_and_in_their_order() -> None:
    numbers, texts = gitml.hash_split(range(50)), gitml.hash_split(map(str, range(50)))
    assert [str(one) for one in numbers["test"]] == texts["test"]
    assert all(ids == sorted(ids) for ids in numbers.values())
    assert list(gitml.hash_split(["a", "b", "a"], test=1.0)["test"]) == ["a", "b", "a"]


def test_parts_that_nobody_asked_for_are_left_out_so_that_the_rest_can_be_logged() -> None:
    parts = gitml.hash_split(range(100))
    assert list(parts) == ["train", "test"]
    assert gitml.log_split(**parts).sizes == {
        "train": len(parts["train"]),
        "test": len(parts["test"]),
    }
    assert list(gitml.hash_split([1], test=0, valid=1)) == ["valid"]


def test_a_group_that_is_not_known_is_the_example_itself() -> None:
    ids = [str(number) for number in range(30)]
    assert gitml.hash_split(ids, groups=[None] * 30) == gitml.hash_split(ids)
    assert gitml.hash_split(ids, groups={}) == gitml.hash_split(ids)


@pytest.mark.parametrize("fractions", [(-0.1, 0), (1.1, 0), (0.6, 0.5), (float("nan"), 0)])
def test_impossible_fractions_are_refused(fractions: tuple[float, float]) -> None:
    with pytest.raises(PartitionError):
        gitml.hash_split([1], *fractions)


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(PartitionError, match="2 values for 3 ids"):
        gitml.hash_split([1, 2, 3], groups=["a", "b"])
