from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from gitml.errors import NotFoundError, RecordError
from gitml.git.repository import Repository, discover
from gitml.history.index import Index, open_index
from gitml.history.ordering import parse_sort
from gitml.history.query import parse_query
from gitml.history.rows import Goals
from gitml.outputs.artifact import Artifact
from tests.history.commits import (
    Stream,
    branch,
    copy_of_project,
    git,
    make_experiments,
    make_record,
    names,
    tip,
)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return copy_of_project(tmp_path / "project")


def listed(repository: Repository, study: str | None = None) -> list[str]:
    with open_index(repository) as index:
        return names(index.rows(study))


def test_a_repository_without_experiments_has_an_empty_index(repository: Repository) -> None:
    with open_index(repository) as index:
        assert index.rows() == []
        assert index.count() == 0
        assert index.studies() == {}
        assert index.latest("main") is None
        assert index.best("main") is None
        assert index.output_paths() == set()
        assert index.names("main") == set()
        assert index.goals("main") == Goals()


def test_a_row_says_what_the_record_and_the_commit_say(repository: Repository) -> None:
    make_experiments(repository, 1)
    record = make_record(0)
    with open_index(repository) as index:
        (row,) = index.rows()
        assert index.record(row.commit) == record
        assert index.find(row.commit) == row
        assert index.by_lookup(record.lookup) == [row]
    assert row.commit == tip(repository)
    assert (row.experiment, row.study, row.status) == (record.name, "main", "completed")
    assert (row.params, row.metrics, row.digests) == (
        record.params,
        record.metrics,
        record.digests,
    )
    assert (row.fingerprint, row.lookup, row.reusable) == (
        record.fingerprint,
        record.lookup,
        True,
    )
    assert (row.author, row.mail) == ("Ann Author", "ann@example.org")
    assert (row.created, row.started) == (record.created, 1735689600.0)
    assert (row.seconds, row.primary, row.complete) == (record.seconds, "accuracy", True)


def test_rows_come_newest_first_and_can_be_limited(repository: Repository) -> None:
    make_experiments(repository, 7)
    wanted = [make_record(number).name for number in range(6, -1, -1)]
    with open_index(repository) as index:
        assert names(index.rows("main")) == wanted
        assert names(index.rows("main", limit=3)) == wanted[:3]
        assert names(index.rows(limit=3)) == wanted[:3]
        assert index.rows("other") == []
        assert index.count("main") == index.count() == 7
        latest = index.latest("main")
        assert latest is not None and latest.experiment == wanted[0]


def test_rows_can_be_chosen_and_sorted(repository: Repository) -> None:
    make_experiments(repository, 20)
    query = parse_query("metrics.accuracy > 0.7 and params.lr < 0.08")
    with open_index(repository) as index:
        found = index.rows("main", query, parse_sort("-metrics.accuracy"), limit=3)
        everything = index.rows("main", query)
        assert index.count("main", query) == len(everything)
    accuracies = [row.metrics["accuracy"] for row in everything]
    assert [row.metrics["accuracy"] for row in found] == sorted(accuracies, reverse=True)[:3]  # type: ignore[type-var]


