"""`gitml.log_split` checks a split wherever it is called, and records it inside of a run."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gitml
from gitml.api.place import RUN_VARIABLE
from gitml.errors import PartitionError, PartitionWarning
from gitml.execution import launch
from gitml.inputs.partition import read_partition
from gitml.inputs.split_file import merge, parse, read_splits, set_aside

IDS = st.sets(
    st.text(min_size=1, max_size=4).filter(lambda t: not set("\n\r") & set(t)), min_size=2
)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(RUN_VARIABLE, str(tmp_path))
    return tmp_path


@given(IDS, st.data())
def test_order_and_repetition_do_not_count_and_membership_does(ids: set[str], data: Any) -> None:
    known = list(ids)
    again = data.draw(st.permutations(known)) + data.draw(st.lists(st.sampled_from(known)))
    one, other = gitml.log_split(train=known), gitml.log_split(train=iter(again))
    assert one.parts == other.parts and one.sizes == {"train": len(ids)}
    assert gitml.log_split(train=known[1:]).digests != one.digests


@given(IDS)
def test_a_declared_file_and_a_logged_split_of_the_same_ids_are_the_same(ids: set[str]) -> None:
    known = sorted(ids)
    cells = "".join('"{}",train\n'.format(one.replace('"', '""')) for one in known)
    declared = read_partition(f"id,part\n{cells}".encode(), "s.csv")
    logged = gitml.log_split(train=known)
    assert logged.digests == {"train": declared.parts["train"].digest}


def test_integers_of_every_kind_and_their_text_are_the_same_ids() -> None:
    import torch

    class Tables:  # what pandas gives out
        def tolist(self) -> list[int]:
            return [1, 2, 3]

    forms: list[Any] = [
        [1, 2, 3], ["3", "2", "1"], {1, 2, 3}, range(1, 4), (str(n) for n in (1, 2, 3)),
        np.array([1, 2, 3]), np.array(["1", "2", "3"]), list(np.array([1, 2, 3], "uint8")),
        torch.tensor([3, 2, 1]), list(torch.tensor([1, 2, 3])), Tables(), [np.str_("1"), 2, "3"],
    ]  # fmt: skip
    assert len({gitml.log_split(test=form).digests["test"] for form in forms}) == 1


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([1.5], "1.5 .float., which is no id"),
        ([True], "True"),
        ([b"a"], "which is no id"),
        ([None], "None"),
        ([[1, 2]], "list"),
        (np.array([1.0]), "float"),
        (np.array([[1, 2]]), "list"),
        ("abc", "one text"),
        (7, "int and not several ids"),
        (["a\nb"], "line break"),
        (["a\r"], "line break"),
        (["a", ""], "an empty id"),
        ([], "The part train is empty"),
    ],
    ids=repr,
)
def test_what_is_no_list_of_ids_is_refused(ids: Any, said: str) -> None:
    with pytest.raises(PartitionError, match=said) as caught:
        gitml.log_split(train=ids)
    assert isinstance(caught.value, ValueError)


def test_ids_in_two_parts_are_named_and_the_traceback_has_the_hint() -> None:
    with pytest.raises(
        PartitionError, match=r"7 ids in both train and test: 3, 4, 5, 6, 7, …"
    ) as e:
        gitml.log_split(train=range(10), test=range(3, 20))
    assert e.value.__notes__ == [e.value.hint] and "one part" in e.value.hint
    with pytest.raises(PartitionError, match="at least one part"):
        gitml.log_split(valid=None)


GROUPS: list[Any] = [
    {"train": ["p", "p", "q"], "test": np.array(["r", "s"])},
    {1: "p", "2": "p", 3: "q", "4": "r", 5: "s", 99: "unused"},
]


@pytest.mark.parametrize("groups", GROUPS, ids=["by part", "by id"])
def test_groups_may_come_by_part_or_by_id(groups: Any) -> None:
    found = gitml.log_split(train=[1, 2, 3], test=[4, 5], groups=groups)
    expected = gitml.log_split(train=["p", "q"], test=["r", "s"]).digests
    assert {part: about.groups for part, about in found.parts.items()} == expected


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"train": ["p", "q"], "test": ["q"]}, "1 group in both train and test: q"),
        ({1: "p", 2: "q", 3: "p"}, "1 group in both train and test: p"),
        ({"train": ["p"], "test": ["q"]}, "1 value for the 2 ids of train"),
        ({"train": ["p", "q"], "tset": ["r"]}, "no value for 2 ids of train: 1, 2"),
        ({1: "p"}, "no value for 1 id of train: 2"),
        ({"train": ["p", 1.5]}, "no id"),
        (["p", "q", "r"], "groups is a list"),
    ],
    ids=str,
)
def test_groups_that_leak_or_do_not_fit_are_errors(groups: Any, said: str) -> None:
    with pytest.raises(PartitionError, match=said):
        gitml.log_split(train=[1, 2], test=[3], groups=groups)


def test_one_id_can_not_be_in_two_groups_and_none_is_no_group() -> None:
    with pytest.raises(PartitionError, match="two values for the id '1'"):
        gitml.log_split(train=[1, 1], groups={"train": ["p", "q"]})
    found = gitml.log_split(train=[1, 2], test=[3], groups={1: None, 2: float("nan"), 3: None})
    assert all(not about.groups for about in found.parts.values())


@pytest.mark.parametrize(
    "content",
    [
        {"train": ["cat", "dog"], "test": ["dog"]},
        {"train": [b"\0\1", b"\2"], "test": [b"\2"]},
        {"train": np.array([[1.0, 2.0], [3.0, 4.0]]), "test": np.array([[3.0, 4.0]])},
        {"1": "a" * 100, "2": "b\n" * 99, "3": "b\n" * 99},
    ],
    ids=["text", "bytes", "rows", "by id"],
)
def test_the_same_content_in_two_parts_is_a_warning(content: Any) -> None:
    said = "1 example of test has the same content as examples of train: 3"
    with pytest.warns(PartitionWarning, match=said) as caught:
        found = gitml.log_split(train=[1, 2], test=[3], content=content)
    assert [one.filename for one in caught] == [__file__] and len(found.warnings) == 1


def test_another_content_under_the_same_ids_is_another_part() -> None:
    def digest(**content: list[str]) -> str:
        return gitml.log_split(test=[1, 2], content=content).parts["test"].content

    assert digest(test=["a", "b"]) != digest(test=["b", "a"])
    assert gitml.log_split(test=[2, 1], content={1: "a", 2: "b"}).parts["test"].content == digest(
        test=["a", "b"]
    )


DAY = datetime.date(2024, 3, 1)


@pytest.mark.parametrize(
    ("time", "newest"),
    [
        ({"train": [1, 5.5], "test": [3, 9]}, "5.5"),
        ({"train": ["2024-01-01", "2024-03-01"], "test": ["2024-02-01", "2024-04-01"]}, "2024-03-01"),
        ({1: DAY, 2: None, 3: DAY.replace(month=2), 4: DAY.replace(month=4)}, "2024-03-01"),
        ({"train": np.array(["2024-03-01", "2024-01-01"], "datetime64[D]"),
          "test": np.array(["2024-02-01", "2024-03-01"], "datetime64[D]")}, "2024-03-01"),
    ],
    ids=["numbers", "text", "dates by id", "numpy"],
)  # fmt: skip
def test_a_test_example_from_before_the_end_of_training_is_a_warning(
    time: Any, newest: str
) -> None:
    with pytest.warns(PartitionWarning, match=rf"1 example of test is older .*\({newest}.*\): 3"):
        gitml.log_split(train=[1, 2], test=[3, 4], time=time)


def test_times_that_are_in_order_or_can_not_be_compared() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gitml.log_split(
            train=[1], valid=[2], test=[3], time={"train": [2], "valid": [0], "test": [2]}
        )
    with pytest.raises(PartitionError, match="no ISO 8601 time"):
        gitml.log_split(train=[1], test=[2], time={1: "1.2.2024", 2: "2.2.2024"})
    with pytest.raises(PartitionError, match="can't be compared"):
        gitml.log_split(train=[1], test=[2], time={1: 5, 2: DAY})


def test_outside_of_a_run_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(RUN_VARIABLE, raising=False)
    assert gitml.log_split(train=[1], test=[2]).recorded is False
    monkeypatch.setenv(RUN_VARIABLE, str(tmp_path / "gone"))
    assert gitml.log_split(train=[1], test=[2]).recorded is False
    assert list(tmp_path.iterdir()) == []


def test_the_list_of_ids_is_sorted_and_reads_back(run: Path) -> None:
    assert gitml.log_split(train=["b", 10, 9], test=["a"], method="mine", seed=np.int64(3)).recorded
    (one,) = read_splits(run)
    assert (one.method, one.seed, one.name) == ("mine", 3, "")
    assert merge([one]) == b"id,part\n10,train\n9,train\na,test\nb,train\n"


@given(st.dictionaries(IDS.map(min), st.sampled_from(["train", "a b", 'q"', "x,y"]), min_size=1))
def test_odd_ids_survive_the_list(part_of: dict[str, str]) -> None:
    from gitml.inputs.split import make_split
    from gitml.inputs.split_file import render

    parts: dict[str, list[str]] = {}
    for one, part in part_of.items():
        parts.setdefault(part, []).append(one)
    data = render(make_split(parts, groups={one: f"{one},g" for one in part_of}))
    assert parse(data) == {part: set(ids) for part, ids in parts.items()}
    rows = data.decode("utf-8", "surrogatepass").split("\n")
    assert rows[0] == "id,part,group" and len(rows) == len(part_of) + 2


def test_folds_are_parts_with_the_name_of_their_split(run: Path) -> None:
    for fold in range(2):
        gitml.log_split(train=[fold], test=[1 - fold], name=f"fold{fold}", seed=fold)
    splits = read_splits(run)
    assert merge(splits) == b"id,part\n0,fold0/train\n0,fold1/test\n1,fold0/test\n1,fold1/train\n"


@pytest.mark.parametrize("name", ["a/", "/a", " a", "a\n", "\x1b[31m"])
def test_names_that_could_be_mistaken_are_refused(name: str) -> None:
    with pytest.raises(PartitionError, match="can't name a split"):
        gitml.log_split(train=[1], name=name)
    with pytest.raises(PartitionError, match="can't name a part"):
        gitml.log_split(**{name: [1]})


def test_logging_the_same_again_is_fine_and_another_split_under_its_name_is_not(run: Path) -> None:
    gitml.log_split(train=[1, 2], test=[3])
    before = sorted((run / "partition").iterdir())
    gitml.log_split(test=["3"], train=[2, 1, 1], method="another word")
    assert sorted((run / "partition").iterdir()) == before
    with pytest.raises(PartitionError, match="logged in this run before: train differ"):
        gitml.log_split(train=[1], test=[3])
    gitml.log_split(train=[1], test=[3], name="other")


def test_a_run_that_goes_on_logs_anew_and_the_latest_of_a_name_holds(run: Path) -> None:
    gitml.log_split(train=[1], test=[2], name="a")
    gitml.log_split(train=[1], test=[3], name="b")
    set_aside(run)
    set_aside(run)
    gitml.log_split(train=[1], test=[4], name="b")
    assert parse(merge(read_splits(run))) == {
        "a/train": {"1"}, "a/test": {"2"}, "b/train": {"1"}, "b/test": {"4"}
    }  # fmt: skip


def test_many_processes_may_log_one_split_at_once(run: Path) -> None:
    code = "import gitml; gitml.log_split(train=range(5000), test=range(5000, 6000))"
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [one.wait() for one in started] == [0] * 4
    (one,) = read_splits(run)
    assert {part: about.size for part, about in one.parts.items()} == {"train": 5000, "test": 1000}
    assert len(list((run / "partition").iterdir())) == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("spoil", [cut, Path.unlink])
@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_damaged_list_is_noticed(run: Path, spoil: Callable[[Path], None], suffix: str) -> None:
    gitml.log_split(train=[1], test=[2])
    spoil(next((run / "partition").glob(f"*.{suffix}")))
    if suffix == "json" and spoil is Path.unlink:
        assert read_splits(run) == []
        return
    with pytest.raises(PartitionError, match="can't be read back"):
        merge(read_splits(run))


def test_importing_gitml_imports_nothing_else_and_logging_only_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import gitml; first = set(sys.modules) - before;"
        "gitml.log_split(train=[1]); heavy = {'msgspec', 'numpy', 'torch', 'yaml', 'click', 'dvc'};"
        "print(first, heavy & set(sys.modules))"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(gitml.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True
    )
    assert done.stdout.split() == ["{'gitml'}", "set()"], done.stderr


def test_the_front_door_names_all_and_nothing_more() -> None:
    assert {"log_split", "hash_split"} <= set(gitml.__all__) <= set(dir(gitml))
    assert all(getattr(gitml, name) is not None for name in gitml.__all__)
    assert launch.RUN_VARIABLE == RUN_VARIABLE
    with pytest.raises(AttributeError, match="no attribute 'log_slit'"):
        gitml.log_slit  # type: ignore[attr-defined]  # noqa: B018
