from __future__ import annotations

from pathlib import Path

import pytest

from gitml.errors import NotFoundError, RecordError
from gitml.git.repository import discover
from gitml.operations.show import show
from tests.history.commits import Stream, copy_of_project, git, make_experiments, make_record


def test_an_experiment_is_shown_with_its_record_and_what_was_said(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    make_experiments(repository, 2)
    commit = show(repository.root, "latest").row.commit
    with Stream(repository) as stream:
        stream.event("main", "note", commit, {"text": "good"})
    found = show(repository.root, make_record(1).name)
    assert found.record == make_record(1)
    assert found.row.notes == ("good",)
    assert [(event.kind, event.about) for event in found.events] == [("note", commit)]


def test_the_best_is_by_what_the_configuration_says_now(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    with Stream(repository) as stream:
        for number, loss in enumerate([3, 1, 2]):
            stream.experiment(make_record(number, metrics={"loss": loss}, primary="", goals={}))
    with pytest.raises(NotFoundError):
        show(repository.root, "best")
    (repository.root / "gitml.yaml").write_text(
        "metrics:\n  loss: {goal: min, primary: true}\n", encoding="utf-8"
    )
    assert show(repository.root, "best").record.metrics == {"loss": 1}
    assert show(repository.root, "main:best").record.metrics == {"loss": 1}


def test_a_record_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    with Stream(repository) as stream:
        stream.experiment(make_record(0), data=b'{"name": 1}')
    with pytest.raises(RecordError) as caught:
        show(repository.root, "latest")
    assert "experiment.json" in caught.value.message


def test_a_partial_clone_shows_all_of_the_one_that_is_asked_for(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    make_experiments(repository, 3)
    git(repository, "config", "uploadpack.allowFilter", "true")
    url = f"file://{repository.root}"
    place = tmp_path / "clone"
    git(repository, "clone", "-q", "--no-checkout", "--filter=tree:0", url, str(place))
    found = show(discover(place).root, make_record(1).name)
    assert found.record == make_record(1)
    assert found.row.complete and found.row.metrics == make_record(1).metrics
