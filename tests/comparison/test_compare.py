from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gitml.comparison.compare import Comparison, compare
from gitml.errors import UsageError
from gitml.experiment.record import Lock, Record
from gitml.git.repository import Repository
from gitml.history.index import open_index
from gitml.inputs.manifest import (
    CodeInput,
    CommandInput,
    DataInput,
    LibrariesInput,
    ModuleInput,
    PartInput,
    PartitionInput,
)
from gitml.inputs.versions import step_of
from gitml.outputs.artifact import Artifact
from tests.history.commits import Stream, copy_of_project, make_record

Files = Mapping[str, bytes | None]


def record(**changes: Any) -> Record:
    """Return a small record; `inputs.<field>` changes its manifest."""
    base = make_record(0, params={"lr": 0.1}, metrics={"accuracy": 0.9}, artifacts=())
    fields = {"data": {}, "code": CodeInput(observed=True), "settings": {"lr": 0.1}, "seeds": ()}
    for name in [name for name in changes if name.startswith("inputs_")]:
        fields[name.removeprefix("inputs_")] = changes.pop(name)
    manifest = msgspec.structs.replace(base.inputs, **fields)
    return msgspec.structs.replace(base, **{"inputs": manifest, **changes})


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return copy_of_project(tmp_path / "project")


def compared(
    repository: Repository,
    *records: Record,
    files: list[Files] | None = None,
    everything: bool = False,
) -> Comparison:
    with Stream(repository) as stream:
        for number, one in enumerate(records):
            stream.experiment(one, files=dict(files[number]) if files else None)
    with open_index(repository) as index:
        rows = index.rows("main", limit=len(records))[::-1]
        found = [index.record(row.commit) for row in rows]
    return compare(repository, rows, found, everything=everything)


def test_metrics_show_the_change_and_whether_it_is_better(repository: Repository) -> None:
    goals = {"accuracy": "max", "loss": "min"}
    one = record(metrics={"loss": 0.5, "accuracy": 0.9, "speed": 3, "same": 1}, goals=goals)
    two = record(metrics={"loss": 0.25, "accuracy": 0.8, "speed": 5, "same": 1}, goals=goals)
    found = compared(repository, one, two)
    rows = {row.name: row for row in found.metrics}
    assert [row.name for row in found.metrics] == ["accuracy", "loss", "speed"]
    assert (rows["loss"].change, rows["loss"].better, rows["loss"].best) == (-0.25, True, 1)
    assert (rows["accuracy"].better, rows["accuracy"].primary) == (False, True)
    assert (rows["speed"].change, rows["speed"].better, rows["speed"].goal) == (2, None, "")
    assert rows["loss"].values == (0.5, 0.25)


def test_missing_null_nan_and_other_types_stay_apart(repository: Repository) -> None:
    goals = dict.fromkeys("abcdefg", "max")
    one = record(
        metrics={"a": 0.5, "b": None, "c": "NaN", "d": True, "e": 10**400, "g": "Infinity"},
        goals=goals,
    )
    two = record(
        metrics={"b": 0.5, "c": 0.5, "d": 1, "e": 0.5, "f": None, "g": "text"}, goals=goals
    )
    rows = {row.name: row for row in compared(repository, one, two).metrics}
    assert (rows["a"].values, rows["a"].missing) == ((0.5, None), (False, True))
    assert (rows["b"].values, rows["b"].missing) == ((None, 0.5), (False, False))
    assert (rows["f"].values, rows["f"].missing) == ((None, None), (True, False))
    assert rows["c"].values == ("NaN", 0.5)
    assert rows["d"].values == (True, 1)
    for row in rows.values():
        assert (row.change, row.better) == (None, None)


def test_metrics_of_many_have_changes_from_the_first_and_one_best(repository: Repository) -> None:
    records = [record(metrics={"accuracy": value}) for value in (0.5, 0.75, "NaN", 0.25)]
    (row,) = compared(repository, *records).metrics
    assert row.values == (0.5, 0.75, "NaN", 0.25)
    assert row.changes == (None, 0.25, None, -0.25)
    assert (row.change, row.better, row.best) == (None, None, 1)


def test_what_is_equal_everywhere_is_left_out_unless_all_is_wanted(
    repository: Repository,
) -> None:
    one = record(artifacts=(Artifact("m", "weights", "git", "d", 1),))
    found = compared(repository, one, one)
    assert not any(
        (
            found.metrics,
            found.params,
            found.libraries,
            found.data,
            found.code,
            found.command,
            found.partition,
            found.environment,
            found.artifacts,
        )
    )
    assert (found.comparable, found.level) == (True, "identical")
    found = compared(repository, one, one, everything=True)
    assert [row.name for row in found.metrics] == ["accuracy"]
    assert [row.name for row in found.params] == ["lr"]
    assert found.artifacts[0].change == "same"
    assert found.command and found.environment and found.libraries


