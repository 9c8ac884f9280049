from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from gitml.comparison import replicates
from gitml.comparison.replicates import Group, replicates_of
from gitml.experiment.record import Record
from gitml.git.repository import Repository
from gitml.history.index import open_index
from gitml.inputs.manifest import CodeInput, DataInput, ModuleInput
from tests.history.commits import Stream, copy_of_project, make_record


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return copy_of_project(tmp_path / "project")


def run(name: str, seed: int | None = 1, *, lr: float = 0.1, **changes: Any) -> Record:
    """Return the record of a run; `inputs` changes its manifest."""
    base = make_record(0, artifacts=())
    settings = {"lr": lr} if seed is None else {"lr": lr, "seed": seed}
    fields: dict[str, Any] = {"data": {}, "code": CodeInput(observed=True), "settings": settings}
    fields |= {"seeds": () if seed is None else ("seed",), **changes.pop("inputs", {})}
    inputs = msgspec.structs.replace(base.inputs, **fields)
    record = msgspec.structs.replace(
        base,
        name=name,
        params={**inputs.settings, "inert": name},
        metrics={"accuracy": 0.9 + (seed or 0) / 100},
        inputs=inputs,
        digests=inputs.digests(),
        fingerprint=inputs.fingerprint(),
        lookup="sha256:lookup",
    )
    return msgspec.structs.replace(record, **changes)


def group_of(repository: Repository, *records: Record) -> Group:
    """Record runs, and return the group of the first."""
    with Stream(repository) as stream:
        for record in records:
            stream.experiment(record)
    with open_index(repository) as index:
        row = index.by_name(records[0].name)[0]
        return replicates_of(index, row, index.record(row.commit))


def names(group: Group) -> list[str]:
    return [one.experiment for one in group.runs]


def test_runs_that_differ_in_seeds_and_inert_settings_are_one_group(
    repository: Repository,
) -> None:
    group = group_of(repository, run("a", 1), run("b", 2), run("c", 3, lr=0.2), run("d", 1))
    assert names(group)[0] == "a"
    assert set(names(group)) == {"a", "b", "d"}
    seeds = {one.experiment: one.seed for one in group.runs}
    assert seeds["a"] == seeds["d"] == (("seed", "int", 1),)
    assert seeds["b"] != seeds["a"]


def test_replicates_of_another_study_count(repository: Repository) -> None:
    group = group_of(repository, run("a", 1), run("b", 2, study="other"))
    assert set(names(group)) == {"a", "b"}


def test_the_same_run_on_two_branches_counts_once(repository: Repository) -> None:
    twice = run("b", None), run("b", None, study="other")
    group = group_of(repository, run("a", None), *twice)
    assert names(group) == ["a", "b"]
    assert [one.seed for one in group.runs] == [None, None]


def test_failed_and_unsound_runs_are_no_replicates(repository: Repository) -> None:
    group = group_of(
        repository,
        run("a", 1),
        run("b", 2, status="failed", exit_status=1),
        run("c", 3, changed=("data.csv",)),
    )
    assert names(group) == ["a"]
    assert group.failed == 1


@pytest.mark.parametrize(
    "inputs",
    [
        {"code": CodeInput(modules={"train.py": ModuleInput("1", "sha256:1")}, observed=True)},
        {"data": {"data": DataInput("dvc", "1")}},
        {"settings": {"lr": 0.1, "seed": 2, "more": None}},
        {"settings": {"lr": "0.1", "seed": 2}},
    ],
)
def test_what_differs_in_any_input_is_no_replicate(
    repository: Repository, inputs: dict[str, Any]
) -> None:
    assert names(group_of(repository, run("a", 1), run("b", 2, inputs=inputs))) == ["a"]


def test_a_difference_that_does_not_count_is_found_in_the_records(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = [{"data": {place: DataInput("dvc", "1")}} for place in ("here", "there")]
    records = [
        run(name, n, inputs=side) for n, (name, side) in enumerate(zip("ab", sides, strict=True))
    ]
    assert names(group_of(repository, *records)) == ["a", "b"]
    monkeypatch.setattr(replicates, "MOST_READ", 0)
    with open_index(repository) as index:
        row = index.by_name("a")[0]
        assert names(replicates_of(index, row, index.record(row.commit))) == ["a"]


def test_only_so_many_are_looked_at(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicates, "MOST_RUNS", 3)
    group = group_of(repository, *(run(f"r{n}", n) for n in range(6)))
    assert len(group.runs) == 4
    assert group.cut
