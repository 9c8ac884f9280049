"""The main job, end to end: run, repeat, list, show, diff, check, apply."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from tests.conftest import Project


def _user_state(project: Project) -> dict[str, object]:
    return {
        "HEAD": (project.root / ".git/HEAD").read_bytes(),
        "index": (project.root / ".git/index").read_bytes(),
        "branch": project.git("rev-parse", "HEAD"),
        "stash": project.git("stash", "list"),
        "status": project.git("status", "--porcelain", "--untracked-files=no"),
    }


def test_a_run_becomes_one_commit_with_everything_in_it(project: Project) -> None:
    done = project.run("--name", "first")
    assert done["experiment"] == "first"
    assert done["status"] == "completed"
    assert done["reused"] is False
    assert done["study"] == "main"
    assert done["params"]["lr"] == 0.1
    assert abs(done["metrics"]["accuracy"] - 0.271) < 1e-6
    commit = done["commit"]
    assert project.git("rev-parse", "exp/main") == commit
    parents = project.git("rev-list", "--parents", "-1", commit).split()[1:]
    assert parents[1] == project.git("rev-parse", "HEAD")
    files = set(project.git("ls-tree", "-r", "--name-only", commit).splitlines())
    assert {
        "train.py",
        "params.yaml",
        "metrics.json",
        "predictions.csv",
        "model.bin.dvc",
        ".gitml/experiment.json",
        ".gitml/pylock.toml",
        ".gitml/history.jsonl",
        ".gitml/log.txt",
        ".gitignore",
    } <= files
    assert "model.bin" not in files
    message = project.git("log", "-1", "--format=%B", commit)
    assert message.splitlines()[0].startswith("first: accuracy 0.271")
    trailers = project.git("log", "-1", "--format=%(trailers:only)", commit)
    for name in ("Experiment", "Fingerprint", "Status", "Settings", "Code", "Data", "Partition"):
        assert f"Gitml-{name}: " in trailers
    assert f"Gitml-Fingerprint: {done['fingerprint']}" in trailers


def test_a_run_never_moves_what_is_the_users(project: Project) -> None:
    project.write("notes.txt", "mine")
    project.write("train.py", (project.root / "train.py").read_text() + "\n# edited\n")
    project.git("add", "train.py")
    before = _user_state(project)
    project.run("-S", "lr=0.2")
    assert _user_state(project) == before
    assert (project.root / "params.yaml").read_text() == "lr: 0.1  # the learning rate\nseed: 1\n"
    assert project.git("show", "exp/main:params.yaml") == "lr: 0.2  # the learning rate\nseed: 1"
    assert "# edited" in project.git("show", "exp/main:train.py")
    assert project.git("show", "exp/main:notes.txt") == "mine"


def test_the_same_again_runs_nothing(project: Project) -> None:
    first = project.run()
    (project.root / "metrics.json").unlink()
    again = project.run()
    assert again["reused"] is True
    assert again["level"] == "identical"
    assert again["commit"] == first["commit"]
    assert again["metrics"] == first["metrics"]
    assert not (project.root / "metrics.json").exists()
    shown = project.gitml("exp", "run")
    assert first["experiment"] in shown.stdout + shown.stderr
    assert "--force" in shown.stdout + shown.stderr
    assert project.git("rev-list", "--count", "--first-parent", "exp/main") == "2"


def test_a_comment_is_equivalent_and_a_change_is_not(project: Project) -> None:
    project.run()
    source = (project.root / "train.py").read_text()
    project.write("train.py", source.replace("loss = 1.0", "loss = 1.00  # begin"))
    again = project.run()
    assert (again["reused"], again["level"]) == (True, "equivalent")
    project.write("train.py", source.replace("loss = 1.0", "loss = 2.0"))
    changed = project.run()
    assert changed["reused"] is False
    assert changed["level"] == "near"


def test_another_seed_is_a_replicate_and_runs(project: Project) -> None:
    project.run()
    other = project.run("-S", "seed=2")
    assert (other["reused"], other["level"]) == (False, "replicate")


def test_force_records_a_repeat_with_the_same_fingerprint(project: Project) -> None:
    first = project.run()
    second = project.run("--force")
    assert second["reused"] is False
    assert second["commit"] != first["commit"]
    assert second["fingerprint"] == first["fingerprint"]


def test_on_duplicate_fail_and_restore(project: Project) -> None:
    first = project.run()
    for name in ("metrics.json", "predictions.csv", "model.bin"):
        (project.root / name).unlink()
    refused = project.gitml("exp", "run", "--on-duplicate", "fail", status=1)
    assert first["experiment"] in refused.stdout + refused.stderr
    project.run("--on-duplicate", "restore")
    assert json.loads((project.root / "metrics.json").read_text())["accuracy"] > 0.2
    assert (project.root / "model.bin").stat().st_size == 4 * 51


def test_dry_run_writes_nothing(project: Project) -> None:
    done = project.run("--dry-run")
    assert done["status"] == "planned"
    assert not (project.root / "metrics.json").exists()
    assert project.git("for-each-ref", "refs/heads/exp") == ""


def test_list_show_diff_and_check_tell_the_same_story(project: Project) -> None:
    first = project.run("--name", "low")
    second = project.run("--name", "high", "-S", "lr=0.5")
    rows = project.json("exp", "list")
    assert {row["experiment"] for row in rows} == {"low", "high"}
    assert set(rows[0]) >= {
        "experiment", "commit", "study", "status", "created", "params", "metrics", "fingerprint",
    }  # fmt: skip
    best = project.json("exp", "list", "--sort", "-metrics.accuracy", "--limit", "1")
    assert [row["experiment"] for row in best] == ["high"]
    low = project.json("exp", "list", "--where", "params.lr < 0.2 and metrics.accuracy > 0.1")
    assert [row["experiment"] for row in low] == ["low"]
    record = project.json("exp", "show", "low")
    assert record["name"] == "low"
    assert record["inputs"]["code"]["observed"] is True
    assert "train.py" in record["inputs"]["code"]["modules"]
    diff = project.json("exp", "diff", "low", "high")
    assert [item["commit"] for item in diff["experiments"]] == [first["commit"], second["commit"]]
    metrics = {row["name"]: row for row in diff["metrics"]}
    assert metrics["accuracy"]["better"] is True
    assert metrics["loss"]["better"] is True
    assert [row["values"] for row in diff["params"] if row["name"] == "lr"] == [[0.1, 0.5]]
    text = project.gitml("exp", "diff").stdout
    assert "accuracy" in text and "high" in text
    blocked = project.json("check", "-S", "lr=0.5", status=1)
    assert blocked["blocked"] is True
    assert blocked["nearest"]["experiment"] == "high"
    free = project.json("check", "-S", "lr=0.3")
    assert (free["blocked"], free["level"]) == (False, "near")
    assert [(d["input"], d["name"]) for d in free["differences"]] == [("settings", "lr")]


def test_an_argparse_script_needs_no_configuration(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.git("init", "-q")
    project.write(
        "fit.py",
        "import argparse, json, os\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('--lr', type=float)\n"
        "parser.add_argument('--out')\n"
        "args = parser.parse_args()\n"
        "os.makedirs(args.out, exist_ok=True)\n"
        "for step in range(3):\n"
        "    print(f'step {step}: train loss {args.lr / (step + 1):.4f}')\n"
        "open(os.path.join(args.out, 'result.txt'), 'w').write('done')\n",
    )
    project.gitml("init")
    first = project.run("--", "python", "fit.py", "--lr", "0.9", "--out", "runs/1")
    assert first["params"]["args.lr"] == 0.9
    assert first["metrics"] == {"train_loss": 0.3}
    second = project.run("--", "python", "fit.py", "--lr", "0.9", "--out", "runs/2")
    assert second["reused"] is True, "a path that a run only wrote doesn't count"
    third = project.run("--", "python", "fit.py", "--lr", "0.8", "--out", "runs/2")
    assert third["reused"] is False


def test_a_failed_command_keeps_its_own_status_and_leaves_nothing(project: Project) -> None:
    project.write("train.py", "import sys\nprint('about to fail')\nsys.exit(7)\n")
    failed = project.gitml("exp", "run", status=7)
    assert "about to fail" in failed.stdout + failed.stderr
    assert project.git("for-each-ref", "refs/heads/exp", "refs/gitml") == ""
    kept = project.run("--keep-failed", status=7)
    assert kept["status"] == "failed"
    again = project.run("--keep-failed", status=7)
    assert again["reused"] is False, "a failed experiment never counts as recorded before"


def test_stale_metrics_are_never_recorded(project: Project) -> None:
    project.run()
    project.write("train.py", "print('nothing measured')\n")
    done = project.run()
    assert done["metrics"] == {}


def test_nan_and_infinity_are_recorded_as_such(project: Project) -> None:
    project.write(
        "train.py",
        "import json, pathlib\n"
        "pathlib.Path('metrics.json').write_text("
        "json.dumps({'loss': float('nan'), 'accuracy': float('-inf')}))\n",
    )
    done = project.run()
    assert done["metrics"] == {"loss": "NaN", "accuracy": "-Infinity"}


def test_credentials_never_reach_the_commit(project: Project) -> None:
    project.write("train.py", "import sys\nprint('key is', sys.argv[2])\n")
    done = project.run("--", "python", "train.py", "--api-key", "hunter2hunter2")
    assert done["params"]["args.api-key"] == "***"
    everything = project.git("log", "-p", "--format=%B", "exp/main")
    assert "hunter2hunter2" not in everything


def test_apply_brings_files_and_artifacts_back(project: Project) -> None:
    done = project.run("-S", "lr=0.5")
    for name in ("metrics.json", "predictions.csv", "model.bin"):
        (project.root / name).unlink()
    project.gitml("exp", "apply", done["experiment"])
    assert "lr: 0.5" in (project.root / "params.yaml").read_text()
    assert (project.root / "model.bin").stat().st_size == 4 * 51
    assert (project.root / "model.bin.dvc").exists()
    project.write("train.py", "# precious, not committed\n")
    refused = project.gitml("exp", "apply", done["experiment"], status=2)
    assert "train.py" in refused.stderr
    assert (project.root / "train.py").read_text() == "# precious, not committed\n"


def test_apply_commit_makes_one_commit_that_names_the_experiment(project: Project) -> None:
    done = project.run("-S", "lr=0.5")
    before = project.git("rev-parse", "HEAD")
    project.gitml("exp", "apply", done["experiment"], "--commit")
    assert project.git("rev-parse", "HEAD^") == before
    assert f"Gitml-From: {done['commit']}" in project.git("log", "-1", "--format=%B")
    assert project.git("show", "HEAD:.gitml/experiment.json")
    assert project.git("status", "--porcelain") == ""


def test_an_isolated_run_is_safe_while_the_user_goes_on_editing(
    project: Project, tmp_path: Path
) -> None:
    started, edited = tmp_path / "started", tmp_path / "edited"
    waiting = (
        f"loss = 1.0\nimport os, time\nos.mkdir({str(started)!r})\n"
        f"while not os.path.isdir({str(edited)!r}):\n    time.sleep(0.01)\n"
    )
    slow = (project.root / "train.py").read_text().replace("loss = 1.0\n", waiting)
    project.write("train.py", slow)
    process = subprocess.Popen(
        ["python", "-m", "gitml", "exp", "run", "--isolated", "--json", "-S", "lr=0.3"],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )
    while not started.is_dir():
        assert process.poll() is None
        time.sleep(0.01)
    project.write("train.py", "raise SystemExit('edited meanwhile')\n")
    edited.mkdir()
    output, _ = process.communicate(timeout=60)
    done = json.loads(output.splitlines()[-1])
    assert done["status"] == "completed"
    assert project.git("show", f"{done['commit']}:train.py") == slow.rstrip("\n")
    assert "lr: 0.3" in project.git("show", f"{done['commit']}:params.yaml")
    assert not (project.root / "metrics.json").exists()
    assert project.git("worktree", "list").count("\n") == 0


def test_plain_git_and_plain_dvc_restore_the_weights(project: Project, tmp_path: Path) -> None:
    store = tmp_path / "store"
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    project.git("remote", "add", "origin", str(bare))
    subprocess.run(
        ["dvc", "remote", "add", "-d", "store", str(store)],
        cwd=project.root, check=True, capture_output=True,
    )  # fmt: skip
    project.git("commit", "-qam", "remote")
    project.run()
    project.gitml("exp", "push")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "-b", "exp/main", str(bare), str(clone)], check=True)
    subprocess.run(["dvc", "pull", "-q"], cwd=clone, check=True, capture_output=True)
    assert (clone / "model.bin").read_bytes() == (project.root / "model.bin").read_bytes()
    status = subprocess.run(["dvc", "status"], cwd=clone, check=True, capture_output=True)
    assert b"up to date" in status.stdout


def test_the_json_of_a_run_is_on_a_line_of_its_own(project: Project) -> None:
    done = project.gitml("exp", "run", "--json", "--", "sh", "-c", "printf 50%%")
    assert done.stdout.splitlines()[0] == "50%"
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "completed"
