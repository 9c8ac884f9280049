from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitml.operations import health_storage
from gitml.operations.doctor import diagnose
from gitml.operations.health import Finding
from gitml.storage.place import setup


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with one commit and DVC set up."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q")
    setup(root)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "begin")
    return root


def said(found: list[Finding], topic: str, level: str = "") -> list[Finding]:
    return [item for item in found if item.topic == topic and level in ("", item.level)]


def add_remote(folder: Path, name: str, url: Path) -> None:
    config = f"[core]\n    remote = {name}\n['remote \"{name}\"']\n    url = {url}\n"
    (folder / ".dvc" / "config").write_text(config)


def one(folder: Path, topic: str, level: str) -> Finding:
    found = diagnose(folder)
    assert len(said(found, topic, level)) == 1, found
    return said(found, topic, level)[0]


def test_a_healthy_project_has_no_error_and_no_warning(folder: Path) -> None:
    found = diagnose(folder)
    assert [item for item in found if item.level in ("error", "warning")] == []
    assert {"git", "dvc", "identity", "repository", "cache", "disk", "index"} <= {
        item.topic for item in found if item.level == "ok"
    }
    assert "dvc remote add" in said(found, "remote", "note")[0].mend


def test_looking_changes_nothing(folder: Path) -> None:
    git(folder, "config", "commit.gpgSign", "true")
    (folder / "new.txt").write_text("new")
    before = (
        (folder / ".git" / "index").read_bytes(),
        git(folder, "status", "--porcelain"),
        git(folder, "for-each-ref"),
        git(folder, "count-objects"),
    )
    diagnose(folder)
    assert before == (
        (folder / ".git" / "index").read_bytes(),
        git(folder, "status", "--porcelain"),
        git(folder, "for-each-ref"),
        git(folder, "count-objects"),
    )


def test_no_repository_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "gitml init" in one(tmp_path, "repository", "error").mend


def test_no_git_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitml.git.command._executable", "")
    monkeypatch.setenv("PATH", str(folder))
    assert "not found" in one(folder, "git", "error").what


@pytest.mark.parametrize(
    ("version", "level"), [("1.9.1", "error"), ("2.30.2", "error"), ("2.34.1", "warning")]
)
def test_an_old_git_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, level: str
) -> None:
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout
    program = tmp_path / "git"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo "git version {version}"; exit; fi\n'
        f'exec {real.strip()} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr("gitml.git.command._executable", str(program))
    assert version in one(folder, "git", level).what


def test_a_missing_identity_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder / "nowhere"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "nowhere"))
    git(folder, "config", "user.useConfigOnly", "true")
    assert "git config user.name" in one(folder, "identity", "error").mend


def test_a_merge_and_its_conflicts_are_said(folder: Path) -> None:
    for branch, text in (("left", "1"), ("right", "2")):
        git(folder, "switch", "-qc", branch, "main")
        (folder / "file").write_text(text)
        git(folder, "add", "file")
        git(folder, "commit", "-qm", branch)
    subprocess.run(["git", "merge", "left"], cwd=folder, capture_output=True, check=False)
    assert "file has conflicts" in one(folder, "repository", "error").what
    git(folder, "add", "file")
    assert "in the middle of a merge" in one(folder, "repository", "error").what


def test_a_key_that_cannot_sign_is_said(folder: Path) -> None:
    git(folder, "config", "commit.gpgSign", "true")
    git(folder, "config", "gpg.format", "ssh")
    git(folder, "config", "user.signingKey", "/does/not/exist")
    assert "user.signingKey" in one(folder, "signing", "error").mend


