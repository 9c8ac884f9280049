"""The ready-made gates block what was recorded and let everything else pass, in fresh clones."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Project
from tests.gates.runner import ROOT, clone, hooks, run_action, run_gitlab
from tests.promises.repositories import shared

CLONES = ["--depth=1", "--filter=blob:none"]


@pytest.fixture
def bare(project: Project, tmp_path: Path) -> Path:
    """A shared repository with the experiments `one` (as committed) and `two` (lr 0.5)."""
    return shared(project, tmp_path)


@pytest.mark.parametrize("options", CLONES)
def test_the_action_blocks_a_duplicate_and_says_what_it_scored(
    bare: Path, tmp_path: Path, options: str
) -> None:
    job = clone(bare, tmp_path / "job", options)
    done = run_action(job, tmp_path)
    assert done.status == 1, done.printed
    assert done.outputs["duplicate"] == "true"
    assert done.outputs["result"] == "blocked"
    assert done.outputs["level"] == "identical"
    assert done.outputs["experiment"] == "one"
    assert 0 < json.loads(done.outputs["metrics"])["accuracy"] < 1
    assert "::error" in done.printed
    assert "one" in done.summary and "accuracy" in done.summary


@pytest.mark.parametrize("options", CLONES)
def test_the_action_passes_a_replicate_and_a_new_experiment(
    bare: Path, tmp_path: Path, options: str
) -> None:
    job = clone(bare, tmp_path / "job", options)
    replicate = run_action(job, tmp_path, settings="seed=2")
    assert (replicate.status, replicate.outputs["level"]) == (0, "replicate"), replicate.printed
    assert replicate.outputs["duplicate"] == "false"
    assert replicate.outputs["result"] == "passed"
    assert "::error" not in replicate.printed
    strict = run_action(job, tmp_path, settings="seed=2", level="replicate")
    assert (strict.status, strict.outputs["duplicate"]) == (1, "true")
    fresh = run_action(job, tmp_path, settings="seed=2\nlr=0.9\n+depth=3\n+width=4")
    assert (fresh.status, fresh.outputs["level"]) == (0, "new"), fresh.printed


@pytest.mark.parametrize("options", CLONES)
def test_skipping_lets_the_job_go_on_and_names_what_was_recorded(
    bare: Path, tmp_path: Path, options: str
) -> None:
    job = clone(bare, tmp_path / "job", options)
    done = run_action(job, tmp_path, mode="skip", settings="lr=0.5")
    assert done.status == 0, done.printed
    assert done.outputs["duplicate"] == "true"
    assert done.outputs["result"] == "skipped"
    assert done.outputs["experiment"] == "two"
    assert (
        done.outputs["commit"]
        == subprocess.check_output(["git", "rev-parse", "exp/main"], cwd=bare, text=True).strip()
    )


def test_the_action_takes_a_command_in_words_and_options(bare: Path, tmp_path: Path) -> None:
    job = clone(bare, tmp_path / "job", "--depth=1")
    done = run_action(job, tmp_path, command="python train.py", options="--explain --no-fetch")
    assert done.status == 0, "nothing was fetched, so nothing is known"
    done = run_action(job, tmp_path, command="python train.py")
    assert (done.status, done.outputs["experiment"]) == (1, "one"), done.printed
    other = run_action(job, tmp_path, command="python train.py 'two words' --empty ''")
    assert other.outputs["duplicate"] == "false"


@pytest.mark.parametrize("name", ["command", "settings", "level", "mode", "study", "options"])
def test_no_input_of_the_action_is_executed(bare: Path, tmp_path: Path, name: str) -> None:
    job = clone(bare, tmp_path / "job", "--depth=1")
    run_action(job, tmp_path, **{name: '$(touch pwned) `touch pwned`; touch pwned "'})
    assert not (job / "pwned").exists()


def test_the_action_fails_closed_when_nothing_can_be_fetched(bare: Path, tmp_path: Path) -> None:
    job = clone(bare, tmp_path / "job", "--depth=1")
    bare.rename(tmp_path / "gone.git")
    for mode in ("block", "skip"):
        done = run_action(job, tmp_path, mode=mode)
        assert done.status == 2, done.printed
        assert done.outputs["duplicate"] != "true"


def test_the_action_checks_the_experiments_that_a_push_brings(
    project: Project, bare: Path, tmp_path: Path
) -> None:
    before = project.git("rev-parse", "exp/main")
    project.run("--name", "three", "-S", "lr=0.7")
    project.gitml("exp", "push")
    job = clone(bare, tmp_path / "job", "--depth=1")
    done = run_action(job, tmp_path, since=before)
    assert done.status == 0, done.printed
    assert "three" in done.summary and "two" not in done.summary
    project.run("--name", "four", "-S", "lr=0.7", "--force")
    project.gitml("exp", "push")
    done = run_action(job, tmp_path, since=before)
    assert done.status == 1 and "four" in done.printed, done.printed


@pytest.mark.parametrize("options", CLONES)
def test_the_gitlab_job_blocks_skips_and_passes(bare: Path, tmp_path: Path, options: str) -> None:
    job = clone(bare, tmp_path / "job", options)
    blocked = run_gitlab(job, tmp_path)
    assert blocked.status == 1, blocked.printed
    assert blocked.outputs["GITML_DUPLICATE"] == "true"
    assert blocked.outputs["GITML_EXPERIMENT"] == "one"
    skipped = run_gitlab(job, tmp_path, GITML_MODE="skip", GITML_COMMAND="python 'train.py'")
    assert (skipped.status, skipped.outputs["GITML_DUPLICATE"]) == (0, "true"), skipped.printed
    assert json.loads(skipped.outputs["GITML_METRICS"])["loss"] > 0
    passed = run_gitlab(job, tmp_path, GITML_SETTINGS="seed=3\nlr=0.1")
    assert (passed.status, passed.outputs["GITML_LEVEL"]) == (0, "replicate"), passed.printed
    since = run_gitlab(job, tmp_path, GITML_SINCE="origin/main", GITML_OPTIONS="--study main")
    assert since.status == 0, since.printed
    hostile = run_gitlab(job, tmp_path, GITML_OPTIONS="$(touch pwned) `touch pwned`")
    assert hostile.outputs["GITML_DUPLICATE"] == "false" and not (job / "pwned").exists()


def test_the_templates_say_what_they_do_and_name_only_what_exists() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert action["runs"]["using"] == "composite"
    assert all(spec["description"] for spec in action["inputs"].values())
    text = (ROOT / "action.yml").read_text()
    for output in ("result", "duplicate", "level", "experiment", "commit", "metrics"):
        assert action["outputs"][output]["value"] == f"${{{{ steps.check.outputs.{output} }}}}"
    assert "pull_request_target" not in text


def _pre_commit(
    project: Project, tmp_path: Path, hook: dict[str, Any], stage: str = "pre-push"
) -> int:
    config = {"repos": [{"repo": "local", "hooks": [hook]}]}
    project.write(".pre-commit-config.yaml", yaml.safe_dump(config))
    project.git("add", ".pre-commit-config.yaml")
    done = subprocess.run(
        ["pre-commit", "run", "--hook-stage", stage, hook["id"]],
        cwd=project.root,
        env={**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "pre-commit")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode


def test_the_pre_push_hook_refuses_an_unsound_experiment_and_nothing_else(
    project: Project, bare: Path, tmp_path: Path
) -> None:
    hook = hooks()["gitml-check-experiments"]
    assert _pre_commit(project, tmp_path, hook) == 0
    project.run("--name", "three", "-S", "lr=0.7")
    assert _pre_commit(project, tmp_path, hook) == 0
    project.run("--name", "again", "--force", "-S", "lr=0.5")
    assert _pre_commit(project, tmp_path, hook) != 0
    assert _pre_commit(project, tmp_path, {**hook, "args": ["--on-duplicate=skip"]}) == 0
    project.gitml("exp", "push")
    assert _pre_commit(project, tmp_path, hook) == 0, "what is pushed is the remote's to judge"


def test_the_hook_about_the_command_runs_by_hand_only(
    project: Project, bare: Path, tmp_path: Path
) -> None:
    hook = hooks()["gitml-check"]
    assert hook["stages"] == ["manual"], "after a run the work tree is always a repeat"
    assert _pre_commit(project, tmp_path, hook, "manual") != 0
    project.write("params.yaml", "lr: 0.3\nseed: 1\n")
    project.git("add", "params.yaml")  # what isn't staged, pre-commit puts aside
    assert _pre_commit(project, tmp_path, hook, "manual") == 0
