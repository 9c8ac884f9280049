"""Figures, tables, predictions, importances and explanations that a script logs, end to end."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.conftest import Project
from tests.promises.repositories import users_state, with_store

# Every call, with what the libraries themselves hand over.
LOGS = """\
import json, pathlib
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from captum.attr import IntegratedGradients
import gitml

torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
x = torch.rand(30_000, 4)
scores = model(x).softmax(1)
ids = [f"img{number}" for number in range(len(x))]
truth = torch.arange(len(x)) % 3

figure, axes = plt.subplots(figsize=(2, 2))
axes.plot([3, 2, 1])
gitml.log_figure(figure, "train/loss")
gitml.log_figure(axes, "loss.svg")
for epoch in range(2):
    gitml.log_figure((x[:8].numpy() * 255).astype("uint8"), "samples", step=epoch)
gitml.log_figure(go.Figure(go.Bar(y=[1, 2])), "bars")
gitml.log_figure({"mark": "point", "data": {"values": [{"x": 1}]}}, "points")
gitml.log_table(pd.DataFrame({"class": ["a", "b"], "errors": [3, 5]}), "errors")
gitml.log_predictions(ids, truth, scores.argmax(1), scores, {"even": truth % 2})
gitml.log_predictions(ids[:5], truth[:5], scores.argmax(1)[:5], name="valid")
gitml.log_importance(pd.Series(model.weight.detach().abs().mean(0).numpy(), list("pqrs")))
attributions = IntegratedGradients(model).attribute(x[:20], target=0).repeat(1500, 1)
gitml.log_explanations(ids, attributions, list("pqrs"))
gitml.log_explanations(ids[:5], attributions[:5], list("pqrs"), name="few")
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": 0.5}))
"""
# The same files without any library, quickly.
QUICK = """\
import json, pathlib
import gitml

many = range(30_000)
gitml.log_table([[1]], "errors")
gitml.log_figure({"data": []}, "bars")
gitml.log_predictions(many, many, many, scores=[[0.5, 0.5]] * len(many), slices={"x": many})
gitml.log_explanations(many, [[0.5, 0.25]] * len(many))
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": 0.5}))
"""

SMALL = [
    ".gitml/explanations/few.csv",
    ".gitml/importance/importance.json",
    ".gitml/plots/bars.plotly.json",
    ".gitml/plots/loss.svg",
    ".gitml/plots/points.vl.json",
    ".gitml/plots/samples-00000.png",
    ".gitml/plots/samples-00001.png",
    ".gitml/plots/train/loss.png",
    ".gitml/predictions/valid.csv",
    ".gitml/tables/errors.csv",
]
LARGE = [".gitml/explanations/explanations.npz", ".gitml/predictions/predictions.csv"]


def logging(project: Project, script: str = LOGS) -> Project:
    project.write("train.py", script)
    project.git("commit", "-qam", "log")
    return project


def logged(project: Project, name: str = "latest") -> dict[str, str]:
    """Return path → where of what an experiment's script logged."""
    found = project.json("exp", "show", name)["artifacts"]
    return {one["path"]: one["storage"] for one in found if one["path"].startswith(".gitml/")}


