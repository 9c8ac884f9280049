"""Two clones, one study: after pushing and pulling both have everything, with unchanged ids."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import Project


@pytest.fixture
def clones(project: Project, tmp_path: Path) -> tuple[Project, Project]:
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    project.write(
        ".dvc/config", f'[core]\n    remote = store\n[\'remote "store"\']\n    url = {tmp_path}/store\n'
    )  # fmt: skip
    project.git("commit", "-qam", "remote")
    project.git("remote", "add", "origin", str(bare))
    project.git("push", "-q", "-u", "origin", "main")
    other = tmp_path / "other"
    subprocess.run(["git", "clone", "-q", str(bare), str(other)], check=True)
    return project, Project(other)


def _ids(project: Project) -> dict[str, str]:
    return {row["experiment"]: row["commit"] for row in project.json("exp", "list")}


def test_diverged_studies_end_up_the_same_on_both_sides(clones: tuple[Project, Project]) -> None:
    one, two = clones
    one.run("--name", "a1", "-S", "lr=0.11")
    two.run("--name", "b1", "-S", "lr=0.21")
    one.run("--name", "a2", "-S", "lr=0.12")
    before = {**_ids(one), **_ids(two)}
    one.gitml("exp", "push")
    two.gitml("exp", "push")
    one.gitml("exp", "pull")
    two.gitml("exp", "pull")
    assert _ids(one) == before
    assert _ids(two) == before
    assert one.git("rev-parse", "exp/main") == two.git("rev-parse", "exp/main")
    assert one.git("rev-parse", "exp/main") == one.git("rev-parse", "origin/exp/main")
    two.gitml("exp", "push")
    assert one.git("ls-remote", "origin", "exp/main").split()[0] == one.git("rev-parse", "exp/main")
    two.gitml("exp", "apply", "a1")
    assert (two.root / "model.bin").exists()
    again = two.run("-S", "lr=0.12")
    assert (again["reused"], again["experiment"]) == (True, "a2")


def test_no_pointer_is_public_before_its_content(clones: tuple[Project, Project]) -> None:
    one, _ = clones
    done = one.run()
    digest = next(
        item["digest"]
        for item in one.json("exp", "show", done["experiment"])["artifacts"]
        if item["storage"] == "dvc"
    )
    stored = one.root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    stored.chmod(0o644)
    stored.write_bytes(b"damaged")
    failed = one.gitml("exp", "push", status=2)
    assert "no branch was pushed" in failed.stderr
    assert one.git("ls-remote", "origin", "exp/*") == ""


def test_a_study_from_before_there_was_a_dvc_remote_says_what_a_plain_clone_needs(
    project: Project, tmp_path: Path
) -> None:
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    project.git("remote", "add", "origin", str(bare))
    project.run("--name", "early")
    with (project.root / ".dvc/config").open("a") as config:
        config.write(f"[core]\n    remote = store\n['remote \"store\"']\n    url = {tmp_path}/s\n")
    said = project.gitml("exp", "push").stderr
    assert f"dvc remote add -d store {tmp_path}/s" in said and "exp/main" in said
    project.run("--name", "later", "-S", "lr=0.3")
    assert "dvc remote add" not in project.gitml("exp", "push").stderr


def test_pushing_without_a_dvc_remote_says_what_to_do(project: Project, tmp_path: Path) -> None:
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    project.run()
    nowhere = project.gitml("exp", "push", status=2)
    assert "git remote add" in nowhere.stderr
    project.git("remote", "add", "origin", str(bare))
    no_store = project.gitml("exp", "push", status=2)
    assert "dvc remote add" in no_store.stderr


def test_a_rejected_branch_is_named(clones: tuple[Project, Project], tmp_path: Path) -> None:
    one, _ = clones
    hook = tmp_path / "remote.git/hooks/update"
    hook.write_text("#!/bin/sh\necho 'exp is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    one.run()
    refused = one.gitml("exp", "push", status=2)
    assert "exp/main" in refused.stderr