def test_only_what_is_new_is_read_again(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_experiments(repository, 5)
    open_index(repository).close()
    read: list[int] = []
    from gitml.history import update

    original = update.read_records

    def counting(*args: object) -> object:
        read.append(len(args[1]))  # type: ignore[arg-type]
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(update, "read_records", counting)
    assert len(listed(repository)) == 5
    assert read == []
    make_experiments(repository, 2, start=5)
    assert listed(repository, "main")[0] == make_record(6).name
    assert read == [2]
    with open_index(repository) as index:
        assert [row.position for row in index.rows("main")] == [7, 6, 5, 4, 3, 2, 1]


def test_a_commit_that_lands_while_a_process_waits_for_the_index_is_not_lost(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitml.history import refresh

    make_experiments(repository, 1)
    open_index(repository).close()
    make_experiments(repository, 1, start=1)
    original = refresh.studies
    asked: list[int] = []

    def meanwhile(where: Repository) -> dict[str, str]:
        found = original(where)
        asked.append(1)
        if len(asked) == 1:
            make_experiments(repository, 1, start=2)
            monkeypatch.setattr(refresh, "studies", original)
            open_index(repository).close()
        return found

    monkeypatch.setattr(refresh, "studies", meanwhile)
    with open_index(repository) as index:
        assert index.count() == 3
        assert index.lost() == []


def test_an_open_index_sees_what_others_record_after_a_refresh(repository: Repository) -> None:
    make_experiments(repository, 1)
    with open_index(repository) as index:
        make_experiments(repository, 1, start=1)
        assert index.count() == 1
        index.refresh()
        assert index.count() == 2


def test_the_base_and_what_is_under_it_are_not_in_the_study(repository: Repository) -> None:
    make_experiments(repository, 2, "first")
    # Somebody stands on an experiment of another study.
    git(repository, "checkout", "-q", "--detach", "exp/first")
    make_experiments(discover(repository.root), 1, "second", start=10)
    with open_index(repository) as index:
        assert names(index.rows("second")) == [make_record(10).name]
        assert index.studies() == {"first": 2, "second": 1}


def test_a_join_brings_both_lines_in_each_experiment_once(repository: Repository) -> None:
    with Stream(repository) as stream:
        start = stream.experiment(make_record(0))
        left = stream.experiment(make_record(1), start)
        right = stream.experiment(make_record(2), start, ref="refs/heads/side")
        left = stream.experiment(make_record(3), left)
        stream.join("main", [right, left])
        stream.experiment(make_record(4))
    found = listed(repository, "main")
    assert sorted(found) == sorted(make_record(number).name for number in range(5))
    assert found[0] == make_record(4).name
    assert found[-1] == make_record(0).name
    assert found.index(make_record(3).name) < found.index(make_record(1).name)


def test_lines_that_were_merged_by_hand_are_both_in_the_study(repository: Repository) -> None:
    with Stream(repository) as stream:
        start = stream.experiment(make_record(0))
        left = stream.experiment(make_record(1), start)
        right = stream.experiment(make_record(2), start, ref="refs/heads/side")
        stream.plain("refs/heads/exp/main", "Merge branch 'exp/main'", [left, right])
    assert len(listed(repository, "main")) == 3


def test_a_commit_that_somebody_made_by_hand_does_not_hide_what_is_below(
    repository: Repository,
) -> None:
    with Stream(repository) as stream:
        first = stream.experiment(make_record(0))
        by_hand = stream.plain("refs/heads/exp/main", "fix a typo", [first])
        stream.experiment(make_record(1), by_hand)
    assert len(listed(repository, "main")) == 2


def test_a_branch_that_copies_a_long_history_is_left_soon(repository: Repository) -> None:
    with Stream(repository) as stream:
        parent: int | str = repository.head
        for number in range(300):
            parent = stream.plain("refs/heads/main2", f"commit {number}", [parent])
        stream.experiment(make_record(0), parent)
    with open_index(repository) as index:
        assert index.count("main") == 1
        (row,) = index.rows("main")
        assert row.position < 150


def test_diverged_local_and_remote_lines_are_listed_together(
    repository: Repository, tmp_path: Path
) -> None:
    make_experiments(repository, 2)
    git(repository, "clone", "-q", str(repository.root), str(tmp_path / "clone"))
    clone = discover(tmp_path / "clone")
    branch(clone, "main", "refs/remotes/origin/exp/main")
    make_experiments(clone, 2, start=10)
    make_experiments(repository, 1, start=20)
    git(clone, "fetch", "-q")
    with open_index(clone) as index:
        assert index.count("main") == 5
        assert len(set(index.names("main"))) == 5
    local = tip(clone)
    git(clone, "fetch", "-q", "origin", "exp/main")
    with Stream(clone) as stream:
        stream.join("main", [git(clone, "rev-parse", "origin/exp/main"), local])
    with open_index(clone) as index:
        assert index.count("main") == 5
        assert index.lost() == []


def test_experiments_of_a_deleted_branch_disappear_and_are_named_as_lost(
    repository: Repository,
) -> None:
    make_experiments(repository, 3)
    make_experiments(repository, 1, "other", start=50)
    open_index(repository).close()
    gone = tip(repository)
    git(repository, "update-ref", "-d", "refs/heads/exp/main")
    with open_index(repository) as index:
        assert names(index.rows()) == [make_record(50).name]
        assert index.find(gone) is None
        assert index.output_paths() == {"model.safetensors", "metrics.json", "predictions.csv"}
        (lost,) = index.lost()
    assert (lost.study, lost.ref, lost.tip) == ("main", "refs/heads/exp/main", gone)
    assert lost.experiments == tuple(make_record(n).name for n in (2, 1, 0))
    branch(repository, "main", gone)
    with open_index(repository) as index:
        assert index.count("main") == 3
        assert index.lost() == []


def test_a_reset_branch_loses_only_what_was_cut_off(repository: Repository) -> None:
    make_experiments(repository, 4)
    open_index(repository).close()
    branch(repository, "main", "refs/heads/exp/main~2")
    with open_index(repository) as index:
        assert names(index.rows("main")) == [make_record(1).name, make_record(0).name]
        (lost,) = index.lost()
        assert set(lost.experiments) == {make_record(2).name, make_record(3).name}


def test_a_renamed_branch_is_not_a_loss_and_names_the_study_anew(repository: Repository) -> None:
    make_experiments(repository, 2)
    open_index(repository).close()
    git(repository, "branch", "-m", "exp/main", "exp/renamed")
    with open_index(repository) as index:
        assert {row.study for row in index.rows()} == {"renamed"}
        assert index.lost() == []


def test_an_experiment_on_two_branches_is_listed_once_under_its_own_study(
    repository: Repository,
) -> None:
    make_experiments(repository, 2)
    git(repository, "branch", "exp/a-copy", "exp/main")
    with open_index(repository) as index:
        assert [row.study for row in index.rows()] == ["main", "main"]
        assert [row.study for row in index.rows("a-copy")] == ["a-copy", "a-copy"]
        assert index.count() == 2


def test_events_are_folded_into_rows(repository: Repository) -> None:
    make_experiments(repository, 3)
    commits = [row.commit for row in open_index(repository).rows("main")]
    with Stream(repository) as stream:
        stream.event("main", "note", commits[0], {"text": "looks\ngood"})
        stream.event("main", "tag", commits[0], {"add": ["paper", "best-so-far"]})
        stream.event("main", "tag", commits[0], {"remove": ["best-so-far"], "add": ["v2"]})
        stream.event("main", "hide", commits[1], {"hidden": True})
        stream.event("main", "hide", commits[2], {"hidden": True})
        stream.event("main", "hide", commits[2], {"hidden": False})
        stream.event("main", "rerun", commits[2], {"reproduced": True})
        stream.event("main", "note", "0" * 40, {"text": "about nothing"})
        stream.event("main", "note", commits[0], {"text": ["wrong"], "other": {"deep": [1]}})
    with open_index(repository) as index:
        rows = index.rows("main")
        assert [row.commit for row in rows] == [commits[0], commits[2]]
        assert rows[0].tags == ("paper", "v2")
        assert rows[0].notes == ("looks\ngood",)
        assert index.count("main") == index.count() == 2
        assert index.count("main", hidden=True) == index.count(hidden=True) == 3
        assert [row.hidden for row in index.rows("main", hidden=True)] == [False, True, False]
        kinds = [event.kind for event in index.events(commits[0])]
        assert kinds == ["note", "tag", "tag", "note"]
        (event,) = index.events(commits[2])[2:]
        assert (event.kind, event.body, event.about) == (
            "rerun",
            {"reproduced": True},
            commits[2],
        )
    # The same from nothing.
    (repository.state_dir / "index.db").unlink()
    with open_index(repository) as index:
        assert index.rows("main") == rows


def test_the_best_is_by_the_primary_metric_and_its_goal(repository: Repository) -> None:
    values = [0.5, "NaN", 0.9, 0.7, None, "Infinity", 0.9]
    with Stream(repository) as stream:
        for number, value in enumerate(values):
            metrics = {} if value is None else {"accuracy": value}
            stream.experiment(make_record(number, metrics=metrics))
        stream.experiment(make_record(7, metrics={"accuracy": 0.99}, status="failed"))
    with open_index(repository) as index:
        best = index.best("main")
        assert best is not None and best.experiment == make_record(2).name
        assert names(index.ranked("main", before=4)) == [make_record(2).name, make_record(0).name]
        index.declared = Goals("", {"accuracy": "min"})
        best = index.best("main")
        assert best is not None and best.experiment == make_record(0).name


def test_without_a_primary_metric_nothing_is_best(repository: Repository) -> None:
    make_experiments(
        repository, 2, change=lambda record: msgspec.structs.replace(record, primary="", goals={})
    )
    with open_index(repository) as index:
        assert index.best("main") is None
        index.declared = Goals("accuracy", {"accuracy": "max"})
        assert index.best("main") is not None


def test_the_maker_of_an_artifact_is_found_by_its_content(repository: Repository) -> None:
    make_experiments(repository, 3)
    with open_index(repository) as index:
        maker = index.maker_of(f"{1:032x}")
        assert maker is not None and maker.experiment == make_record(1).name
        assert index.maker_of("f" * 32) is None


def test_output_paths_are_known_by_command_and_with_their_sources(repository: Repository) -> None:
    weights = Artifact("out/m.safetensors", "weights", "dvc", "a" * 32, 1, source="out/m.pt")
    digests = make_record(0).digests
    with Stream(repository) as stream:
        stream.experiment(
            make_record(0, artifacts=(weights,), digests=digests | {"command": "sha256:1"})
        )
        stream.experiment(make_record(1, artifacts=(), digests=digests | {"command": "sha256:2"}))
    with open_index(repository) as index:
        assert index.output_paths() == {"out/m.safetensors", "out/m.pt"}
        assert index.output_paths("sha256:1") == {"out/m.safetensors", "out/m.pt"}
        assert index.output_paths("sha256:2") == set()


def test_failed_and_changed_experiments_are_not_reusable(repository: Repository) -> None:
    with Stream(repository) as stream:
        stream.experiment(make_record(0, status="failed"))
        stream.experiment(make_record(1, changed=("train.py",)))
    with open_index(repository) as index:
        assert [row.reusable for row in index.rows()] == [False, False]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"{}",
        b'{"name": 3}',
        b"[" * 200_000,
        b'{"name":' + b"9" * 5000 + b"}",
        b'{"x": "' + b"a" * 10_000_000 + b'"}',
    ],
    ids=["empty", "binary", "list", "object", "types", "deep", "digits", "large"],
)
def test_a_record_that_cannot_be_read_leaves_the_others_listed(
    repository: Repository, data: bytes
) -> None:
    with Stream(repository) as stream:
        stream.experiment(make_record(0))
        stream.experiment(make_record(1), data=data)
        stream.experiment(make_record(2))
    with open_index(repository) as index:
        rows = index.rows("main")
        assert names(rows) == [make_record(n).name for n in (2, 1, 0)]
        assert [row.status for row in rows] == ["completed", "unreadable", "completed"]
        assert rows[1].problem and not rows[1].reusable
        assert rows[1].fingerprint == make_record(1).fingerprint
        with pytest.raises(RecordError):
            index.record(rows[1].commit)


