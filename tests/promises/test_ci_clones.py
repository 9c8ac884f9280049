"""`gitml check` in the clones of CI jobs: it fetches what it needs, or fails; it runs nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.promises.repositories import made

KINDS = {
    "shallow": ("--depth=1",),
    "shallow, all branches": ("--depth=1", "--no-single-branch"),
    "no files": ("--filter=blob:none",),
    "no files, one branch": ("--filter=blob:none", "--single-branch"),
    "no trees": ("--filter=tree:0",),
    "one branch": ("--single-branch",),
    "whole": (),
}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's repository: a study whose bases lie far behind the tip of `main`, and data."""
    place = tmp_path_factory.mktemp("ci")
    project = made(place / "project", commit=False)
    project.write("data/a.csv", "1,2\n")
    project.write("pkg/model.py", "WIDTH = 3\n")
    subprocess.run(["dvc", "add", "-q", "data"], cwd=project.root, check=True, capture_output=True)
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    project.git("checkout", "-qb", "feature")
    project.run("--name", "one")
    project.run("--name", "two", "-S", "lr=0.5")
    project.git("checkout", "-q", "main")
    for number in range(3):
        project.write("README.md", f"version {number}\n")
        project.git("add", "-A")
        project.git("commit", "-qm", f"version {number}")
    bare = place / "origin.git"
    project.git("clone", "-q", "--bare", str(project.root), str(bare))
    _configure(bare, "uploadpack.allowFilter", "true")
    return bare


def _configure(folder: Path, key: str, value: str) -> None:
    subprocess.run(["git", "config", key, value], cwd=folder, check=True)


def _clone(origin: Path, target: Path, *options: str) -> Project:
    subprocess.run(["git", "clone", "-q", *options, origin.as_uri(), str(target)], check=True)
    return Project(target)


def _check(clone: Project, *arguments: str, status: int = 0, **env: str) -> dict[str, Any]:
    done = clone.gitml("check", "--json", *arguments, status=status, **env)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _refused(clone: Project, *arguments: str, **env: str) -> str:
    done = clone.gitml("check", *arguments, status=2, **env)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_of_any_kind_blocks_a_repeat_and_passes_what_is_new(
    origin: Path, tmp_path: Path, kind: str
) -> None:
    clone = _clone(origin, tmp_path / "clone", *KINDS[kind])
    head = clone.git("for-each-ref", "refs/heads", "refs/tags")
    found = _check(clone, status=1)
    assert (found["level"], found["nearest"]["experiment"]) == ("identical", "one")
    assert found["nearest"]["metrics"]["accuracy"] > 0
    replicate = _check(clone, "-S", "seed=2")
    assert (replicate["level"], replicate["nearest"]["experiment"]) == ("replicate", "one")
    fresh = _check(clone, "-S", "lr=0.25")
    assert (fresh["level"], fresh["blocked"]) == ("near", False)
    assert not (clone.root / ".git/FETCH_HEAD").exists()
    assert clone.git("for-each-ref", "refs/heads", "refs/tags") == head
    assert clone.git("status", "--porcelain") == ""


def test_a_whole_clone_never_becomes_a_partial_one(origin: Path, tmp_path: Path) -> None:
    clone = _clone(origin, tmp_path / "clone", "--single-branch")
    _check(clone, status=1)
    config = (clone.root / ".git/config").read_text()
    assert "promisor" not in config and "filter" not in config


def test_a_developers_clone_is_checked_without_the_network(origin: Path, tmp_path: Path) -> None:
    clone = _clone(origin, tmp_path / "clone")
    clone.git("remote", "set-url", "origin", "file:///nowhere")
    assert _check(clone, status=1)["level"] == "identical"
    assert "nowhere" in _refused(clone, "--fetch")