def test_everything_that_was_logged_is_in_the_experiment_for_whoever_has_git_and_dvc(
    project: Project, tmp_path: Path
) -> None:
    with_store(logging(project), tmp_path / "store")
    bare = tmp_path / "bare.git"
    project.git("init", "-q", "--bare", str(bare))
    project.git("remote", "add", "origin", str(bare))
    before = users_state(project)
    done = project.run("--name", "first")
    assert users_state(project) == before
    assert not (project.root / ".gitml").exists() and done["metrics"] == {"accuracy": 0.5}
    assert outside(project) == [{*SMALL, *LARGE}]
    assert logged(project) == dict.fromkeys(SMALL, "git") | dict.fromkeys(LARGE, "dvc")
    record = project.json("exp", "show", "first")
    roles = {one["path"]: one["role"] for one in record["artifacts"]}
    assert roles[".gitml/tables/errors.csv"] == "other" and roles[SMALL[2]] == "plot"
    assert not {"gitml", "msgspec"} & set(record["inputs"]["libraries"]["imported"])
    table = project.git("show", f"{done['commit']}:.gitml/tables/errors.csv")
    assert table == "class,errors\na,3\nb,5"

    assert project.run()["reused"]  # the look-up isn't disturbed
    repeat = project.run("--force", "--isolated", "--name", "second")
    tree = [
        project.git("ls-tree", "-r", one["commit"], ".gitml/plots/", ".gitml/predictions/")
        for one in (done, repeat)
    ]
    assert tree[0] == tree[1]  # the same run gives the same bytes
    project.gitml("exp", "push")

    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "-b", "exp/main", str(bare), str(clone)], check=True)
    for path in LARGE:
        assert not (clone / path).exists()
    subprocess.run(["dvc", "pull", "-q"], cwd=clone, check=True)
    with (clone / LARGE[1]).open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "y_true", "y_pred", "p:0", "p:1", "p:2", "slice:even"]
    assert len(rows) == 30_001 and rows[1][0] == "img0"
    with np.load(clone / LARGE[0], allow_pickle=False) as known:
        assert known["values"].shape == (30_000, 4)
        assert known["features"].tolist() == ["p", "q", "r", "s"]


def test_more_figures_than_anybody_looks_at_are_one_folder_that_dvc_restores(
    project: Project, tmp_path: Path
) -> None:
    with_store(
        logging(
            project,
            "import gitml, json, pathlib\n"
            "for step in range(1001):\n"
            "    gitml.log_figure({'data': [], 'layout': {'n': step}}, 'samples', step=step)\n"
            "gitml.log_table([[1]], 'one')\n"
            "pathlib.Path('metrics.json').write_text(json.dumps({'accuracy': 1}))\n",
        ),
        tmp_path / "store",
    )
    project.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    project.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    done = project.gitml("exp", "run", "--name", "many")
    assert "1,001 files were logged as plots" in done.stderr
    assert logged(project) == {".gitml/plots": "dvc", ".gitml/tables/one.csv": "git"}
    project.gitml("exp", "push")
    checked = project.gitml("check", "--since", "HEAD~1")
    assert checked.stdout.startswith("passed: 1 experiment"), checked.stdout
    clone = tmp_path / "clone"
    project.git("clone", "-q", "-b", "exp/main", str(tmp_path / "bare.git"), str(clone))
    subprocess.run(["dvc", "pull", "-q"], cwd=clone, check=True)
    names = sorted(path.name for path in (clone / ".gitml/plots").iterdir())
    assert len(names) == 1001 and names[-1] == "samples-01000.plotly.json"


def test_applying_brings_no_logged_file_and_needs_none(project: Project) -> None:
    logging(project, QUICK)
    done = project.run("--name", "first")
    shutil.rmtree(project.root / ".dvc/cache")  # they are on no remote, either
    (project.root / "metrics.json").unlink()
    project.gitml("exp", "apply", "first")
    assert (project.root / "metrics.json").exists() and not (project.root / ".gitml").exists()
    project.git("add", "metrics.json")
    project.git("commit", "-qm", "metrics")
    project.gitml("exp", "apply", "first", "--commit")
    assert project.git("show", "HEAD:.gitml/tables/errors.csv") == "0\n1"
    assert project.run()["reused"]  # its pointers are no inputs
    again = project.run("--force", "--name", "again")
    for one in (done, again):
        assert len(project.git("ls-tree", "-r", one["commit"], ".gitml/plots/").splitlines()) == 1


def outside(project: Project) -> list[set[str]]:
    """Run the script itself; return the files of all of its runs so far."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GITML")}
    subprocess.run([sys.executable, "train.py"], cwd=project.root, env=env, check=True)
    folders = (project.root / ".gitml/outside").glob("*Z-*/made")
    return [
        {
            f".gitml/{path.relative_to(folder)}"
            for path in folder.rglob("[!.]*.*")
            if path.is_file() and not path.name.startswith(".")
        }
        for folder in sorted(folders)
    ]


def test_outside_of_a_run_the_same_script_works_and_overwrites_nothing(project: Project) -> None:
    logging(project, QUICK)
    assert outside(project) == outside(project)[:1]
    both = outside(project)
    assert len(both) == 3 and both[0] == both[2] and {*LARGE, SMALL[-1]} < both[0]
    assert project.git("status", "--porcelain") == "?? metrics.json"
    done = project.run("--name", "first")
    assert set(logged(project)) == both[0] and not done["reused"]
    names = project.git("ls-tree", "-r", "--name-only", done["commit"])
    assert "outside" not in names


RANKS = """\
import json, os, pathlib, subprocess, sys
import gitml

