"""Every state that a repository can be in: the run works, or one line says what to do first."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import CONFIG, TRAIN, Project
from tests.promises.repositories import cloned, made, refused, users_state, with_store

PACKAGES = str(Path(__file__).parents[2])


def _main_path(project: Project) -> None:
    """Run, repeat, list, show, diff, check and apply, with nothing of the user's moved."""
    before = users_state(project)
    first = project.run("--name", "one")
    assert project.run()["reused"] is True
    second = project.run("--name", "two", "-S", "lr=0.5")
    assert second["level"] == "near"
    assert {row["experiment"] for row in project.json("exp", "list")} == {"one", "two"}
    assert project.json("exp", "show", "one")["fingerprint"] == first["fingerprint"]
    rows = project.json("exp", "diff", "one", "two")["params"]
    assert [row["values"] for row in rows if row["name"] == "lr"] == [[0.1, 0.5]]
    assert project.json("check", "-S", "lr=0.5", status=1)["nearest"]["experiment"] == "two"
    assert users_state(project) == before
    project.git("fsck", "--strict")
    if project.git("for-each-ref", "refs/heads/main") or not before[0].startswith("ref: "):
        (project.root / "model.bin").unlink()
        project.gitml("exp", "apply", "one")
        assert (project.root / "model.bin").stat().st_size == 4 * 51


def test_a_repository_without_commits_records_without_a_base(tmp_path: Path) -> None:
    project = made(tmp_path / "project", commit=False)
    _main_path(project)
    parents = project.git("rev-list", "--parents", "-1", "exp/main").split()[1:]
    assert len(parents) == 1
    assert project.json("exp", "show", "latest")["base"] == ""
    # Nothing is committed, so there is much that applying could overwrite.
    assert "not committed" in refused(project, "exp", "apply", "one")


def test_a_detached_head_records_its_commit_as_the_base(project: Project) -> None:
    project.git("checkout", "-q", "--detach")
    _main_path(project)
    assert project.git("rev-parse", "exp/detached^2") == project.git("rev-parse", "HEAD")
    assert "detached" in refused(project, "exp", "apply", "one", "--commit")


def test_a_branch_with_a_slash_gives_its_study_a_dash(project: Project) -> None:
    project.git("checkout", "-qb", "feature/Größer_x")
    done = project.run()
    assert project.git("rev-parse", f"exp/{done['study']}") == done["commit"]
    assert "/" not in done["study"]


def test_a_sha_256_repository_works_all_the_way(tmp_path: Path) -> None:
    project = made(tmp_path / "project", "--object-format=sha256")
    _main_path(project)
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "--object-format=sha256", str(bare)], check=True)
    project.git("remote", "add", "origin", str(bare))
    with_store(project, tmp_path / "store")
    project.gitml("exp", "push")
    clone = cloned(bare, tmp_path / "clone")
    clone.gitml("exp", "pull")
    assert len(clone.json("exp", "list", "--all")) == 2
    assert clone.json("exp", "show", "two")["metrics"]["accuracy"] > 0.5


def test_a_bare_repository_can_be_read_and_says_what_needs_a_work_tree(
    project: Project, tmp_path: Path
) -> None:
    project.run("--name", "one")
    project.run("--name", "two", "-S", "lr=0.5")
    project.git("clone", "-q", "--bare", ".", str(tmp_path / "b"))
    bare = Project(tmp_path / "b")
    assert len(bare.json("exp", "list", "--all")) == 2
    assert bare.json("exp", "show", "one")["name"] == "one"
    assert bare.json("exp", "diff", "one", "two")["comparable"] is True
    for command in (("exp", "run", "--", "true"), ("check", "--", "true"), ("exp", "apply", "one")):
        done = bare.gitml(*command, status=2)
        assert "bare" in done.stderr and len(done.stderr.splitlines()) <= 2
    assert not list((tmp_path / "b").glob("*.py"))