def test_a_key_that_signs_is_fine(folder: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    git(folder, "config", "commit.gpgSign", "true")
    git(folder, "config", "gpg.format", "ssh")
    git(folder, "config", "user.signingKey", str(key))
    assert one(folder, "signing", "ok")


def test_hooks_that_may_refuse_are_named(folder: Path) -> None:
    hook = folder / ".git" / "hooks" / "reference-transaction"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert str(hook) in one(folder, "hooks", "note").mend


def test_a_branch_named_exp_is_said(folder: Path) -> None:
    git(folder, "branch", "exp")
    assert "git branch -m exp" in one(folder, "branches", "error").mend


def test_a_study_that_is_checked_out_is_said(folder: Path) -> None:
    git(folder, "switch", "-qc", "exp/main")
    assert "takes no new experiments" in one(folder, "branches", "warning").what


def test_a_stale_lock_is_named_and_a_fresh_one_is_not_an_error(folder: Path) -> None:
    lock = folder / ".git" / "refs" / "heads" / "exp" / "main.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert one(folder, "locks", "note")
    old = time.time() - 3600
    os.utime(lock, (old, old))
    assert str(lock) in one(folder, "locks", "error").mend


def test_a_work_tree_that_nothing_uses_is_named(folder: Path) -> None:
    left = folder / ".git" / "gitml" / "work" / "brave-otter"
    git(folder, "worktree", "add", "--detach", "-q", str(left))
    assert str(left) in one(folder, "worktrees", "warning").mend


def test_an_interrupted_run_is_named_and_its_work_tree_is_not_called_lost(folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from gitml.execution import journal;"
        "runs = Path('.git/gitml/runs').absolute();"
        "place = Path('.git/gitml/work/calm-fox').absolute(); place.mkdir(parents=True);"
        "entry = journal.begin(runs, name='calm-fox', study='main', worktree=str(place));"
        "journal.update(entry, state='running'); os.kill(os.getpid(), 9)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    found = one(folder, "interrupted runs", "warning")
    assert "calm-fox" in found.what
    assert "--resume calm-fox" in found.mend
    assert not said(diagnose(folder), "worktrees")


def test_dvc_that_is_not_set_up_is_said(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert one(tmp_path, "dvc", "warning").mend == "gitml init"


def test_a_configuration_that_is_wrong_does_not_hide_the_rest(folder: Path) -> None:
    (folder / "gitml.yaml").write_text("metrix: {}\n")
    found = diagnose(folder)
    assert "metrix" in said(found, "configuration", "error")[0].what
    assert said(found, "identity", "ok")


def test_a_remote_that_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    add_remote(folder, "far", tmp_path / "a-file" / "missing")
    (tmp_path / "a-file").touch()
    found = one(folder, "remote", "error")
    assert "far" in found.what
    assert found.mend


def test_a_remote_that_answers_is_fine(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    add_remote(folder, "near", tmp_path / "there")
    assert "near" in one(folder, "remote", "ok").what


def test_dvc_gc_is_warned_of_once_there_are_experiments(folder: Path) -> None:
    assert not said(diagnose(folder), "dvc gc")
    git(folder, "branch", "exp/main")
    assert "dvc gc -A" in one(folder, "dvc gc", "note").mend


def test_a_full_disk_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert said(diagnose(folder), "disk", "error")


def test_a_cache_that_cannot_be_written_is_said(folder: Path) -> None:
    file = folder / ".dvc" / "cache"
    file.write_text("a file where a folder belongs")
    assert "DVC's cache" in one(folder, "cache", "error").what


def test_network_file_systems_are_recognised(tmp_path: Path) -> None:
    mounts = [("/", "ext4"), (str(tmp_path), "nfs4"), (str(tmp_path / "local"), "xfs")]
    (tmp_path / "local").mkdir()
    assert health_storage.file_system(tmp_path / "a" / "b", mounts) == "nfs4"
    assert health_storage.file_system(tmp_path / "local" / "b", mounts) == "xfs"
    assert health_storage.file_system(tmp_path.parent, mounts) == "ext4"


def test_doctor_is_light(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gitml.operations.doctor import diagnose;"
        "diagnose(Path('.')); print({'torch', 'dvc', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.strip() == "set()"
