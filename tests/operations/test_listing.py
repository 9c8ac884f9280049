from __future__ import annotations

from pathlib import Path

import pytest

from gitml.errors import NotFoundError, UsageError
from gitml.execution import journal
from gitml.git.repository import Repository
from gitml.operations.listing import list_experiments
from tests.history.commits import (
    Stream,
    copy_of_project,
    git,
    make_experiments,
    make_record,
    names,
)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return copy_of_project(tmp_path / "project")


def test_the_branchs_own_study_is_listed_newest_first(repository: Repository) -> None:
    make_experiments(repository, 3)
    make_experiments(repository, 1, "other", start=9)
    found = list_experiments(repository.root)
    assert names(list(found.rows)) == [make_record(n).name for n in (2, 1, 0)]
    assert (found.study, found.total, found.primary) == ("main", 3, "accuracy")
    assert found.studies == {"main": 3, "other": 1}
    assert list_experiments(repository.root, study="exp/other").total == 1
    assert list_experiments(repository.root, all_studies=True).total == 4


def test_a_limit_leaves_the_total_as_it_is(repository: Repository) -> None:
    make_experiments(repository, 6)
    found = list_experiments(repository.root, limit=2)
    assert (len(found.rows), found.total) == (2, 6)
    found = list_experiments(
        repository.root, where="params.seed < 3", sort="-metrics.accuracy", limit=1
    )
    assert (len(found.rows), found.total) == (1, 4)
    assert not list_experiments(repository.root, limit=0).rows


def test_hidden_experiments_are_left_out_unless_they_are_wanted(repository: Repository) -> None:
    make_experiments(repository, 2)
    commit = list_experiments(repository.root).rows[0].commit
    with Stream(repository) as stream:
        stream.event("main", "hide", commit, {"hidden": True})
    found = list_experiments(repository.root)
    assert (len(found.rows), found.total) == (1, 1)
    assert list_experiments(repository.root, hidden=True).total == 2


def test_a_sub_project_has_a_study_of_its_own(repository: Repository) -> None:
    folder = repository.root / "vision/deep"
    folder.mkdir(parents=True)
    (folder.parent / "gitml.yaml").write_text("")
    make_experiments(repository, 1, "vision.main")
    assert list_experiments(folder).study == "vision.main"
    assert list_experiments(folder).total == 1
    assert list_experiments(repository.root).study == "main"


def test_a_configuration_that_is_wrong_does_not_hinder_listing(repository: Repository) -> None:
    make_experiments(repository, 1)
    (repository.root / "gitml.yaml").write_text("command: [")
    assert list_experiments(repository.root).total == 1


def test_a_detached_head_and_a_repository_without_commits_can_be_listed(
    repository: Repository, tmp_path: Path
) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert list_experiments(repository.root).study == "detached"
    git(repository, "init", "-q", str(tmp_path / "empty"))
    assert list_experiments(tmp_path / "empty").total == 0


def test_a_study_that_does_not_exist_is_an_error_with_the_nearest(repository: Repository) -> None:
    make_experiments(repository, 1, "baseline")
    with pytest.raises(NotFoundError) as caught:
        list_experiments(repository.root, study="basline")
    assert "baseline" in caught.value.hint
    for wrong in ("--all", "a/b", "x\ny"):
        with pytest.raises(UsageError):
            list_experiments(repository.root, study=wrong)


def test_wrong_expressions_are_errors_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        list_experiments(tmp_path, where="lr <")
    with pytest.raises(UsageError):
        list_experiments(tmp_path, sort="params")


def test_outside_of_a_repository_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        list_experiments(tmp_path)


def test_runs_that_are_going_on_are_listed_with_their_last_line(repository: Repository) -> None:
    runs = repository.state_dir / "runs"
    entry = journal.begin(runs, name="new-one", study="main", argv=("python", "train.py"))
    journal.update(entry, state="running")
    (entry.path / journal.LOG).write_bytes(b"x" * 10_000 + b"\nepoch 1\nepoch 2  5%\repoch 2 9%\n")
    try:
        (active,) = list_experiments(repository.root).active
        assert (active.name, active.study, active.state) == ("new-one", "main", "running")
        assert (active.command, active.last) == (("python", "train.py"), "epoch 2 9%")
        assert list_experiments(repository.root, study="main").active == (active,)
        (entry.path / "history.jsonl").write_text('{"step": 1}\n{"step": 2}\n')
        (active,) = list_experiments(repository.root, all_studies=True).active
        assert active.last == '{"step": 2}'
        git(repository, "switch", "-q", "-c", "elsewhere")
        assert list_experiments(repository.root).active == ()
    finally:
        journal.close(entry)
    assert list_experiments(repository.root, all_studies=True).active == ()
