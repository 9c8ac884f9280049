"""What trees name, what was dropped, and how much is said: the parts of gc and fsck."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.history_maker import make_experiments, new_repository
from gitml.errors import RepositoryError
from gitml.git.repository import Repository, discover
from gitml.git.trees import list_tree
from gitml.operations.dropped import (
    Dropped,
    gone_for_good,
    read_dropped,
    remember_dropped,
    why_absent,
)
from gitml.operations.gc_roots import trees_of
from gitml.operations.gc_values import GcRequest
from gitml.operations.named_objects import digests_in, named_by, named_in_history
from gitml.operations.needs import Need, agreed_size, by_digest, with_members
from gitml.operations.trees_in_bulk import Trees

A, B, C = ("a" * 32, "b" * 32 + ".dir", "1" * 32)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "made")


def _commit(repository: Repository, **files: str) -> str:
    for name, text in files.items():
        path = repository.root / name.replace("__", "/").replace("_dvc", ".dvc")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git = ("git", "-C", str(repository.root))
    subprocess.run([*git, "add", "-Af"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    return repository.git.text("rev-parse", "HEAD")


def test_every_digest_counts_whatever_state_its_file_is_in(repository: Repository) -> None:
    first = _commit(repository, model_dvc=f"outs:\n- md5: {A}\n  path: m\n")
    second = _commit(
        repository,
        deep__er__data_dvc=f"<<<<<<< not yaml\n- md5: {B}\n",
        sub__number_dvc=f"outs:\n- md5: {C}\n",
        README=f"mentions {'d' * 32}",
    )
    (repository.root / "model.dvc").unlink()
    third = _commit(repository)
    trees = trees_of(repository, [first, second, third])
    named = named_by(repository, trees.values())
    assert [named[trees[oid]] for oid in (first, second, third)] == [{A}, {A, B, C}, {B, C}]
    assert named_in_history(repository) == {A, B, C}
    subprocess.run(["git", "-C", str(repository.root), "reset", "-q", "--hard", first], check=True)
    assert named_in_history(repository) == {A, B, C}  # the reflog still has them
    with pytest.raises(RepositoryError, match="isn't here"):
        trees_of(repository, ["0" * 39 + "1"])
    with pytest.raises(RepositoryError, match="isn't in this clone"):
        named_by(repository, ["0" * 39 + "1"])


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_trees_in_bulk_are_the_same_as_one_by_one(tmp_path: Path, kind: str) -> None:
    repository = new_repository(tmp_path / kind, object_format=kind)
    make_experiments(repository, 5)
    repository = discover(repository.root)
    _commit(repository, a__b__c="1", a__d="2", **{"a__ü b": "3"})
    (repository.root / "a/link").symlink_to("b")
    odd = repository.root / "a" / "odd\udcff"
    odd.write_text("bytes that aren't UTF-8")
    _commit(repository)
    commits = repository.git.text("rev-list", "--all").split()
    trees = set(trees_of(repository, commits).values())
    bulk = Trees(repository, trees)
    for tree in trees:
        one = {(e.path, e.mode, e.oid) for e in list_tree(repository.git, tree)}
        assert set(bulk.files(tree)) == one
        assert not bulk.lacks(tree)
        assert all(entry.path == path for path, entry in bulk.entries(tree).items())
    assert any("\\udcff" in path for tree in trees for path in bulk.entries(tree))


@given(st.binary(max_size=200), st.sampled_from([A, B, C]), st.binary(max_size=20))
def test_a_digest_is_found_between_any_bytes(before: bytes, digest: str, after: bytes) -> None:
    separate = before + b"\n" + digest.encode() + b"\n" + after
    assert digest in digests_in(separate)


def test_what_was_dropped_is_remembered_even_after_a_crash(repository: Repository) -> None:
    remember_dropped(repository, [Dropped(A, 1.0, "cache", "store", 5), Dropped(B, 2.0)])
    path = repository.state_dir / "dropped.jsonl"
    path.write_bytes(path.read_bytes() + b'{"digest": "cut o')
    remember_dropped(repository, [Dropped(C, 3.0, "remote", "store")])
    found = read_dropped(repository)
    assert found.keys() == {A, B, C}
    assert [found[one][0].for_good for one in (A, B, C)] == [False, True, True]
    kept = Dropped("f" * 32, 4.0, "remote", "store", kept_here=True)
    assert not kept.for_good and not Dropped("f" * 32, 4.0, "cache", "store").for_good
    assert gone_for_good(repository, {A: 0.0, B: 1.0, C: 3.5}) == {B}  # one ran after C went
    said = why_absent(repository, [A, B, C, "e" * 32])
    assert said[A].endswith("the DVC remote store had it")
    assert said[B].endswith("no copy was left")
    assert "from the DVC remote store" in said[C] and len(said) == 3


def _need(digest: str, commit: str, size: int = 0) -> Need:
    return Need(digest, "p", "weights", size, commit, commit, "main")


def test_files_are_needed_by_whoever_needs_their_folder() -> None:
    direct = by_digest([_need(B, "one"), _need(B, "two"), _need(A, "two", 7)])
    uses = with_members(direct, {B: [A, C]})
    assert [need.commit for need in uses[C]] == ["one", "two"]
    assert {need.commit for need in uses[A]} == {"one", "two"}
    assert direct[A] == [_need(A, "two", 7)]
    assert agreed_size(direct[A]) == 7 and agreed_size(uses[C]) is None
    assert agreed_size([_need(A, "x", 1), _need(A, "y", 2)]) is None


def test_files_of_one_folder_share_one_list_of_needs() -> None:
    """A data set of many files that many experiments need must not become a list for each."""
    folders = [f"{number:032x}.dir" for number in range(3)]
    needs = [_need(folders[number % 3], f"c{number}") for number in range(30)]
    files = [f"{number:032x}" for number in range(10, 200)]
    uses = with_members(by_digest(needs), dict.fromkeys(folders, files))
    assert len({id(uses[one]) for one in files}) == 1
    assert {need.commit for need in uses[files[0]]} == {f"c{number}" for number in range(30)}


def test_what_is_dropped_is_a_role() -> None:
    start = Path()
    assert GcRequest(start).roles == {"weights", "checkpoint"}
    everything = GcRequest(start, drop=("all",)).roles
    assert {
        "weights",
        "checkpoint",
        "predictions",
        "log",
    } <= everything and "data" not in everything
    assert GcRequest(start, drop=("unreferenced", "data")).roles == {"data"}
