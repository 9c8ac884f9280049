"""Many files of a folder are one input, and nothing about them is lost that decides anything."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gitml.inputs.difference import compare_data
from gitml.inputs.folding import ALL, as_now, fold, folded_alike, names_in, paths_of, with_all
from gitml.inputs.manifest import DataInput


def item(digest: str, **changes: object) -> DataInput:
    made = DataInput("unversioned", digest, size=1, declared=False, restorable=False)
    return msgspec.structs.replace(made, **changes)


PARTS = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=3
).filter(lambda part: part not in (".", ".."))
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
INPUTS = st.dictionaries(PATHS, st.builds(item, st.sampled_from(["a", "b", "c"])), max_size=12)


@given(INPUTS, st.integers(0, 4))
def test_folding_loses_no_file(data: dict[str, DataInput], few: int) -> None:
    folded = fold(data, few)
    assert paths_of(folded) - {name for name, one in folded.items() if one.names} == set(data)
    assert sum(max(1, one.files) for one in folded.values()) == len(data)
    assert sum(one.size for one in folded.values()) == len(data)


@given(INPUTS, INPUTS, st.integers(0, 4), st.integers(0, 4))
def test_folding_never_makes_what_differs_equal(
    one: dict[str, DataInput], other: dict[str, DataInput], few: int, fewer: int
) -> None:
    same = {name: i.digest for name, i in one.items()} == {n: i.digest for n, i in other.items()}
    assert (not compare_data(fold(one, few), fold(other, fewer))) is same
    assert (not compare_data(one, fold(other, few))) is same


@given(INPUTS, st.integers(0, 4))
def test_folded_inputs_are_what_they_were_while_nothing_changes(
    data: dict[str, DataInput], few: int
) -> None:
    for folder, one in fold(data, few).items():
        if one.names:
            digests = {name: data[folder + name].digest for name in names_in(one)}
            assert as_now(one, digests, ()) == one
            digests[names_in(one)[0]] = "d"
            assert as_now(one, digests, ()) != one


def test_only_what_was_merely_read_is_folded() -> None:
    kept = {
        "a/declared": item("1", declared=True),
        "a/gone": item(""),
        "a/ours": item("2", restorable=True),
        "a/git": item("3", kind="git"),
    }
    data = {**kept, **{f"a/{number}": item(str(number)) for number in range(60)}}
    assert fold(data).keys() == {"a/", *kept}
    few = {f"a/{number}": item(str(number)) for number in range(50)}
    assert fold(few) == few
    assert fold({str(number): item(str(number)) for number in range(60)}).keys() >= {"0"}


def test_small_folders_are_folded_together() -> None:
    data = {f"/mnt/set/{number}/x.png": item("1") for number in range(60)}
    folded = fold({**data, **{f"/mnt/set/big/{number}": item("1") for number in range(60)}})
    assert folded.keys() == {"/mnt/set/", "/mnt/set/big/"}
    assert folded["/mnt/set/"].files == 60


def test_an_input_that_stands_for_all_files_needs_no_names() -> None:
    data = {f"a/{number}": item(str(number)) for number in range(60)}
    whole = with_all(fold(data)["a/"])
    digests = {str(number): str(number) for number in range(60)}
    assert whole.names == ALL
    assert as_now(whole, digests, list(digests)) == whole
    assert as_now(whole, {**digests, "new": "1"}, [*digests, "new"]) != whole
    assert not compare_data({"a/": whole}, data)
    assert compare_data({"a/": whole}, {**data, "a/new": item("1")})
    assert folded_alike([{"a/": whole}, {**data, "a/b/new": item("1")}])[1].keys() == {
        "a/",
        "a/b/new",
    }


def test_names_from_elsewhere_lead_nowhere_else() -> None:
    names = [*map(str, range(60)), "..", "x//y"]
    folded = fold({f"a/{name}": item("1") for name in names})["a/"]
    assert folded.files == 62
    assert sorted(names_in(folded)) == sorted(map(str, range(60)))
    for text in ("!", "\\", "é", folded.names[:-5], "0" * 50):
        assert names_in(msgspec.structs.replace(folded, names=text)) == ()