def test_params_say_whether_they_count_and_which_are_seeds(repository: Repository) -> None:
    one = record(
        params={"lr": 0.1, "workers": 4, "seed": 1, "only": None},
        inputs_settings={"lr": 0.1, "seed": 1, "only": None},
        inputs_seeds=("seed",),
    )
    two = record(
        params={"lr": "0.1", "workers": 8, "seed": 2},
        inputs_settings={"lr": "0.1", "seed": 2},
        inputs_seeds=("seed",),
    )
    rows = {row.name: row for row in compared(repository, one, two).params}
    assert rows["lr"].values == (0.1, "0.1")
    assert (rows["workers"].counts, rows["lr"].counts) == (False, True)
    assert (rows["seed"].seed, rows["lr"].seed) == (True, False)
    assert (rows["only"].values, rows["only"].missing) == ((None, None), (False, True))


def test_experiments_that_differ_in_seeds_only_are_said_to_be_replicates(
    repository: Repository,
) -> None:
    one = record(params={"seed": 1}, inputs_settings={"seed": 1}, inputs_seeds=("seed",))
    two = record(params={"seed": 2}, inputs_settings={"seed": 2}, inputs_seeds=("seed",))
    found = compared(repository, one, two)
    assert found.level == "replicate"
    assert any("seeds only" in note for note in found.notes)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("1.2.3", "2.0.0", "major"),
        ("1.2.3", "1!1.2.3", "major"),
        ("1.2.3", "1.3.0", "minor"),
        ("1.2.3", "1.2.4", "patch"),
        ("1.2.3", "1.2.3rc1", "patch"),
        ("2.9.0+cpu", "2.9.0+cu126", "local"),
        ("2.9.0", "2.9.0+cu126", "local"),
        (None, "1.0", "added"),
        ("1.0", None, "removed"),
        ("1.0", "not a version", "other"),
        ("1.0", "1.0", "same"),
    ],
)
def test_a_step_between_versions_has_a_kind(old: str | None, new: str | None, kind: str) -> None:
    assert step_of(old, new) == kind


def test_libraries_put_python_first_and_what_was_imported_before_the_rest(
    repository: Repository,
) -> None:
    one = record(
        inputs_libraries=LibrariesInput("3.11.7", "cpython", {"torch": "2.9.0", "old": "1.0"}),
        libraries=Lock(packages={"torch": "2.9.0", "old": "1.0", "idle": "1.0"}),
    )
    two = record(
        inputs_libraries=LibrariesInput("3.12.1", "cpython", {"torch": "3.0.0", "new": "1.0"}),
        libraries=Lock(packages={"torch": "3.0.0", "old": "1.0", "idle": "1.1", "new": "1.0"}),
    )
    rows = compared(repository, one, two).libraries
    assert [(row.name, row.kind, row.imported) for row in rows] == [
        ("python", "python", True),
        ("new", "added", True),
        ("old", "removed", True),
        ("torch", "major", True),
        ("idle", "minor", False),
    ]
    assert rows[0].values == ("3.11.7", "3.12.1")
    three = compared(repository, one, one, two).libraries
    assert {row.name: row.kind for row in three}["torch"] == "major"


def _parts(**digests: str) -> PartitionInput:
    return PartitionInput(
        "splits.json", parts={name: PartInput(10, digest) for name, digest in digests.items()}
    )


def test_metrics_are_not_comparable_when_the_test_parts_differ(repository: Repository) -> None:
    one = record(inputs_partition=_parts(train="a", valid="b", test="c"))
    two = record(inputs_partition=_parts(train="x", valid="b", test="y"))
    found = compared(repository, one, two)
    assert not found.comparable
    assert found.notes[0] == "Not comparable: the test parts differ."
    assert [(row.name, row.change) for row in found.partition] == [
        ("train", "changed"),
        ("test", "changed"),
    ]


def test_another_training_part_does_not_hinder_comparing(repository: Repository) -> None:
    one = record(
        inputs_partition=_parts(train="a", test="c"), inputs_data={"d": DataInput("dvc", "1")}
    )
    two = record(
        inputs_partition=_parts(train="b", test="c"), inputs_data={"d": DataInput("dvc", "2")}
    )
    found = compared(repository, one, two)
    assert found.comparable
    assert [(row.name, row.values, row.change) for row in found.data] == [
        ("d", ("1", "2"), "changed")
    ]


def test_other_validation_parts_are_said_and_without_a_test_part_they_decide(
    repository: Repository,
) -> None:
    one = record(inputs_partition=_parts(train="a", valid="b", test="c"))
    two = record(inputs_partition=_parts(train="a", valid="x", test="c"))
    found = compared(repository, one, two)
    assert found.comparable and "valid" in found.notes[0]
    one = record(inputs_partition=_parts(train="a", valid="b"))
    two = record(inputs_partition=_parts(train="a", valid="x"))
    assert not compared(repository, one, two).comparable


def test_other_data_without_a_known_partition_is_not_comparable(repository: Repository) -> None:
    one = record(inputs_data={"d": DataInput("dvc", "1")})
    two = record(inputs_data={"d": DataInput("dvc", "2"), "e": DataInput("dvc", "3")})
    found = compared(repository, one, two)
    assert not found.comparable
    assert [(row.name, row.change) for row in found.data] == [("d", "changed"), ("e", "added")]
    moved = record(inputs_data={"elsewhere": DataInput("dvc", "1")})
    assert compared(repository, one, moved).comparable


