from __future__ import annotations

from pathlib import Path

import pytest

from gitml.comparison.compare import Comparison
from gitml.errors import NotFoundError, RecordError
from gitml.git.repository import Repository
from gitml.operations.diff import diff
from tests.history.commits import Stream, copy_of_project, make_record

NAMES = ["zero", "one", "two", "three"]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = copy_of_project(tmp_path / "project")
    with Stream(repository) as stream:
        for number, accuracy in enumerate([0.5, 0.9, 0.7, 0.95]):
            record = make_record(number, name=NAMES[number], metrics={"accuracy": accuracy})
            stream.experiment(record)
    return repository


def sides(found: Comparison) -> list[str]:
    return [side.experiment for side in found.experiments]


def test_none_named_compares_the_latest_with_the_champion_before_it(
    repository: Repository,
) -> None:
    found = diff(repository.root)
    assert sides(found) == ["one", "three"]
    (metric,) = found.metrics
    assert metric.better is True
    assert "champion" in found.notes[0]


def test_one_named_is_compared_with_the_champion(repository: Repository) -> None:
    assert sides(diff(repository.root, ["two"])) == ["three", "two"]
    assert sides(diff(repository.root, ["main:zero"])) == ["three", "zero"]


def test_the_champion_itself_is_compared_with_the_next_best(repository: Repository) -> None:
    found = diff(repository.root, ["best"])
    assert sides(found) == ["one", "three"]
    assert "next best" in found.notes[0]


def test_two_and_more_are_compared_as_they_are_named(repository: Repository) -> None:
    assert sides(diff(repository.root, ["two", "one"])) == ["two", "one"]
    found = diff(repository.root, ["exp/main~3", "latest", "best", "two"], everything=True)
    assert sides(found) == ["zero", "three", "three", "two"]
    assert found.level == ""
    assert found.metrics[0].values == (0.5, 0.95, 0.95, 0.7)


def test_without_a_primary_metric_the_one_before_is_taken_and_that_is_said(
    tmp_path: Path,
) -> None:
    repository = copy_of_project(tmp_path / "project")
    with Stream(repository) as stream:
        for number in range(3):
            stream.experiment(make_record(number, name=NAMES[number], primary="", goals={}))
    found = diff(repository.root)
    assert sides(found) == ["one", "two"]
    assert "no primary metric" in found.notes[0]
    assert sides(diff(repository.root, ["zero"])) == ["one", "zero"]
    (repository.root / "gitml.yaml").write_text("metrics:\n  loss: {goal: min, primary: true}\n")
    assert "champion of main" in diff(repository.root).notes[0]


def test_a_single_experiment_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    with pytest.raises(NotFoundError):
        diff(repository.root)
    with Stream(repository) as stream:
        stream.experiment(make_record(0))
        stream.experiment(make_record(1, "other"))
    with pytest.raises(NotFoundError) as caught:
        diff(repository.root)
    assert "exp diff A B" in caught.value.hint


def test_an_unreadable_record_is_never_chosen_and_an_error_when_named(
    repository: Repository,
) -> None:
    with Stream(repository) as stream:
        stream.experiment(make_record(9, name="broken"), data=b"{")
    with pytest.raises(RecordError):
        diff(repository.root, ["broken", "one"])
    assert sides(diff(repository.root, ["two"])) == ["three", "two"]


def test_an_experiment_compared_with_itself_is_said_to_be_one(repository: Repository) -> None:
    found = diff(repository.root, ["two", "two"])
    assert found.notes == ("This is one experiment, compared with itself.",)
    assert not found.metrics and not found.code
