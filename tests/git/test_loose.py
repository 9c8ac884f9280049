"""Loose objects written without Git are what Git would have written."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitml.git.command import Git
from gitml.git.loose import SMALL_BYTES, write_loose
from gitml.git.objects import write_blob, write_blobs, write_files

GitIn = Callable[..., str]


@pytest.fixture
def repository(tmp_path: Path, git_in: GitIn) -> Git:
    git_in(tmp_path, "init", "-q")
    return Git(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
@given(data=st.binary(max_size=300))
def test_git_reads_back_what_was_written(repository: Git, data: bytes) -> None:
    written = write_loose(repository, [data])
    assert written == [repository.text("hash-object", "--stdin", stdin=data)]
    assert repository.run("cat-file", "blob", written[0]) == data


def test_an_object_is_read_only_and_sound_and_nothing_else_stays(repository: Git) -> None:
    oids = write_loose(repository, [b"a", b"b", b"a"])
    assert oids is not None and oids[0] == oids[2]
    repository.run("fsck", "--strict")
    files = [path for path in (repository.folder / ".git/objects").rglob("*") if path.is_file()]
    assert len(files) == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o444 for path in files)


def test_what_is_there_becomes_young_again(repository: Git) -> None:
    (oid,) = write_loose(repository, [b"old"]) or [""]
    path = repository.folder / ".git/objects" / oid[:2] / oid[2:]
    os.utime(path, (1, 1))
    write_loose(repository, [b"old"])
    assert path.stat().st_mtime > 1


@pytest.mark.parametrize(
    "options", [("--object-format=sha256",), ("--shared=group",), ("--bare",)], ids="".join
)
def test_other_repositories_are_left_to_git(
    tmp_path: Path, git_in: GitIn, options: tuple[str, ...]
) -> None:
    git_in(tmp_path, "init", "-q", *options)
    git = Git(tmp_path)
    assert write_loose(git, [b"data"]) is None
    oid = write_blob(git, b"data")
    assert git.run("cat-file", "blob", oid) == b"data"


def test_much_and_many_are_left_to_git(repository: Git, tmp_path: Path) -> None:
    assert write_loose(repository, [b"x" * (SMALL_BYTES + 1)]) is None
    contents = {str(number): str(number).encode() for number in range(60)}
    assert write_loose(repository, list(contents.values())) is None
    for number, data in contents.items():
        (tmp_path / number).write_bytes(data)
    by_name = write_blobs(repository, contents, tmp_path / "scratch")
    assert write_files(repository, [tmp_path / name for name in contents]) == list(by_name.values())
    assert write_files(repository, [Path("7")]) == [by_name["7"]]


def test_a_linked_work_tree_is_left_to_git(
    repository: Git, tmp_path_factory: pytest.TempPathFactory
) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    repository.run(*identity, "commit", "-q", "--allow-empty", "-m", "begin")
    side = tmp_path_factory.mktemp("side") / "tree"
    repository.run("worktree", "add", "-q", "--detach", str(side))
    assert write_loose(Git(side), [b"data"]) is None
    assert repository.run("cat-file", "blob", write_blob(Git(side), b"data")) == b"data"


def test_what_cannot_be_written_is_gits_to_explain(repository: Git) -> None:
    oid = repository.text("hash-object", "--stdin", stdin=b"data")
    (repository.folder / ".git/objects" / oid[:2]).write_text("in the way")
    assert write_loose(repository, [b"data"]) is None


def test_packed_objects_may_be_written_again(repository: Git) -> None:
    oid = write_blob(repository, b"data")
    pack = repository.folder / ".git/objects/pack/pack"
    subprocess.run(["git", "pack-objects", "-q", str(pack)], cwd=repository.folder,
                   input=f"{oid}\n".encode(), check=True, capture_output=True)  # fmt: skip
    repository.run("prune-packed")
    assert write_loose(repository, [b"data"]) == [oid]
    repository.run("fsck", "--strict")