if "RANK" not in os.environ:
    ranks = [
        subprocess.Popen([sys.executable, __file__],
                         env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "3"})
        for rank in range(3)
    ]
    assert not any(rank.wait() for rank in ranks)
    pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": 0.5}))
else:
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    ids = [*range(rank, 10, size), rank]  # a sampler fills the last batch
    gitml.log_predictions(ids, [n % 2 for n in ids], [1 for n in ids])
    gitml.log_table([[rank]], "ranks")
    gitml.log_importance({"a": 1})
"""


def test_ranks_of_a_distributed_run_lose_nothing(project: Project) -> None:
    logging(project, RANKS)
    done = project.run("--name", "ranks")
    assert list(logged(project)) == [
        ".gitml/importance/importance.json",
        ".gitml/predictions/predictions.csv",
        ".gitml/tables/ranks.csv",
        ".gitml/tables/ranks.rank1.csv",
        ".gitml/tables/ranks.rank2.csv",
    ]
    text = project.git("show", f"{done['commit']}:.gitml/predictions/predictions.csv")
    assert text.splitlines() == ["id,y_true,y_pred", *(f"{n},{n % 2},1" for n in range(10))]
    assert "3 processes logged ranks.csv" in project.gitml("exp", "show", "ranks").stdout


GOES_ON = """\
import json, os, pathlib, signal
import gitml

resumed = pathlib.Path("state.txt").exists()
gitml.log_table([[int(resumed)]], "both")
if not resumed:
    gitml.log_table([[0]], "early")
    pathlib.Path("state.txt").write_text("1")
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
gitml.log_table([[1]], "late")
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": 0.5}))
"""


def test_a_run_that_is_resumed_keeps_what_it_logged_and_replaces_what_it_logs_again(
    project: Project,
) -> None:
    logging(project, GOES_ON)
    killed = project.gitml("exp", "run", "--name", "long", status=None)
    assert killed.returncode == -signal.SIGKILL
    done = project.run("--resume", "long")
    shown = [
        project.git("show", f"{done['commit']}:.gitml/tables/{name}.csv").splitlines()[1]
        for name in ("both", "early", "late")
    ]
    assert shown == ["1", "0", "1"]


def test_a_recording_that_was_killed_is_finished_by_recover(project: Project) -> None:
    logging(project, RANKS)
    for point in ("run.finished", "outputs.collected", "commit.objects"):
        name = point.replace(".", "-")
        killed = project.gitml("exp", "run", "--force", "--name", name, status=None,
                               GITML_FAULT=f"{point}:kill")  # fmt: skip
        assert killed.returncode == -signal.SIGKILL
        project.gitml("exp", "recover")
        assert len(logged(project, name)) == 5


def test_what_a_hostile_program_plants_is_said_and_never_followed(
    project: Project, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("secret\n")
    logging(
        project,
        "import json, os, pathlib, gitml\n"
        "good = gitml.log_table([[1]], 'good')\n"
        f"os.symlink({str(secret)!r}, good.with_name('evil.csv'))\n"
        "os.mkfifo(good.with_name('fifo.csv'))\n"
        "good.with_name('a\\n\\x1b[31m.csv').write_text('x')\n"
        "good.with_name('.gitignore').write_text('!*')\n"
        "os.symlink('/', good.parent.with_name('plots'))\n"
        "pathlib.Path('metrics.json').write_text(json.dumps({'accuracy': 1}))\n",
    )
    done = project.gitml("exp", "run", "--json")
    document = json.loads(done.stdout.splitlines()[-1])
    assert list(logged(project)) == [".gitml/tables/good.csv"]
    assert "not recorded" in done.stderr and "\x1b" not in done.stderr
    tree = project.git("ls-tree", "-r", "--name-only", document["commit"])
    assert "evil" not in tree and "\nsecret" not in project.git("log", "-p", "exp/main")
