"""Many processes, one study: every experiment arrives, each once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import Project

ROOT = Path(__file__).parents[2]
RECORD = """
import sys
from pathlib import Path
from gitml.experiment.study import record_experiment
from gitml.git.objects import write_blob
from gitml.git.repository import discover
from gitml.git.trees import build_tree
repository = discover(Path.cwd())
name = sys.argv[1]
blob = write_blob(repository.git, name.encode())
index = repository.state_dir / f"index-{name}"
index.parent.mkdir(exist_ok=True)
tree = build_tree(repository.git, index, repository.git.text("rev-parse", "HEAD^{tree}"),
                  {"result.txt": ("100644", blob)})
index.unlink()
message = f"{name}: recorded\\n\\nGitml-Experiment: {name}\\nGitml-Fingerprint: sha256:0\\n"
record_experiment(repository, "main", tree, repository.head, message, sign=False)
"""


def _start(project: Project, *argv: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *argv],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def test_50_processes_that_record_at_once_lose_nothing(project: Project) -> None:
    project.write("draft.txt", "mine")
    project.git("add", "draft.txt")
    before = (project.root / ".git/index").read_bytes()
    processes = [_start(project, "-c", RECORD, f"exp-{number}") for number in range(50)]
    for process in processes:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr.decode()
    names = project.git("log", "--first-parent", "--format=%(trailers:key=Gitml-Experiment,valueonly)", "exp/main").split()  # fmt: skip
    assert sorted(names) == sorted(f"exp-{number}" for number in range(50))
    assert (project.root / ".git/index").read_bytes() == before
    subprocess.run(["git", "fsck", "--strict"], cwd=project.root, check=True, capture_output=True)


def test_isolated_runs_at_once_record_everything(project: Project) -> None:
    before = (project.root / ".git/index").read_bytes()
    processes = [
        _start(project, "-m", "gitml", "exp", "run", "--isolated", "-S", f"lr=0.{number}")
        for number in range(1, 7)
    ]
    for process in processes:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr.decode()
    rows = project.json("exp", "list")
    assert sorted(row["params"]["lr"] for row in rows) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert (project.root / ".git/index").read_bytes() == before
    assert project.git("status", "--porcelain") == ""
    assert len(project.git("worktree", "list").splitlines()) == 1
    assert project.git("for-each-ref", "refs/gitml") == ""
    subprocess.run(["git", "fsck", "--strict"], cwd=project.root, check=True, capture_output=True)


def test_two_runs_in_one_work_tree_that_write_the_same_file_are_told_apart(
    project: Project,
) -> None:
    source = "import sys, time, pathlib\npathlib.Path(sys.argv[1]).write_text('x')\ntime.sleep(2)\n"
    project.write("slow.py", source)
    same = [
        _start(project, "-m", "gitml", "exp", "run", "--", "python", "slow.py", "same.txt"),
        _start(project, "-m", "gitml", "exp", "run", "--force", "--", "python", "slow.py", "same.txt"),
    ]  # fmt: skip
    results = [
        (process.communicate(timeout=60)[1].decode(), process.returncode) for process in same
    ]
    assert {code for _, code in results} == {2}, results
    assert all("same.txt" in text and "--isolated" in text for text, _ in results)
    apart = [
        _start(project, "-m", "gitml", "exp", "run", "--", "python", "slow.py", "one.txt"),
        _start(project, "-m", "gitml", "exp", "run", "--", "python", "slow.py", "two.txt"),
    ]
    results = [
        (process.communicate(timeout=60)[1].decode(), process.returncode) for process in apart
    ]
    assert {code for _, code in results} == {0}, results
    for row in project.json("exp", "list"):
        record = project.json("exp", "show", row["experiment"])
        assert len(record["artifacts"]) == 1
