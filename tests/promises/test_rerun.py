"""Running an experiment again: what reproduces, what doesn't, and what differs first."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitml.git.repository import discover
from gitml.history.attestations import attestations
from gitml.history.index import open_index
from tests.conftest import Project
from tests.promises.looking import dvc_in
from tests.promises.small_project import track
from tests.promises.wheels import install, make_environment, make_wheel, offline, use

TRAIN = '''\
"""Trains next to nothing, and writes weights, metrics and predictions."""
import json
import os
import random
import struct
import sys
import time
from pathlib import Path

params = dict(line.split(": ") for line in Path("params.yaml").read_text().splitlines())
total = sum(int(line) for line in Path("data.csv").read_text().split())
lr = float(params["lr"])
if os.environ.get("USES_LIBRARY", "1") == "1":
    import tinylib
    lr *= tinylib.FACTOR
if Path("chance").exists():
    lr += 0.01 + random.random() / 100
if os.environ.get("BREAK"):
    print("about to break")
    sys.exit(3)
if os.environ.get("MARK"):
    Path(os.environ["MARK"]).touch()
    time.sleep(60)
values = [total * lr, lr, float(os.environ.get("SCALE", "1"))]
head = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}}
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
assert os.environ.get("FIRST") or not Path("model.safetensors").exists(), "outputs are there"
Path("model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + struct.pack("<3f", *values))
Path("metrics.json").write_text(json.dumps({"accuracy": total * lr, "epoch_seconds": time.time()}))
Path("predictions.csv").write_text(f"id,y_pred\\n1,{lr}\\n")
print("done")
'''

CONFIG = """\
command: python train.py
env: [SCALE]
seeds: [seed]
data: [data.csv]
metrics:
  accuracy: {goal: max, primary: true}
"""

Make = Callable[..., Project]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    make_wheel(folder, "tinylib", "1.0", "FACTOR = 0.5\n")
    make_wheel(folder, "tinylib", "1.1", "FACTOR = 0.25\n")
    make_wheel(folder, "onlyhere", "1.0", "")
    return folder


@pytest.fixture(scope="module")
def environment(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_environment(tmp_path_factory.mktemp("environments") / "env")
    install(folder, wheels, "tinylib==1.0", "onlyhere==1.0")
    return folder


@pytest.fixture(scope="module")
def recorded(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one experiment, `base`; tests work on copies of it."""
    root = tmp_path_factory.mktemp("recorded") / "project"
    root.mkdir()
    project = Project(root)
    project.git("init", "-q")
    for path, text in {
        "train.py": TRAIN,
        "params.yaml": "lr: 0.1\nseed: 1\n",
        "gitml.yaml": CONFIG,
        "data.csv": "1\n2\n3\n",
        ".gitignore": "/data.csv\n/notes.txt\n",
    }.items():
        project.write(path, text)
    track(project, "data.csv")
    project.gitml("init")
    project.git("add", "-A")
    project.git("commit", "-qm", "begin")
    dvc_in(project, "add", "-q", "data.csv")
    project.run("--name", "base", FIRST="1", SCALE="2", **use(environment))
    return root


@pytest.fixture
def made(recorded: Path, tmp_path: Path) -> Project:
    root = tmp_path / "project"
    shutil.copytree(recorded, root, symlinks=True)
    return Project(root)