def test_outside_of_a_repository_and_inside_of_git_one_line_says_so(
    project: Project, tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    for folder in (nowhere, project.root / ".git"):
        lost = Project(folder)
        for command in (("exp", "run", "--", "true"), ("exp", "list"), ("exp", "recover")):
            done = lost.gitml(*command, status=2)
            assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) <= 2
    assert list(nowhere.iterdir()) == []


def test_a_nested_repository_is_a_project_of_its_own(project: Project) -> None:
    inner = made(project.root / "inner")
    done = inner.run("--name", "inside")
    assert inner.git("rev-parse", "exp/main") == done["commit"]
    assert project.git("for-each-ref", "refs/heads/exp") == ""
    outer = project.run("--name", "outside")
    listed = project.git("ls-tree", "-r", "--name-only", outer["commit"]).splitlines()
    assert not [path for path in listed if path.startswith("inner/")]
    inner.write("train.py", "print('changed')\n")
    assert project.run()["reused"] is True


def test_a_submodule_counts_by_its_commit(project: Project, tmp_path: Path) -> None:
    library = made(tmp_path / "library")
    allowed = ("-c", "protocol.file.allow=always")
    project.git(*allowed, "submodule", "add", "-q", str(library.root), "lib")
    project.git("commit", "-qam", "submodule")
    first = project.run()
    assert "160000 commit" in project.git("ls-tree", first["commit"], "lib")
    assert project.run()["reused"] is True
    module = Project(project.root / "lib")
    module.git("commit", "-q", "--allow-empty", "-m", "newer")
    assert project.run()["reused"] is False
    inside = module.gitml("exp", "run", "--json")
    assert json.loads(inside.stdout.splitlines()[-1])["status"] == "completed"
    project.gitml("exp", "apply", first["experiment"], status=None)
    assert module.git("status", "--porcelain", "--untracked-files=no") == ""


def _conflict(project: Project) -> None:
    project.git("checkout", "-qb", "other")
    project.write("params.yaml", "lr: 0.2\nseed: 1\n")
    project.git("commit", "-qam", "theirs")
    project.git("checkout", "-q", "main")
    project.write("params.yaml", "lr: 0.3\nseed: 1\n")
    project.git("commit", "-qam", "ours")


@pytest.mark.parametrize("how", ["merge", "rebase", "cherry-pick", "stash"])
def test_conflicts_are_left_to_the_user(project: Project, how: str) -> None:
    _conflict(project)
    if how == "stash":
        project.git("checkout", "-q", "other")
        project.write("params.yaml", "lr: 0.9\nseed: 1\n")
        project.git("stash")
        project.git("checkout", "-q", "main")
    words = ["stash", "pop"] if how == "stash" else [how, "other"]
    subprocess.run(["git", *words], cwd=project.root, capture_output=True, check=False)
    assert project.git("ls-files", "--unmerged")
    said = refused(project, "exp", "run")
    assert "params.yaml" in said or how.split("-")[0] in said
    assert project.json("exp", "list") == []


def test_a_merge_that_only_waits_for_its_commit_says_to_finish_it(project: Project) -> None:
    project.run("--name", "before")
    project.git("checkout", "-qb", "other")
    project.write("notes.md", "theirs")
    project.git("add", "-A")
    project.git("commit", "-qm", "theirs")
    project.git("checkout", "-q", "main")
    project.git("merge", "--no-commit", "--no-ff", "-q", "other")
    assert "merge" in refused(project, "exp", "run")
    assert [row["experiment"] for row in project.json("exp", "list")] == ["before"]