def test_a_commit_without_a_record_is_unreadable(repository: Repository) -> None:
    with Stream(repository) as stream:
        stream.experiment(make_record(0), files={".gitml/experiment.json": None})
    with open_index(repository) as index:
        (row,) = index.rows()
        assert (row.status, row.problem) == ("unreadable", "the commit has no record")
        with pytest.raises(NotFoundError):
            index.record(row.commit)


def test_a_record_of_a_newer_schema_is_read_but_never_reused(repository: Repository) -> None:
    with Stream(repository) as stream:
        stream.experiment(make_record(0, schema=99))
    with open_index(repository) as index:
        (row,) = index.rows()
    assert row.metrics == make_record(0).metrics
    assert (row.status, row.reusable) == ("completed", False)
    assert "99" in row.problem


def test_odd_values_and_names_come_back_as_they_are(repository: Repository) -> None:
    odd = 'a"b\\c\n\x1b[31m\u202e日本'
    record = make_record(
        0,
        name=odd,
        study="x\n--y",
        created="not a time",
        params={odd: odd, "n": 10**400, "f": 1e308, "deep": None},
        metrics={odd: "NaN", "": 1},
    )
    with Stream(repository) as stream:
        stream.experiment(record, ref="refs/heads/exp/main", parent=repository.head)
    with open_index(repository) as index:
        (row,) = index.rows()
        assert (row.experiment, row.params, row.metrics) == (odd, record.params, record.metrics)
        assert index.by_name(odd) == [row]
        assert row.created.startswith("2025-01-01T")
        assert index.rows(sort=parse_sort("-params.n")) == [row]