def rerun(project: Project, *words: str, status: int = 0, **env: str) -> dict[str, Any]:
    done = project.gitml("exp", "rerun", "--json", *words, status=status, **env)
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def picture(project: Project) -> dict[str, str]:
    """Return everything that a rerun must leave as it is: the work tree, the index, the branches."""
    status = project.git("status", "--porcelain")  # it may refresh the index
    files = {
        str(path.relative_to(project.root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(project.root.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(project.root).parts
    }
    files["index"] = hashlib.sha256((project.root / ".git/index").read_bytes()).hexdigest()
    refs = project.git("for-each-ref").splitlines()
    files["refs"] = "\n".join(line for line in refs if "refs/heads/exp/" not in line)
    files["head"] = project.git("rev-parse", "HEAD")
    files["status"] = status
    return files


def assert_nothing_left(project: Project) -> None:
    state = project.root / ".git" / "gitml"
    assert list((state / "work").iterdir()) == []
    assert list((state / "reruns").iterdir()) == []
    assert len(project.git("worktree", "list").splitlines()) == 1


def test_a_rerun_with_the_same_libraries_reproduces(made: Project, environment: Path) -> None:
    before = picture(made)
    document = rerun(made, "base", SCALE="9", **use(environment))
    assert document["verdict"] == "reproduced"
    assert document["compared"] == {"weights": 1, "metrics": 1, "outputs": 1}
    assert document["environment"]["kind"] == "here"
    # A time is shown, and never decides.
    (step,) = document["differences"]
    assert (step["name"], step["decides"]) == ("epoch_seconds", False)
    assert picture(made) == before
    assert_nothing_left(made)


def test_the_verdict_is_kept_as_an_event_and_shown(made: Project, environment: Path) -> None:
    tip = made.git("rev-parse", "exp/main")
    document = rerun(made, "base", **use(environment))
    assert made.git("rev-parse", "exp/main^") == tip
    assert made.git("rev-parse", "exp/main") == document["event"]
    repository = discover(made.root)
    with open_index(repository) as index:
        (found,) = attestations(index, tip)
        assert index.latest("main").commit == tip  # type: ignore[union-attr]
    assert found.statement.reproduced
    assert found.author == "Ada Lovelace"
    assert found.statement.interpreter == "here"
    assert found.statement.log == "sha256:" + hashlib.sha256(b"done\n").hexdigest()
    shown = made.gitml("exp", "show", "base").stdout
    assert "Reruns" in shown
    assert f"on {os.uname().nodename}: reproduced" in shown


def test_without_record_nothing_is_added(made: Project, environment: Path) -> None:
    tip = made.git("rev-parse", "exp/main")
    assert rerun(made, "base", "--no-record", **use(environment))["event"] is None
    assert made.git("rev-parse", "exp/main") == tip


def test_a_dry_run_says_what_it_would_do_and_does_nothing(made: Project, environment: Path) -> None:
    before = picture(made), made.git("rev-parse", "exp/main")
    said = made.gitml("exp", "rerun", "base", "--dry-run", **use(environment)).stdout
    assert "It would run base again" in said
    assert "data.csv" in said
    assert (picture(made), made.git("rev-parse", "exp/main")) == before
    planned = rerun(made, "base", "--dry-run", **use(make_environment(made.root.parent / "empty")))
    assert planned["environment"]["build"]
    assert not Path(planned["environment"]["build"]).exists()


def test_another_version_of_a_library_is_named_before_what_it_changed(
    made: Project, wheels: Path
) -> None:
    other = make_environment(made.root.parent / "other")
    install(other, wheels, "tinylib==1.1")
    done = made.gitml("exp", "rerun", "base", "--here", status=1, **use(other))
    assert "tinylib 1.0 → 1.1" in done.stderr  # before it runs
    first = next(line for line in done.stdout.splitlines() if "first" in line)
    assert "tinylib 1.0 → 1.1, then accuracy 0.3 → 0.15" in " ".join(first.split())
    assert "2 of 2 tensors differ, the first is b" not in done.stdout
    assert "1 of 2 tensors differ, the first is w (norm " in done.stdout
    shown = made.gitml("exp", "show", "base").stdout
    assert "not reproduced (tinylib 1.0 → 1.1, then accuracy 0.3 → 0.15)" in shown


def test_what_the_lock_says_is_built_once_and_used_again(made: Project, wheels: Path) -> None:
    other = make_environment(made.root.parent / "other")
    install(other, wheels, "tinylib==1.1")
    env = {**use(other), **offline(wheels)}
    done = made.gitml("exp", "rerun", "base", **env)
    assert "Building an environment of 2 packages" in done.stderr
    assert "base: reproduced" in done.stdout
    document = rerun(made, "base", **env)
    assert document["environment"]["kind"] == "locked"
    assert document["environment"]["python"].startswith(str(made.root / ".git/gitml/environments/"))
    again = made.gitml("exp", "rerun", "base", **env)
    assert "Building" not in again.stderr


def test_a_half_built_environment_is_built_anew(made: Project, wheels: Path) -> None:
    env = {**use(make_environment(made.root.parent / "empty")), **offline(wheels)}
    folder = Path(rerun(made, "base", "--dry-run", **env)["environment"]["build"])
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    (folder / "bin" / "python").chmod(0o755)
    assert rerun(made, "base", **env)["verdict"] == "reproduced"


def test_a_version_that_is_nowhere_is_one_clear_error(made: Project, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    env = {**use(make_environment(tmp_path / "empty")), **offline(nowhere)}
    done = made.gitml("exp", "rerun", "base", status=2, **env)
    assert "onlyhere 1.0 can't be installed" in done.stderr
    assert "--here" in done.stderr
    print(done.stderr)
    assert "Traceback" not in done.stderr
    assert made.git("log", "--format=%s", "-1", "exp/main").startswith("base:")


def test_a_python_that_is_named_is_used(made: Project, environment: Path) -> None:
    python = environment / "bin" / "python"
    empty = make_environment(made.root.parent / "empty")
    document = rerun(made, "base", "--python", str(python), **use(empty))
    assert document["verdict"] == "reproduced"
    assert document["environment"]["python"] == str(python)
    done = made.gitml("exp", "rerun", "base", "--python", "/no/python", status=2)
    assert "There is no interpreter /no/python" in done.stderr


def test_a_script_of_chance_is_not_reproduced(made: Project, environment: Path) -> None:
    made.write("chance", "")
    made.write("gitml.yaml", CONFIG.replace("seeds: [seed]\n", "seeds: []\n"))
    made.run("--name", "luck", FIRST="1", **use(environment))
    document = rerun(made, "luck", status=1, **use(environment))
    assert document["verdict"] == "not reproduced"
    assert document["first"].startswith("accuracy ")
    assert any("No seed is declared" in hint for hint in document["hints"])
    loose = rerun(made, "luck", "--tolerance", "0.5", **use(environment))
    assert loose["verdict"] == "reproduced within tolerance"


def test_a_command_that_fails_is_not_reproduced_and_says_why(
    made: Project, environment: Path
) -> None:
    done = made.gitml("exp", "rerun", "base", status=1, BREAK="1", **use(environment))
    assert "base: not reproduced" in done.stdout
    assert "the command failed with status 3" in done.stdout
    assert "  about to break" in done.stderr
    assert "the command failed with status 3" in made.gitml("exp", "show", "base").stdout
    assert_nothing_left(made)


def test_overridden_settings_and_declared_variables_are_as_recorded(
    made: Project, environment: Path
) -> None:
    made.run("-S", "lr=0.2", "--name", "fast", FIRST="1", SCALE="7", **use(environment))
    document = rerun(made, "fast", SCALE="1", **use(environment))
    assert document["verdict"] == "reproduced"
    made.run("-S", "lr=0.3", "--name", "unset", FIRST="1", **use(environment))
    assert rerun(made, "unset", SCALE="5", **use(environment))["verdict"] == "reproduced"


def test_edits_and_files_of_the_work_tree_play_no_part(made: Project, environment: Path) -> None:
    made.write("train.py", "raise SystemExit('the edit ran')\n")
    made.write("params.yaml", "lr: 99\nseed: 1\n")
    made.write("data.csv", "100\n")
    before = picture(made)
    assert rerun(made, "base", **use(environment))["verdict"] == "reproduced"
    assert picture(made) == before


def test_data_that_is_nowhere_is_named(made: Project, environment: Path) -> None:
    shutil.rmtree(made.root / ".dvc" / "cache")
    (made.root / "data.csv").unlink()
    done = made.gitml("exp", "rerun", "base", status=2, **use(environment))
    assert "data.csv is not in this clone's DVC storage" in done.stderr
    dvc_in(made, "remote", "add", "-d", "store", str(made.root.parent / "store"))
    done = made.gitml("exp", "rerun", "base", status=2, **use(environment))
    assert "data.csv is neither in this clone's DVC storage nor on its remote" in done.stderr
    assert_nothing_left(made)


def test_data_comes_from_the_remote_or_the_work_tree(made: Project, environment: Path) -> None:
    cache = made.root / ".dvc" / "cache"
    shutil.rmtree(cache)
    assert rerun(made, "base", **use(environment))["verdict"] == "reproduced"
    made.write("data.csv", "1\n2\n3\n")
    dvc_in(made, "add", "-q", "data.csv")
    dvc_in(made, "remote", "add", "-d", "store", str(made.root.parent / "store"))
    dvc_in(made, "push", "-q", "data.csv")
    shutil.rmtree(cache)
    (made.root / "data.csv").unlink()
    assert rerun(made, "base", **use(environment))["verdict"] == "reproduced"


def test_unversioned_data_must_be_what_it_was(
    made: Project, environment: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("5")
    made.write("notes.txt", "6")
    made.write("read.py", READ)
    command = ("python", "read.py", str(outside))
    made.run("--name", "reads", "--", *command, **use(environment))
    assert rerun(made, "reads", **use(environment))["verdict"] == "reproduced"
    made.write("notes.txt", "7")
    done = made.gitml("exp", "rerun", "reads", status=2, **use(environment))
    assert "notes.txt is versioned by neither Git nor DVC, and has another content" in done.stderr
    made.write("notes.txt", "6")
    outside.unlink()
    done = made.gitml("exp", "rerun", "reads", status=2, **use(environment))
    assert f"{outside} is gone" in done.stderr


READ = """\
import json, sys
from pathlib import Path
total = int(Path(sys.argv[1]).read_text()) + int(Path("notes.txt").read_text())
Path("metrics.json").write_text(json.dumps({"total": total}))
"""


def test_what_an_experiment_started_from_is_brought_back(made: Project, environment: Path) -> None:
    made.write("tune.py", TUNE)
    made.git("add", "tune.py")
    made.run("--name", "tuned", "--", "python", "tune.py", **use(environment))
    assert made.json("exp", "show", "tuned")["init_from"][0]["experiment"] == "base"
    (made.root / "model.safetensors").unlink()
    assert rerun(made, "tuned", **use(environment))["verdict"] == "reproduced"


TUNE = """\
import json
from pathlib import Path
data = Path("model.safetensors").read_bytes()
Path("metrics.json").write_text(json.dumps({"size": len(data), "sum": sum(data)}))
"""


def test_tracked_outputs_that_were_read_before_are_as_they_were(
    made: Project, environment: Path
) -> None:
    made.write("count.py", COUNT)
    made.write("count.json", '{"runs": 4}')
    made.git("add", "-A")
    made.git("commit", "-qm", "count")
    made.run("--name", "counts", "--", "python", "count.py", **use(environment))
    made.git("checkout", "-q", "count.json")
    assert rerun(made, "counts", **use(environment))["verdict"] == "reproduced"


COUNT = """\
import json
from pathlib import Path
runs = json.loads(Path("count.json").read_text())["runs"] + 1
Path("count.json").write_text(json.dumps({"runs": runs}))
Path("metrics.json").write_text(json.dumps({"runs": runs}))
"""


def test_a_masked_command_is_refused(made: Project, environment: Path) -> None:
    made.write("read.py", "import json\njson.dump({'one': 1}, open('metrics.json', 'w'))\n")
    made.run(
        "--name", "secret", "--", "python", "read.py", "--api-key", "hunter2x", **use(environment)
    )
    done = made.gitml("exp", "rerun", "secret", status=2, **use(environment))
    assert "held a credential (api-key)" in done.stderr
    assert "hunter2x" not in made.gitml("exp", "show", "secret", "--json").stdout


def test_an_editable_install_leads_to_the_experiments_own_code(
    made: Project, environment: Path, tmp_path: Path
) -> None:
    made.write("pyproject.toml", "[project]\nname = 'mine'\nversion = '1'\n")
    made.write("src/mine/__init__.py", "VALUE = 1\n")
    made.write(
        "use.py", "import json, mine\njson.dump({'value': mine.VALUE}, open('metrics.json', 'w'))\n"
    )
    own = tmp_path / "env"
    shutil.copytree(environment, own, symlinks=True)
    site = next(own.glob("lib/python3*/site-packages"))
    (site / "__editable__.mine-1.pth").write_text(f"{made.root / 'src'}\n")
    info = site / "mine-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (info / "RECORD").write_text("__editable__.mine-1.pth,,\n")
    about = {"url": made.root.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(about))
    made.run("--name", "own", "--", "python", "use.py", **use(own))
    made.write("src/mine/__init__.py", "VALUE = 2\n")
    document = rerun(made, "own", **use(own))
    assert document["verdict"] == "reproduced"
    assert document["differences"] == []


def test_sub_projects_and_absolute_paths_are_led_into_the_rerun(
    made: Project, environment: Path
) -> None:
    made.write("sub/gitml.yaml", "params: [own.yaml]\n")
    made.write("sub/own.yaml", "lr: 3\n")
    made.write("sub/scripts/read.py", DEEP)
    made.git("add", "-A")
    made.git("commit", "-qm", "sub")
    inside = Project(made.root / "sub" / "scripts")
    words = ("python", str(inside.root / "read.py"), "--data", str(made.root / "data.csv"))
    inside.run("--name", "deep", "--", *words, **use(environment))
    made.write("sub/own.yaml", "lr: 4\n")
    made.write("data.csv", "100\n")
    document = rerun(inside, "deep", **use(environment))
    assert document["verdict"] == "reproduced"
    assert document["differences"] == []
    assert rerun(made, "deep", **use(environment))["verdict"] == "reproduced"


DEEP = """\
import json, sys
from pathlib import Path
text = Path("../own.yaml").read_text() + Path(sys.argv[2]).read_text()
Path("../metrics.json").write_text(json.dumps({"length": len(text)}))
"""


def test_a_library_that_was_installed_from_a_folder_cant_be_built(
    made: Project, environment: Path, tmp_path: Path
) -> None:
    own = tmp_path / "env"
    shutil.copytree(environment, own, symlinks=True)
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "handmade.py").write_text("ONE = 1\n")
    site = next(own.glob("lib/python3*/site-packages"))
    (site / "handmade.pth").write_text(f"{tmp_path / 'local'}\n")
    info = site / "handmade-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: handmade\nVersion: 1\n")
    (info / "RECORD").write_text("handmade.pth,,\n")
    about = {"url": (tmp_path / "local").as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(about))
    made.write(
        "use.py",
        "import handmade, json\njson.dump({'v': handmade.ONE}, open('metrics.json', 'w'))\n",
    )
    made.run("--name", "handmade", "--", "python", "use.py", **use(own))
    assert rerun(made, "handmade", **use(own))["verdict"] == "reproduced"
    done = made.gitml("exp", "rerun", "handmade", status=2, **use(environment))
    assert "imported handmade from a folder of the machine" in done.stderr
    assert "--python PATH" in done.stderr


def test_a_logged_split_is_compared(project: Project) -> None:
    project.write("train.py", SPLIT)
    project.run("--name", "split")
    assert rerun(project, "split")["differences"] == []
    other = rerun(project, "split", MORE="1", status=1)
    assert other["verdict"] == "not reproduced"
    assert [step["text"] for step in other["differences"]] == ["the test part"]


SPLIT = """\
import json, os
from pathlib import Path
import gitml
gitml.log_split(train=["a", "b"], test=["c"] + ["d"] * bool(os.environ.get("MORE")))
Path("metrics.json").write_text(json.dumps({"one": 1}))
"""


def start(project: Project, *words: str, **env: str) -> tuple[subprocess.Popen[str], Path]:
    """Start a rerun whose command has said that it runs, and then sleeps."""
    mark = project.root.parent / "mark"
    process = subprocess.Popen(
        [sys.executable, "-m", "gitml", "exp", "rerun", *words],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "MARK": str(mark), **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not mark.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process, mark


def test_a_killed_rerun_leaves_nothing_that_the_next_doesnt_tidy(
    made: Project, environment: Path
) -> None:
    before, tip = picture(made), made.git("rev-parse", "exp/main")
    process, _ = start(made, "base", **use(environment))
    process.kill()
    process.communicate()
    assert picture(made) == before
    assert made.git("rev-parse", "exp/main") == tip
    (left,) = (made.root / ".git" / "gitml" / "work").iterdir()
    assert left.name in made.gitml("doctor", status=None).stdout
    made.gitml("exp", "recover")
    assert_nothing_left(made)
    assert rerun(made, "base", **use(environment))["verdict"] == "reproduced"
    assert_nothing_left(made)


def test_an_interrupted_rerun_gives_no_verdict(made: Project, environment: Path) -> None:
    tip = made.git("rev-parse", "exp/main")
    process, _ = start(made, "base", **use(environment))
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert "no verdict" in stdout
    assert made.git("rev-parse", "exp/main") == tip
    assert_nothing_left(made)


def test_the_work_tree_is_kept_when_asked_for(made: Project, environment: Path) -> None:
    kept = Path(rerun(made, "base", "--keep", **use(environment))["kept"])
    assert (kept / "model.safetensors").is_file()
    assert rerun(made, "base", **use(environment))["kept"] is None
    assert kept.is_dir()


def test_an_experiment_that_had_failed_fails_the_same_way(made: Project, environment: Path) -> None:
    made.write(
        "fail.py",
        "import json, sys\njson.dump({'one': 1}, open('metrics.json', 'w'))\nsys.exit(4)\n",
    )
    made.gitml(
        "exp", "run", "--keep-failed", "--name", "failed", "--", "python", "fail.py",
        status=4, **use(environment),
    )  # fmt: skip
    assert rerun(made, "failed", **use(environment))["verdict"] == "reproduced"


def test_an_experiment_without_results_has_nothing_to_compare(
    made: Project, environment: Path
) -> None:
    made.run("--name", "idle", "--", "python", "-c", "pass", **use(environment))
    done = made.gitml("exp", "rerun", "idle", status=2, **use(environment))
    assert "nothing to compare" in done.stderr


@pytest.mark.parametrize("earlier", [0, 2], ids=["the first", "the third"])
def test_output_folders_that_a_script_counts_are_compared(project: Project, earlier: int) -> None:
    project.write(
        "train.py",
        "import os, torch\n"
        "os.makedirs('runs', exist_ok=True)\n"
        "folder = f'runs/version_{len(os.listdir(\"runs\"))}'\n"
        "os.mkdir(folder)\n"
        "torch.manual_seed(1)\n"
        "torch.save({'w': torch.rand(3)}, f'{folder}/model.pt')\n"
        "open(f'{folder}/report.txt', 'w').write('done')\n",
    )
    for number in range(earlier):
        (project.root / f"runs/version_{number}").mkdir(parents=True)
    project.run("--name", "counted")
    assert rerun(project, "counted")["verdict"] == "reproduced"


def test_a_converted_pickle_is_compared_tensor_by_tensor(project: Project) -> None:
    project.write(
        "train.py",
        "import os, torch\n"
        "torch.manual_seed(1)\n"
        "weights = {'w': torch.rand(3), 'b': torch.ones(2) * float(os.environ.get('B', '1'))}\n"
        "torch.save(weights, 'model.pt')\n",
    )
    project.run("--name", "pickled")
    document = rerun(project, "pickled")
    assert document["verdict"] == "reproduced"
    assert document["compared"]["weights"] == 1
    document = rerun(project, "pickled", status=1, B="2")
    assert document["first"].startswith(
        "model.weights: 1 of 2 tensors differ, the first is b (norm "
    )


@pytest.mark.parametrize(
    ("name", "settings"),
    [("mlp", ("train.epochs=2",)), ("cnn", ("train.epochs=1",))],
)
def test_a_starter_project_reproduces(name: str, settings: tuple[str, ...], tmp_path: Path) -> None:
    root = tmp_path / name
    Project(tmp_path).gitml("init", str(root), "--template", name)
    project = Project(root)
    project.run("--name", "first", *(word for one in settings for word in ("-S", one)))
    document = rerun(project, "first")
    assert document["verdict"] == "reproduced"
    assert document["differences"] == []
    assert document["compared"]["weights"] == 1