@pytest.mark.parametrize(
    ("kind", "server", "client"),
    [
        ("shallow", {"uploadpack.allowFilter": "false"}, {}),
        ("shallow", {"uploadpack.allowAnySHA1InWant": "true"}, {}),
        ("shallow", {}, {"protocol.version": "0"}),
        ("no trees", {}, {"protocol.version": "0"}),
    ],
    ids=["no filters", "any object", "old protocol", "old protocol, no trees"],
)
def test_servers_of_every_kind_will_do(
    origin: Path, tmp_path: Path, kind: str, server: dict[str, str], client: dict[str, str]
) -> None:
    own = tmp_path / "origin.git"
    shutil.copytree(origin, own)
    clone = _clone(own, tmp_path / "clone", *KINDS[kind])
    for key, value in server.items():
        _configure(own, key, value)
    for key, value in client.items():
        _configure(clone.root, key, value)
    assert _check(clone, status=1)["level"] == "identical"
    assert _check(clone, "-S", "seed=2")["level"] == "replicate"


@pytest.mark.parametrize("kind", ["shallow", "no files, one branch", "no trees"])
def test_a_check_that_cannot_fetch_fails(origin: Path, tmp_path: Path, kind: str) -> None:
    clone = _clone(origin, tmp_path / "clone", *KINDS[kind])
    clone.git("remote", "set-url", "origin", "file:///nowhere")
    said = _refused(clone)
    assert "would prove nothing" in said and "nowhere" in said
    assert "--no-fetch" in said


def test_a_shallow_clone_without_a_remote_cannot_be_checked(origin: Path, tmp_path: Path) -> None:
    clone = _clone(origin, tmp_path / "clone", "--depth=1")
    clone.git("remote", "remove", "origin")
    assert "no remote" in _refused(clone)
    assert _check(clone, "--no-fetch")["level"] == "new"


def test_a_remote_without_experiments_is_no_error(tmp_path: Path) -> None:
    project = made(tmp_path / "project")
    clone = _clone(project.root, tmp_path / "clone", "--depth=1")
    found = _check(clone)
    assert (found["level"], found["nearest"]) == ("new", None)


def test_two_fetches_at_once_are_no_error(origin: Path, tmp_path: Path) -> None:
    clone = _clone(origin, tmp_path / "clone", "--depth=1")
    lock = clone.root / ".git/refs/remotes/origin/exp/feature.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    timer = threading.Timer(0.6, lock.unlink)
    timer.start()
    found = _check(clone, status=1)
    timer.join()
    assert found["level"] == "identical"


def test_a_remote_that_is_not_there_is_named(origin: Path, tmp_path: Path) -> None:
    clone = _clone(origin, tmp_path / "clone", "--depth=1")
    assert "'upstream'" in _refused(clone, "--remote", "upstream")
    clone.git("remote", "rename", "origin", "upstream")
    assert _check(clone, "--remote", "upstream", status=1)["level"] == "identical"