def test_an_author_whose_name_is_not_utf8_is_shown_anyway(repository: Repository) -> None:
    with Stream(repository) as stream:
        stream.experiment(make_record(0), author="J\udcf6rg <j\udcf6rg@example.org>")
    with open_index(repository) as index:
        (row,) = index.rows()
    assert row.author.startswith("J") and row.author.endswith("rg")
    row.author.encode()


def test_refs_that_are_no_commits_are_named_and_the_rest_is_listed(
    repository: Repository,
) -> None:
    make_experiments(repository, 2)
    blob = git(repository, "rev-parse", "HEAD:train.py")
    path = repository.root / ".git/refs/heads/exp/blob"
    path.write_text(f"{blob}\n")
    (path.parent / "missing").write_text("1" * 40 + "\n")
    (path.parent / "garbage").write_text("hello\n")
    for _ in range(2):
        with open_index(repository) as index:
            assert index.count() == 2
            assert any("exp/blob" in problem for problem in index.problems)


def test_a_corrupt_object_costs_one_experiment(repository: Repository) -> None:
    make_experiments(repository, 3, loose=True)
    oid = git(repository, "rev-parse", "exp/main~1:.gitml/experiment.json")
    place = repository.root / ".git/objects" / oid[:2] / oid[2:]
    place.chmod(0o644)
    place.write_bytes(b"garbage")
    with open_index(repository) as index:
        assert [row.status for row in index.rows()] == ["completed", "unreadable", "completed"]