def test_code_shows_files_and_lines_and_leaves_out_what_stands_elsewhere(
    repository: Repository,
) -> None:
    artifacts = (
        Artifact("out/model.safetensors", "weights", "dvc", "1", 1, source="out/model.pt"),
        Artifact("metrics.json", "metrics", "git", "2", 1),
        Artifact("plots", "plot", "git", "3", 1, files=2),
    )
    data = {"data": DataInput("dvc", "1"), "small": DataInput("git", "2")}
    common = {"artifacts": artifacts, "inputs_data": data}
    modules = {
        "train.py": ModuleInput("1", "sha256:1"),
        "model.py": ModuleInput("1", "sha256:1"),
    }
    changed = modules | {"train.py": ModuleInput("2", "sha256:2")}
    one = record(inputs_code=CodeInput(modules, "sha256:x", True), params={"seed": 1}, **common)
    two = record(inputs_code=CodeInput(changed, "sha256:x", True), params={"seed": 2}, **common)
    elsewhere = {
        "out/.gitignore": b"/%d\n",
        "out/model.safetensors.dvc": b"%d",
        "plots/loss.png": b"%d",
        "data.dvc": b"%d",
        "small/list.txt": b"%d",
    }
    files: list[Files] = [
        {name: text % n if b"%" in text else text for name, text in elsewhere.items()}
        | {"train.py": b"a = 1\nb = 2\n" * n, f"only{n}.py": b"x\n", "logo.png": b"\0%d" % n}
        for n in (1, 2)
    ]
    found = compared(repository, one, two, files=files)
    rows = {row.path: row for row in found.code}
    assert list(rows) == ["logo.png", "model.py", "only1.py", "only2.py", "train.py"]
    assert (rows["train.py"].change, rows["train.py"].added, rows["train.py"].removed) == (
        "modified",
        2,
        0,
    )
    assert rows["train.py"].counts is True
    assert rows["model.py"].counts is False  # the same but for comments
    assert (rows["only1.py"].change, rows["only2.py"].change) == ("removed", "added")
    assert rows["only2.py"].counts is False  # no run reached it
    assert (rows["logo.png"].added, rows["logo.png"].removed) == (None, None)
    assert (found.lines_added, found.lines_removed) == (4, 2)


def test_parameter_files_are_found_in_each_experiments_own_configuration(
    repository: Repository,
) -> None:
    files: list[Files] = [
        {
            "gitml.yaml": b"params: [conf/hyper.toml]\n",
            "conf/hyper.toml": b"lr = %d\n" % n,
            "other.yaml": b"x: %d\n" % n,
        }
        for n in (1, 2)
    ]
    found = compared(repository, record(), record(), files=files)
    assert [row.path for row in found.code] == ["other.yaml"]


def test_code_of_many_shows_who_shares_a_version(repository: Repository) -> None:
    files: list[Files] = [{"a.txt": b"1"}, {"a.txt": b"2"}, {"a.txt": b"1"}, {"a.txt": None}]
    found = compared(repository, record(), record(), record(), record(), files=files)
    (row,) = found.code
    assert (row.path, row.change, row.added) == ("a.txt", "differs", None)
    assert row.values[0] == row.values[2] != row.values[1]
    assert row.values[3] is None


def test_artifacts_are_compared_by_content(repository: Repository) -> None:
    def weights(digest: str) -> Artifact:
        return Artifact("model.safetensors", "weights", "dvc", digest, 5)

    plot = Artifact("loss.png", "plot", "git", "p", 9)
    found = compared(
        repository, record(artifacts=(weights("1"),)), record(artifacts=(weights("2"), plot))
    )
    assert [(row.path, row.role, row.change, row.sizes) for row in found.artifacts] == [
        ("loss.png", "plot", "added", (None, 9)),
        ("model.safetensors", "weights", "changed", (5, 5)),
    ]


def test_command_and_environment_are_compared(repository: Repository) -> None:
    one = record(environment={"gpu": {"name": "A"}, "threads": 2})
    two = record(
        environment={"gpu": {"name": "B"}, "threads": 2, "blas": "mkl"},
        argv=("python", "other.py", "--x", "1"),
        inputs_command=CommandInput(("python", "other.py"), "sub"),
    )
    found = compared(repository, one, two)
    assert [(fact.name, fact.values) for fact in found.environment] == [
        ("gpu.name", ("A", "B")),
        ("blas", (None, "mkl")),
    ]
    assert [fact.name for fact in found.command] == ["program", "folder", "command"]
    assert found.command[2].values[1] == "python other.py --x 1"


def test_failed_and_changed_experiments_get_a_note(repository: Repository) -> None:
    one = record(status="failed", exit_status=1)
    two = record(name="second", changed=("train.py",))
    notes = " ".join(compared(repository, one, two).notes)
    assert "failed" in notes and "train.py" in notes


def test_one_experiment_is_not_enough(repository: Repository) -> None:
    with pytest.raises(UsageError):
        compared(repository, record())
