from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitml.errors import NotFoundError, UsageError
from gitml.git.repository import Repository, discover
from gitml.history.index import Index, open_index
from gitml.history.resolve import resolve
from tests.history.commits import (
    Stream,
    copy_of_project,
    git,
    make_experiments,
    make_record,
    tip,
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    repository = copy_of_project(tmp_path_factory.mktemp("resolve") / "project")
    with Stream(repository) as stream:
        for number, accuracy in enumerate([0.5, 0.9, 0.7]):
            stream.experiment(make_record(number, metrics={"accuracy": accuracy}))
        stream.experiment(make_record(10, "other", name="calm-fox"))
        stream.experiment(make_record(11, "other", name="twin"))
        stream.experiment(make_record(12, "third", name="twin"))
        stream.experiment(make_record(13, "third", name="main"))
        stream.experiment(make_record(14, "third", name="a" * 40))
        stream.experiment(make_record(15, "third", name="--all\n\x1b[31m"))
        stream.experiment(make_record(16, "plain", name="no-goal", primary="", goals={}))
    git(repository, "tag", "-a", "-m", "x", "model@v1.0.0", "exp/main~1")
    return discover(repository.root)


@pytest.fixture
def index(repository: Repository) -> Iterator[Index]:
    with open_index(repository) as opened:
        yield opened


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("latest", 2),
        ("best", 1),
        ("main:latest", 2),
        ("exp/main:best", 1),
        ("other:calm-fox", 10),
        ("calm-fox", 10),
        ("other:twin", 11),
        ("third:twin", 12),
        ("exp/main", 2),
        ("exp/main~2", 0),
        ("refs/heads/exp/main^", 1),
        ("model@v1.0.0", 1),
        ("main", 13),
        ("--all\n\x1b[31m", 15),
    ],
)
def test_what_people_type_names_one_experiment(
    repository: Repository, index: Index, text: str, number: int
) -> None:
    row = resolve(repository, index, text)
    assert row.params == make_record(number).params


def test_ids_and_their_beginnings_name_commits(repository: Repository, index: Index) -> None:
    commit = tip(repository)
    assert resolve(repository, index, commit).commit == commit
    assert resolve(repository, index, commit[:10]).commit == commit


def test_a_full_id_means_the_commit_whatever_an_experiment_calls_itself(
    repository: Repository, index: Index
) -> None:
    commit = tip(repository)
    with Stream(repository) as stream:
        stream.experiment(make_record(30, "forged", name=commit))
    with open_index(repository) as fresh:
        assert resolve(repository, fresh, commit).study == "main"
        assert resolve(repository, fresh, f"forged:{commit}").study == "forged"
    git(repository, "update-ref", "-d", "refs/heads/exp/forged")


def test_the_current_study_decides_between_experiments_of_one_name(
    repository: Repository, index: Index
) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(repository, index, "twin")
    assert "other" in caught.value.message and "third" in caught.value.message
    assert resolve(repository, index, "twin", "third").study == "third"


def test_an_event_means_the_experiment_below_it(repository: Repository) -> None:
    commit = tip(repository, "other")
    with Stream(repository) as stream:
        stream.event("other", "note", commit, {"text": "x"})
    with open_index(repository) as index:
        assert resolve(repository, index, "exp/other").commit == commit


def test_a_commit_made_from_an_experiment_means_it(repository: Repository, index: Index) -> None:
    commit = tip(repository)
    with Stream(repository) as stream:
        stream.plain("refs/heads/applied", f"apply x\n\nGitml-From: {commit}\n", ["exp/main^2"])
    assert resolve(repository, index, "applied").commit == commit


def test_an_experiment_that_no_study_reaches_is_found_by_its_commit(
    repository: Repository, index: Index
) -> None:
    with Stream(repository) as stream:
        stream.experiment(make_record(40, "gone"), ref="refs/tags/kept")
    row = resolve(repository, index, "kept")
    assert (row.experiment, row.study, row.position) == (make_record(40).name, "gone", -1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing-like-it",
        "main:nothing",
        "HEAD",
        "HEAD:train.py",
        "exp/main~5..exp/main",
        "^exp/main",
        "-rf",
        "--output=/tmp/x",
        "--end-of-options",
        "@{u}",
        "HEAD@{9999}",
        ":/no such message",
        "x\0y",
        "x\ny",
        "\udcff",
        "a" * 100_000,
        "model@production",
        "0" * 40,
        "exp/main^{tree}",
        "exp/main:train.py",
        "plain:best",
        "unknown:latest",
    ],
)
def test_what_names_no_experiment_is_an_error(
    repository: Repository, index: Index, text: str
) -> None:
    with pytest.raises(NotFoundError):
        resolve(repository, index, text)


def test_errors_hint_at_what_was_meant(repository: Repository, index: Index) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve(repository, index, "clam-fox")
    assert "calm-fox" in caught.value.hint
    with pytest.raises(NotFoundError) as caught:
        resolve(repository, index, "classifier@production")
    assert "model" in caught.value.message
    with pytest.raises(NotFoundError) as caught:
        resolve(repository, index, "plain:best")
    assert "primary" in caught.value.hint
    with pytest.raises(NotFoundError) as caught:
        resolve(repository, index, "latest", "empty")
    assert "main" in caught.value.hint


def test_in_an_empty_repository_the_hint_says_how_to_begin(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    with open_index(repository) as index, pytest.raises(NotFoundError) as caught:
        resolve(repository, index, "brave-otter")
    assert "exp run" in caught.value.hint


def test_a_name_of_the_current_study_is_preferred_after_switching(tmp_path: Path) -> None:
    repository = copy_of_project(tmp_path / "project")
    make_experiments(repository, 1, "feature-x")
    git(repository, "switch", "-q", "-c", "feature/x")
    repository = discover(repository.root)
    with open_index(repository) as index:
        assert resolve(repository, index, "latest").study == "feature-x"