def test_a_server_that_lost_a_record_makes_the_check_fail_not_pass(
    origin: Path, tmp_path: Path
) -> None:
    own = tmp_path / "origin.git"
    shutil.copytree(origin, own)
    clone = _clone(own, tmp_path / "clone", *KINDS["no trees"])
    lost = subprocess.run(
        ["git", "rev-parse", "exp/feature~1:.gitml/experiment.json"],
        cwd=own, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    for pack in list((own / "objects/pack").glob("*.pack")):
        moved = tmp_path / pack.name
        pack.with_suffix(".idx").unlink()
        pack.rename(moved)
        with moved.open("rb") as stream:
            subprocess.run(["git", "unpack-objects", "-q"], cwd=own, stdin=stream, check=True)
    (own / "objects" / lost[:2] / lost[2:]).unlink()
    assert "would prove nothing" in _refused(clone)


def test_a_record_that_cannot_be_read_makes_the_check_fail_not_pass(
    origin: Path, tmp_path: Path
) -> None:
    clone = _clone(origin, tmp_path / "clone")
    clone.git("checkout", "-q", "origin/exp/feature~1", "--")
    clone.write(".gitml/experiment.json", "{")
    clone.git("add", "-Af")
    message = clone.git("log", "-1", "--format=%B", "HEAD")
    clone.git("commit", "-q", "--amend", "-m", message)
    clone.git("update-ref", "refs/remotes/origin/exp/feature", "HEAD")
    clone.git("checkout", "-qf", "main", "--")
    said = _refused(clone)
    assert "one may be the same experiment" in said and "not a record" in said


def test_a_study_that_cannot_be_read_makes_the_check_fail(origin: Path, tmp_path: Path) -> None:
    clone = _clone(origin, tmp_path / "clone")
    broken = "1" * 40
    (clone.root / ".git/refs/remotes/origin/exp").mkdir(parents=True, exist_ok=True)
    (clone.root / ".git/refs/remotes/origin/exp/broken").write_text(f"{broken}\n")
    assert "can't all be read" in _refused(clone)


def test_a_clone_with_commits_alone_is_not_checked_without_fetching(
    origin: Path, tmp_path: Path
) -> None:
    clone = _clone(origin, tmp_path / "clone", *KINDS["no trees"])
    said = _refused(clone, "--no-fetch")
    assert "one" in said and "--no-fetch" in said
    _check(clone, status=1)
    clone.git("remote", "set-url", "origin", "file:///nowhere")
    assert _check(clone, "--no-fetch", status=1)["level"] == "identical"


def test_what_was_brought_to_main_is_recognised_in_its_clone(origin: Path, tmp_path: Path) -> None:
    """Its outputs are tracked there now, and only the records say that they are outputs."""
    own = tmp_path / "origin.git"
    shutil.copytree(origin, own)
    project = _clone(own, tmp_path / "project")
    project.gitml("exp", "pull", "--no-artifacts", status=None)
    project.write("metrics.json", '{"accuracy": 0.1}')
    project.write("model.bin.dvc", "outs:\n- md5: 0123456789abcdef0123456789abcdef\n"
                  "  size: 204\n  hash: md5\n  path: model.bin\n")  # fmt: skip
    project.git("add", "-Af", "metrics.json", "model.bin.dvc")
    project.git("commit", "-qm", "bring the winner")
    project.git("push", "-q", "origin", "HEAD:main")
    levels = {}
    for kind in ("shallow", "no trees", "whole"):
        clone = _clone(own, tmp_path / kind, *KINDS[kind])
        levels[kind] = _check(clone, status=1)["level"]
    assert set(levels.values()) == {"identical"}


def test_the_merge_commit_of_a_pull_request_finds_repeats_of_every_study(
    origin: Path, tmp_path: Path
) -> None:
    """As `actions/checkout` does it: one commit, no branch."""
    clone = Project(tmp_path / "clone")
    clone.root.mkdir()
    clone.git("init", "-q")
    clone.git("remote", "add", "origin", origin.as_uri())
    clone.git("fetch", "-q", "--no-tags", "--depth=1", "origin", "+main:refs/remotes/pull/1/merge")
    clone.git("checkout", "-q", "--detach", "refs/remotes/pull/1/merge")
    found = _check(clone, status=1)
    assert (found["level"], found["nearest"]["experiment"]) == ("identical", "one")


@pytest.fixture
def bare_home(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a container: no identity, no writable home, no cache."""
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    yield {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "none"), "CI": "true",
           "XDG_CACHE_HOME": str(home / "none"), "GIT_CONFIG_GLOBAL": os.devnull}  # fmt: skip
    home.chmod(0o755)


def test_data_that_was_not_pulled_counts_by_its_pointer(
    origin: Path, tmp_path: Path, bare_home: dict[str, str]
) -> None:
    clone = _clone(origin, tmp_path / "clone", "--depth=1")
    assert not (clone.root / "data").exists()
    assert _check(clone, status=1, **bare_home)["level"] == "identical"
    pointer = (clone.root / "data.dvc").read_text()
    digest = pointer.split("md5: ")[1].split(".dir")[0]
    clone.write("data.dvc", pointer.replace(digest, digest[::-1]))
    changed = _check(clone, **bare_home)
    assert changed["level"] not in ("identical", "equivalent")
    assert list(Path(bare_home["HOME"]).iterdir()) == []


def test_a_repository_of_another_user_is_refused_in_gits_own_words(
    origin: Path, tmp_path: Path
) -> None:
    clone = _clone(origin, tmp_path / "clone", "--depth=1")
    said = _refused(clone, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert "dubious ownership" in said and "safe.directory" in said