def test_a_sub_project_has_studies_of_its_own(project: Project) -> None:
    inner = Project(project.root / "models/small")
    inner.root.mkdir(parents=True)
    inner.write("train.py", TRAIN)
    inner.write("params.yaml", "lr: 0.1\nseed: 1\n")
    inner.write("gitml.yaml", CONFIG)
    project.write("shared.py", "x = 1\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "two projects")
    done = inner.run("--name", "inside")
    assert done["study"] == "models-small.main"
    record = inner.json("exp", "show", "inside")
    assert record["project"] == "models/small"
    tree = project.git("ls-tree", "-r", "--name-only", done["commit"]).splitlines()
    assert {"models/small/metrics.json", "models/small/model.bin.dvc", "train.py"} <= set(tree)
    assert not (project.root / "model.bin").exists()
    project.write("train.py", "print('the other project')\n")
    project.write("shared.py", "x = 2\n")
    assert inner.run()["reused"] is True, "files of other projects count only when reached"
    outer = project.run("--name", "outside")
    assert outer["study"] == "main"
    inner.write("train.py", TRAIN.replace("loss = 1.0", "loss = 2.0"))
    assert project.run()["reused"] is True
    assert inner.run()["reused"] is False
    (inner.root / "model.bin").unlink()
    inner.gitml("exp", "apply", "inside", status=2)
    inner.git("checkout", "-q", "--", ".")
    inner.gitml("exp", "apply", "inside")
    assert (inner.root / "model.bin").exists()
    assert (project.root / "train.py").read_text() == "print('the other project')\n"


def test_without_dvc_one_sentence_says_what_to_do_and_nothing_runs_again(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.root.mkdir()
    project.git("init", "-q")
    project.write("train.py", TRAIN)
    project.write("params.yaml", "lr: 0.1\nseed: 1\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    failed = project.gitml("exp", "run", "--name", "kept", "--", "python", "train.py", status=2)
    (error,) = [line for line in failed.stderr.splitlines() if line.startswith("error: ")]
    assert "model.bin" in error and "DVC" in error
    assert "gitml init" in failed.stderr and "recover" in failed.stderr
    assert project.git("for-each-ref", "refs/heads/exp") == ""
    project.write("train.py", "raise SystemExit('must not run again')\n")
    project.gitml("init")
    project.gitml("exp", "recover")
    record = project.json("exp", "show", "kept")
    assert record["metrics"]["accuracy"] > 0.2
    assert {"model.bin.dvc", "train.py"} <= set(
        project.git("ls-tree", "-r", "--name-only", "exp/main").splitlines()
    )
    assert project.git("show", "exp/main:train.py") == TRAIN.rstrip("\n")


def test_git_variables_of_a_hook_lead_nobody_astray(project: Project, tmp_path: Path) -> None:
    other = made(tmp_path / "other")
    before = users_state(project)
    done = project.run(
        "--name", "hooked",
        GIT_DIR=str(other.root / ".git"),
        GIT_WORK_TREE=str(other.root),
        GIT_INDEX_FILE=str(other.root / ".git/index"),
        GIT_OBJECT_DIRECTORY=str(other.root / ".git/objects"),
        GIT_PREFIX="",
    )  # fmt: skip
    assert project.git("rev-parse", "exp/main") == done["commit"]
    assert other.git("for-each-ref", "refs/heads/exp", "refs/gitml") == ""
    assert users_state(project) == before
    hook = project.root / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexec python -m gitml check >&2\n")
    hook.chmod(0o755)
    project.write("docs/more.md", "x")
    project.git("add", "docs/more.md")
    blocked = subprocess.run(
        ["git", "commit", "-m", "again"], cwd=project.root, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": PACKAGES}, check=False,
    )  # fmt: skip
    assert blocked.returncode == 1
    assert "hooked" in blocked.stderr, blocked.stderr
    project.git("fsck", "--strict")


def test_an_index_that_cannot_be_written_is_kept_in_memory(project: Project) -> None:
    project.run("--name", "one")
    state = project.root / ".git/gitml"
    for path in state.glob("index.db*"):
        path.unlink()
    # Root may write anywhere, so a folder stands where the file has to be.
    (state / "index.db").mkdir()
    (state / "index.db" / "x").touch()
    assert [row["experiment"] for row in project.json("exp", "list")] == ["one"]
    assert project.run()["reused"] is True
    project.run("--name", "two", "-S", "lr=0.5")
    assert len(project.json("exp", "list")) == 2


def test_derived_files_that_are_garbage_are_made_anew(project: Project) -> None:
    project.run("--name", "one")
    state = project.root / ".git/gitml"
    for path in state.rglob("*"):
        if path.is_file():
            path.write_bytes(b"garbage" * 100)
    assert project.run()["reused"] is True
    assert [row["experiment"] for row in project.json("exp", "list")] == ["one"]
    assert project.run("--name", "two", "-S", "lr=0.5")["status"] == "completed"
    done = project.gitml("doctor", status=None)
    assert "Traceback" not in done.stderr


def test_the_index_lock_of_a_running_git_is_none_of_ours(project: Project) -> None:
    (project.root / ".git/index.lock").touch()
    assert project.run()["status"] == "completed"
    (project.root / ".git/index.lock").unlink()


def test_no_identity_is_said_before_anything_runs(project: Project, tmp_path: Path) -> None:
    project.write("train.py", "open('ran', 'w')\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    said = refused(project, "exp", "run", HOME=str(empty), XDG_CONFIG_HOME=str(empty),
                    EMAIL="", GIT_CONFIG_GLOBAL=str(empty / "none"))  # fmt: skip
    assert "user.name" in said or "user.email" in said or "identity" in said.lower()
    assert not (project.root / "ran").exists()


def test_a_folder_in_the_middle_of_nowhere_works_from_anywhere(project: Project) -> None:
    folder = project.root / "deep/er"
    folder.mkdir(parents=True)
    (folder / "fit.py").write_text("print('loss: 0.5')\n")
    here = Project(folder)
    done = here.run("--", "python", "fit.py")
    assert done["metrics"] == {"loss": 0.5}
    assert project.json("exp", "show", "latest")["inputs"]["command"]["folder"] == "deep/er"
    assert here.run()["metrics"]["accuracy"] > 0.2, "the configured command runs at the root"
    assert project.run("--", "python", "deep/er/fit.py")["reused"] is False


def test_files_that_git_converts_come_back_as_the_work_tree_has_them(project: Project) -> None:
    project.git("config", "filter.up.clean", "tr a-z A-Z")
    project.git("config", "filter.up.smudge", "tr A-Z a-z")
    project.write(".gitattributes", "filtered.txt filter=up\nlines.txt text eol=crlf\n")
    project.write("filtered.txt", "first\n")
    (project.root / "lines.txt").write_bytes(b"first\r\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "converted")
    project.write("filtered.txt", "second\n")
    (project.root / "lines.txt").write_bytes(b"second\r\n")
    project.run("--name", "one")
    assert project.git("show", "exp/main:filtered.txt") == "SECOND"
    project.git("stash", "-q")
    project.gitml("exp", "apply", "one")
    assert (project.root / "filtered.txt").read_text() == "second\n"
    assert (project.root / "lines.txt").read_bytes() == b"second\r\n"
    assert project.run()["reused"] is True


def test_a_study_that_could_not_be_recorded_is_refused_before_anything_runs(
    project: Project,
) -> None:
    project.write("train.py", "open('ran', 'w')\n")
    for branch in ("exp", "exp/main/below"):
        project.git("branch", branch)
        assert branch in refused(project, "exp", "run")
        project.git("pack-refs", "--all")
        assert branch in refused(project, "exp", "run")
        project.git("branch", "-q", "-D", branch)
    done = project.run("--name", "lost")
    (project.root / "ran").unlink()
    commit = done["commit"]
    (project.root / ".git/objects" / commit[:2] / commit[2:]).unlink()
    for path in (project.root / ".git/gitml").glob("index.db*"):
        path.unlink()
    failed = project.gitml("exp", "run", status=2)
    assert "exp/main can't be read" in failed.stderr and len(failed.stderr.splitlines()) <= 2
    assert not (project.root / "ran").exists()
    assert project.run("--study", "other")["status"] == "completed"