def test_a_sha256_repository_is_indexed(tmp_path: Path) -> None:
    from tests.history.commits import new_repository

    repository = new_repository(tmp_path / "project", object_format="sha256")
    make_experiments(repository, 2)
    with open_index(repository) as index:
        assert [len(row.commit) for row in index.rows()] == [64, 64]


def test_a_bare_repository_is_indexed(repository: Repository, tmp_path: Path) -> None:
    make_experiments(repository, 2)
    git(repository, "clone", "-q", "--bare", str(repository.root), str(tmp_path / "bare.git"))
    assert len(listed(discover(tmp_path / "bare.git"), "main")) == 2


def test_a_shallow_clone_has_what_it_has_and_the_rest_after_unshallow(
    repository: Repository, tmp_path: Path
) -> None:
    make_experiments(repository, 5)
    url = f"file://{repository.root}"
    git(repository, "clone", "-q", "--depth=2", "--no-single-branch", url, str(tmp_path / "c"))
    clone = discover(tmp_path / "c")
    assert len(listed(clone, "main")) == 2
    git(clone, "fetch", "-q", "--unshallow")
    assert len(listed(clone, "main")) == 5


@pytest.mark.parametrize("kind", ["tree:0", "blob:none"])
def test_a_partial_clone_lists_from_trailers_and_fetches_one_record_when_asked(
    repository: Repository, tmp_path: Path, kind: str
) -> None:
    make_experiments(repository, 4)
    git(repository, "config", "uploadpack.allowFilter", "true")
    url = f"file://{repository.root}"
    git(repository, "clone", "-q", "--no-checkout", f"--filter={kind}", url, str(tmp_path / "c"))
    clone = discover(tmp_path / "c")
    git(clone, "config", "remote.origin.url", "file:///nowhere")
    with open_index(clone) as index:
        rows = index.rows("main")
        assert names(rows) == [make_record(n).name for n in (3, 2, 1, 0)]
        record = make_record(3)
        assert rows[0].fingerprint == record.fingerprint
        assert rows[0].digests == record.digests
        assert index.by_lookup(record.lookup) == [rows[0]]
        assert (rows[0].complete, rows[0].status, rows[0].metrics) == (False, "completed", {})
        with pytest.raises(NotFoundError):
            index.record(rows[0].commit)
        git(clone, "config", "remote.origin.url", url)
        assert index.record(rows[0].commit) == record
        assert [row.complete for row in index.rows("main")] == [True, False, False, False]
        assert index.rows("main")[0].metrics == record.metrics
        assert "model.safetensors" in index.output_paths()
    make_experiments(repository, 1, start=9)
    git(clone, "fetch", "-q")
    (clone.state_dir / "index.db").unlink()
    with open_index(clone) as index:
        assert [row.complete for row in index.rows("main")] == [False, True, False, False, False]


def test_progress_is_told_while_many_are_read(repository: Repository) -> None:
    make_experiments(repository, 201)
    told: list[tuple[int, int]] = []
    open_index(repository, lambda done, total: told.append((done, total))).close()
    assert told == [(200, 201), (201, 201)]


def test_listing_does_not_write_when_nothing_is_new(repository: Repository) -> None:
    make_experiments(repository, 2)
    open_index(repository).close()
    before = (repository.state_dir / "index.db").read_bytes()
    with open_index(repository) as index:
        assert index.count() == 2
        index.refresh()
        assert _connection(index).total_changes == 0
    assert (repository.state_dir / "index.db").read_bytes() == before


def _connection(index: Index) -> sqlite3.Connection:
    return index._store._database.connection
