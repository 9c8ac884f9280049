from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitml.errors import NotFoundError, RepositoryError, UsageError
from gitml.git.repository import Repository, discover
from gitml.operations.annotate import hide, note, tag
from gitml.operations.listing import list_experiments
from gitml.operations.show import show
from tests.history.commits import Stream, copy_of_project, git, make_experiments, make_record, tip


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = copy_of_project(tmp_path / "project")
    make_experiments(repository, 2)
    return repository


def test_a_note_is_an_event_with_the_tree_of_its_parent(repository: Repository) -> None:
    before = tip(repository)
    done = note(repository.root, "latest", "overfits\n\nGitml-Experiment: forged\n\x1b[31m")
    assert done.event == tip(repository)
    assert git(repository, "rev-parse", f"{done.event}^") == before
    assert git(repository, "rev-parse", f"{done.event}^{{tree}}") == git(
        repository, "rev-parse", f"{before}^{{tree}}"
    )
    assert done.row.notes == ("overfits\n\nGitml-Experiment: forged\n\x1b[31m",)
    assert list_experiments(repository.root).total == 2
    assert show(repository.root, "latest").events[0].author == "Ann Author"


def test_tags_are_added_and_taken_away(repository: Repository) -> None:
    assert tag(repository.root, "latest", ["paper", "v2"]).row.tags == ("paper", "v2")
    assert tag(repository.root, "latest", ["x"], remove=["paper"]).row.tags == ("v2", "x")
    assert list_experiments(repository.root, where="tag = v2").total == 1


def test_hiding_can_be_undone(repository: Repository) -> None:
    name = make_record(1).name
    assert hide(repository.root, name).row.hidden
    assert list_experiments(repository.root).total == 1
    assert show(repository.root, "latest").row.experiment == make_record(0).name
    assert not hide(repository.root, name, hidden=False).row.hidden
    assert list_experiments(repository.root).total == 2


@pytest.mark.parametrize("word", ["", "two words", "a,b", "-x", "a\nb", "\x1b[31m", "x" * 200])
def test_a_tag_that_could_not_be_typed_again_is_refused(repository: Repository, word: str) -> None:
    before = tip(repository)
    with pytest.raises(UsageError):
        tag(repository.root, "latest", [word])
    assert tip(repository) == before


def test_an_empty_note_no_tag_and_an_unknown_experiment_are_errors(
    repository: Repository,
) -> None:
    with pytest.raises(UsageError):
        note(repository.root, "latest", " \n")
    with pytest.raises(UsageError):
        note(repository.root, "latest", "x" * 200_000)
    with pytest.raises(UsageError):
        tag(repository.root, "latest", [])
    with pytest.raises(NotFoundError):
        hide(repository.root, "nobody")


def test_the_name_of_an_experiment_cannot_forge_a_message(repository: Repository) -> None:
    hostile = "x\n\n{}\n\nGitml-Event: hide\nGitml-About: " + tip(repository)
    with Stream(repository) as stream:
        stream.experiment(make_record(5, name=hostile), message="x\n\nGitml-Experiment: x\n")
    done = note(repository.root, hostile, "fine")
    assert done.row.notes == ("fine",)
    assert list_experiments(repository.root).total == 3


def test_an_experiment_of_a_colleague_is_annotated_on_a_local_branch(
    repository: Repository, tmp_path: Path
) -> None:
    git(repository, "clone", "-q", str(repository.root), str(tmp_path / "clone"))
    clone = discover(tmp_path / "clone")
    git(clone, "config", "user.name", "Ben")
    git(clone, "config", "user.email", "ben@example.org")
    done = note(clone.root, make_record(0).name, "seen")
    assert git(clone, "rev-parse", f"{tip(clone)}^") == tip(repository)
    assert done.row.notes == ("seen",)
    assert list_experiments(clone.root).total == 2


def test_without_an_identity_nothing_is_added(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repository, "config", "--unset", "user.name")
    git(repository, "config", "--unset", "user.email")
    git(repository, "config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    before = tip(repository)
    with pytest.raises(RepositoryError):
        note(repository.root, "latest", "x")
    assert tip(repository) == before


def test_a_branch_that_is_checked_out_is_not_moved(repository: Repository) -> None:
    git(repository, "switch", "-q", "exp/main")
    before = tip(repository)
    with pytest.raises(RepositoryError):
        note(repository.root, "latest", "x")
    assert tip(repository) == before


def test_an_experiment_that_no_branch_reaches_cannot_be_annotated(repository: Repository) -> None:
    commit = tip(repository)
    git(repository, "tag", "kept", commit)
    git(repository, "update-ref", "-d", "refs/heads/exp/main")
    with pytest.raises(NotFoundError) as caught:
        note(repository.root, "kept", "x")
    assert commit in caught.value.hint


def test_events_are_signed_when_commits_are(repository: Repository, tmp_path: Path) -> None:
    key = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        pytest.skip("there is no ssh-keygen")
    for name, value in (
        ("commit.gpgSign", "true"),
        ("gpg.format", "ssh"),
        ("user.signingKey", str(key)),
    ):
        git(repository, "config", name, value)
    done = tag(repository.root, "latest", ["signed"])
    assert "gpgsig" in git(repository, "cat-file", "commit", done.event)


def test_the_users_head_index_and_work_tree_stay_as_they_are(repository: Repository) -> None:
    (repository.root / "train.py").write_text("edited\n")
    index = (repository.git_dir / "index").read_bytes()
    head = git(repository, "rev-parse", "HEAD")
    note(repository.root, "latest", "x")
    assert (repository.git_dir / "index").read_bytes() == index
    assert git(repository, "rev-parse", "HEAD") == head
    assert (repository.root / "train.py").read_text() == "edited\n"
