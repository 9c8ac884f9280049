"""Projects as people have them: shells, packages, child processes, data, weights, loggers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CONFIG, TRAIN, Project

PACKAGES = str(Path(__file__).parents[2])


def _inputs(project: Project, name: str = "latest") -> dict[str, object]:
    inputs: dict[str, object] = project.json("exp", "show", name)["inputs"]
    return inputs


def _artifacts(project: Project, name: str = "latest") -> dict[str, dict[str, object]]:
    return {item["path"]: item for item in project.json("exp", "show", name)["artifacts"]}


def _dvc(project: Project, *arguments: str) -> str:
    done = subprocess.run(
        ["dvc", *arguments], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _clone_with_data(project: Project, tmp_path: Path, commit: str) -> Path:
    """Push as gitml does, then clone and pull with plain Git and plain DVC."""
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    project.git("remote", "add", "origin", str(bare))
    _dvc(project, "remote", "add", "-d", "store", str(tmp_path / "store"))
    project.gitml("exp", "push")
    clone = tmp_path / "clone"
    branch = project.git("for-each-ref", "--contains", commit, "--format=%(refname:short)", "refs/heads/exp")  # fmt: skip
    subprocess.run(["git", "clone", "-q", "-b", branch, str(bare), str(clone)], check=True)
    subprocess.run(["git", "checkout", "-q", "--detach", commit], cwd=clone, check=True)
    shutil.copy(project.root / ".dvc/config", clone / ".dvc/config")
    pulled = subprocess.run(["dvc", "pull", "-q"], cwd=clone, capture_output=True, text=True, check=False)  # fmt: skip
    assert pulled.returncode == 0, pulled.stderr
    return clone


# Commands


def test_a_package_runs_as_a_module(project: Project) -> None:
    project.write("fit/__init__.py", "")
    project.write("fit/__main__.py", "from fit.loss import loss\nprint('loss:', loss)\n")
    project.write("fit/loss.py", "loss = 0.5\n")
    project.write("fit/unused.py", "x = 1\n")
    done = project.run("--", "python", "-m", "fit", "--lr=0.1")
    assert done["metrics"] == {"loss": 0.5}
    assert done["params"]["args.lr"] == 0.1
    modules = _inputs(project)["code"]["modules"]  # type: ignore[index]
    assert {"fit/__init__.py", "fit/__main__.py", "fit/loss.py"} <= set(modules)
    assert "fit/unused.py" not in modules
    project.write("fit/unused.py", "x = 2\n")
    assert project.run("--", "python", "-m", "fit", "--lr=0.1")["reused"] is True
    project.write("fit/loss.py", "loss = 0.25\n")
    assert project.run("--", "python", "-m", "fit", "--lr=0.1")["reused"] is False


def test_a_shell_script_that_starts_python_twice_is_one_experiment(project: Project) -> None:
    project.write("first.py", "import one\nopen('middle.txt', 'w').write('0.5')\n")
    project.write("second.py", "import two\nprint('loss:', open('middle.txt').read())\n")
    project.write("one.py", "x = 1\n")
    project.write("two.py", "x = 1\n")
    project.write("three.py", "x = 1\n")
    project.write("run.sh", "set -e\npython first.py\npython second.py\n")
    command = ("--", "sh", "run.sh")
    assert project.run(*command)["metrics"] == {"loss": 0.5}
    inputs = _inputs(project)
    assert {"first.py", "second.py", "one.py", "two.py"} <= set(inputs["code"]["modules"])  # type: ignore[index]
    assert "middle.txt" not in inputs["data"]  # type: ignore[operator]
    project.write("three.py", "x = 2\n")
    assert project.run(*command)["reused"] is True
    project.write("two.py", "x = 2\n")
    assert project.run(*command)["reused"] is False
    project.write("run.sh", "set -e\npython first.py\npython second.py\n# more\n")
    assert project.run(*command)["reused"] is False


def test_a_command_without_python_counts_every_tracked_file(project: Project) -> None:
    project.write("count.sh", 'echo "lines: $(wc -l < params.yaml)"; echo x > out.txt\n')
    first = project.run("--", "sh", "count.sh")
    assert _inputs(project)["code"]["observed"] is False  # type: ignore[index]
    assert "out.txt" in _artifacts(project)
    assert project.run("--", "sh", "count.sh")["reused"] is True
    project.write("train.py", TRAIN + "\nx = 1\n")
    again = project.run("--", "sh", "count.sh")
    assert again["reused"] is False
    assert again["commit"] != first["commit"]


def test_a_command_that_is_not_there_is_said_before_anything_is_kept(project: Project) -> None:
    done = project.gitml("exp", "run", "--", "no-such-program", status=None)
    assert done.returncode in (2, 127)
    assert "no-such-program" in done.stderr and "Traceback" not in done.stderr
    assert project.git("for-each-ref", "refs/heads/exp", "refs/gitml") == ""


def test_child_processes_are_observed(project: Project) -> None:
    project.write("helper.py", "VALUE = 0.5\n")
    project.write("unused.py", "x = 1\n")
    project.write("child.py", "import helper\nprint('loss:', helper.VALUE)\n")
    project.write(
        "train.py",
        "import multiprocessing, subprocess, sys\n"
        "def work(x):\n    import pooled\n    return pooled.double(x)\n"
        "if __name__ == '__main__':\n"
        "    subprocess.run([sys.executable, 'child.py'], check=True)\n"
        "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
        "        assert pool.map(work, [1, 2]) == [2, 4]\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "        assert pool.map(work, [1, 2]) == [2, 4]\n",
    )
    project.write("pooled.py", "def double(x):\n    return 2 * x\n")
    project.run()
    modules = _inputs(project)["code"]["modules"]  # type: ignore[index]
    assert {"helper.py", "pooled.py", "child.py", "train.py"} <= set(modules)
    project.write("unused.py", "x = 2\n")
    assert project.run()["reused"] is True
    project.write("helper.py", "VALUE = 0.25\n")
    assert project.run()["reused"] is False


def test_an_explicit_command_runs_where_the_user_stands(project: Project) -> None:
    project.write("tools/fit.py", "import pathlib\nprint('loss: 0.5')\npathlib.Path('o.txt').write_text('x')\n")  # fmt: skip
    tools = Project(project.root / "tools")
    done = tools.run("--name", "inside", "--", "python", "fit.py")
    assert (project.root / "tools/o.txt").exists()
    assert "tools/o.txt" in _artifacts(project, "inside")
    assert done["study"] == "main"
    assert tools.run("--", "python", "fit.py")["reused"] is True
    assert project.run("--", "python", "tools/fit.py")["reused"] is False
    through = project.gitml("-C", "tools", "exp", "run", "--json", "--", "python", "fit.py")
    assert json.loads(through.stdout.splitlines()[-1])["reused"] is True


def test_signals_and_statuses_of_the_command_come_through(project: Project) -> None:
    project.gitml("exp", "run", "--", "sh", "-c", "exit 3", status=3)
    project.gitml("exp", "run", "--", "sh", "-c", "kill -9 $$", status=128 + 9)
    project.gitml("exp", "run", "--", "python", "-c", "import os; os.abort()", status=128 + 6)
    assert project.git("for-each-ref", "refs/heads/exp", "refs/gitml") == ""


# Settings


def test_an_unknown_setting_suggests_the_nearest_and_plus_adds(project: Project) -> None:
    project.write("params.yaml", "optimizer:\n  lr: 0.1  # kept\nseed: 1\n")
    project.write("train.py", "print('loss: 0.5')\n")
    done = project.gitml("exp", "run", "-S", "optimiser.lr=0.2", status=2)
    assert "optimizer.lr" in done.stderr and "+optimiser.lr" in done.stderr
    added = project.run(
        "-S", "optimizer.lr=0.2", "-S", "+optimizer.decay=0.9", "-S", "+layers=[8, 4]"
    )
    assert added["params"] == {
        "optimizer.lr": 0.2, "optimizer.decay": 0.9, "layers.0": 8, "layers.1": 4, "seed": 1,
    }  # fmt: skip
    recorded = project.git("show", "exp/main:params.yaml")
    assert "# kept" in recorded and "decay" in recorded
    assert "decay" not in (project.root / "params.yaml").read_text()


def test_credentials_stay_out_of_everything_that_is_kept(project: Project) -> None:
    secret = "hunter2hunter2"
    project.write(
        "train.py",
        "import os, sys\nprint('key', sys.argv[2:], os.environ['SERVICE_API_TOKEN'])\n"
        "print('https://user:' + 'hunter2' * 2 + '@example.org')\n",
    )
    project.write("gitml.yaml", "command: python train.py\nenv: [SERVICE_API_TOKEN]\n")
    done = project.run(
        "--name", "masked", "-S", f"+api_key={secret}", "-S", f"+db.password={secret}",
        "--", "python", "train.py", "--auth-token", secret, f"--password={secret}",
        SERVICE_API_TOKEN=secret,
    )  # fmt: skip
    assert secret not in json.dumps(done)
    assert done["params"]["api_key"] == "***"
    project.gitml("exp", "run", "--name", "broken", "--", "sh", "-c", "exit 3", "--password", secret,
                  status=3)  # fmt: skip
    for command in (("list", "--json"), ("show", "masked"), ("show", "masked", "--json")):
        assert secret not in project.gitml("exp", *command).stdout
    objects = project.git("rev-list", "--objects", "--all").splitlines()
    for line in objects:
        oid = line.split()[0]
        assert secret not in project.git("cat-file", "-p", oid), line
    for folder in (".git/gitml", ".dvc"):
        for path in (project.root / folder).rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), path
    project.gitml("exp", "apply", "masked", status=None)
    again = project.run(
        "-S", "+api_key=another-one", "-S", "+db.password=another-one",
        "--", "python", "train.py", "--auth-token", "another-one", "--password=another-one",
        SERVICE_API_TOKEN="another-one",
    )  # fmt: skip
    assert again["reused"] is True, "a credential never counts"


# Data


def test_data_that_changed_on_disk_counts_and_is_stored(project: Project, tmp_path: Path) -> None:
    project.write("data/a.csv", "1\n")
    project.write("table.csv", "1\n")
    _dvc(project, "add", "data", "table.csv", "-q")
    project.git("add", "-A")
    project.git("commit", "-qm", "data")
    project.write("train.py", "print('loss:', len(open('data/a.csv').read() + open('table.csv').read()))\n")  # fmt: skip
    first = project.run("--name", "tracked")
    assert project.run()["reused"] is True
    project.write("data/a.csv", "1\n2\n")
    project.write("table.csv", "1\n2\n3\n")
    pointers = [(project.root / name).read_bytes() for name in ("data.dvc", "table.csv.dvc")]
    done = project.gitml("exp", "run", "--name", "changed")
    assert done.stderr.count("data changed on disk") == 1
    assert project.run()["reused"] is True
    assert pointers == [
        (project.root / name).read_bytes() for name in ("data.dvc", "table.csv.dvc")
    ]
    commit = project.git("rev-parse", "exp/main")
    diff = project.json("exp", "diff", "tracked", "changed")
    assert {row["name"] for row in diff["data"]} == {"data", "table.csv"}
    clone = _clone_with_data(project, tmp_path, commit)
    assert (clone / "data/a.csv").read_text() == "1\n2\n"
    assert (clone / "table.csv").read_text() == "1\n2\n3\n"
    subprocess.run(["git", "checkout", "-q", first["commit"]], cwd=clone, check=True)
    subprocess.run(["dvc", "pull", "-q"], cwd=clone, check=True)
    assert (clone / "data/a.csv").read_text() == "1\n"


def test_a_pointer_of_another_name_and_with_more_in_it_is_kept_as_it_is(project: Project) -> None:
    project.write("sets/a.csv", "1\n")
    _dvc(project, "add", "sets", "-q")
    text = (project.root / "sets.dvc").read_text()
    (project.root / "sets.dvc").unlink()
    project.write("inputs.dvc", text + "  desc: the sets\nmeta:\n  owner: ada\n")
    project.write("train.py", "print('loss:', len(open('sets/a.csv').read()))\n")
    project.write("sets/a.csv", "1\n2\n")
    project.run()
    files = project.git("ls-tree", "-r", "--name-only", "exp/main").splitlines()
    assert "inputs.dvc" in files and "sets.dvc" not in files
    recorded = project.git("show", "exp/main:inputs.dvc")
    assert "desc: the sets" in recorded and "owner: ada" in recorded
    assert recorded.splitlines()[1] != text.splitlines()[1]


def test_data_that_was_never_pulled_needs_nobody_to_pull_it(
    project: Project, tmp_path: Path
) -> None:
    project.write("data/a.csv", "1\n")
    _dvc(project, "add", "data", "-q")
    _dvc(project, "remote", "add", "-d", "store", str(tmp_path / "store"))
    _dvc(project, "push", "-q")
    shutil.rmtree(project.root / "data")
    shutil.rmtree(project.root / ".dvc/cache")
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    project.git("remote", "add", "origin", str(bare))
    project.git("add", "-A")
    project.git("commit", "-qm", "data")
    assert project.run()["status"] == "completed"
    project.gitml("exp", "push")
    assert project.run()["reused"] is True


def test_data_of_dvc_2_counts_by_what_is_on_disk(project: Project) -> None:
    project.write("old.csv", "1\r\n2\r\n")
    digest = hashlib.md5(b"1\n2\n").hexdigest()
    project.write("old.csv.dvc", f"outs:\n- md5: {digest}\n  size: 6\n  path: old.csv\n")
    project.write(".gitignore", (project.root / ".gitignore").read_text() + "/old.csv\n")
    project.write("train.py", "print('loss:', len(open('old.csv').read()))\n")
    first = project.run()
    assert not [text for text in first["warnings"] if "changed" in text]
    project.write("old.csv", "1\n2\n3\n")
    second = project.run()
    assert second["reused"] is False
    assert any("old.csv changed on disk" in text for text in second["warnings"])
    assert "hash: md5" in project.git("show", "exp/main:old.csv.dvc")


def test_data_of_dvc_2_travels_with_the_experiment(project: Project, tmp_path: Path) -> None:
    project.write("old.csv", "1\n2\n")
    digest = hashlib.md5(b"1\n2\n").hexdigest()
    stored = project.root / ".dvc/cache" / digest[:2] / digest[2:]
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"1\n2\n")
    project.write("old.csv.dvc", f"outs:\n- md5: {digest}\n  size: 4\n  path: old.csv\n")
    project.write(".gitignore", (project.root / ".gitignore").read_text() + "/old.csv\n")
    done = project.run()
    clone = _clone_with_data(project, tmp_path, done["commit"])
    assert (clone / "old.csv").read_text() == "1\n2\n"


def test_data_that_dvc_links_from_its_cache_may_change(project: Project) -> None:
    _dvc(project, "config", "cache.type", "symlink")
    project.write("data/a.csv", "1\n")
    project.write("data/b.csv", "2\n")
    _dvc(project, "add", "data", "-q")
    assert (project.root / "data/a.csv").is_symlink()
    project.run()
    assert project.run()["reused"] is True
    (project.root / "data/a.csv").unlink()
    project.write("data/a.csv", "new\n")
    assert project.run("--name", "changed")["status"] == "completed"
    shutil.rmtree(project.root / "data")
    project.gitml("exp", "apply", "changed", status=None)
    _dvc(project, "checkout", "-q", "data.dvc")
    assert (project.root / "data/a.csv").read_text() == "new\n"


def test_a_pipeline_of_dvc_is_one_experiment_that_dvc_itself_agrees_with(
    project: Project, tmp_path: Path
) -> None:
    project.write("data/a.csv", "1\n")
    _dvc(project, "add", "data", "-q")
    project.write(
        "prepare.py",
        "import os\nos.makedirs('prepared', exist_ok=True)\n"
        "open('prepared/x', 'w').write(open('data/a.csv').read())\n",
    )
    project.write(
        "dvc.yaml",
        "stages:\n"
        "  prepare: {cmd: python prepare.py, deps: [prepare.py, data], outs: [prepared]}\n"
        "  train:\n    cmd: python train.py\n    deps: [train.py, prepared]\n"
        "    params: [lr, seed]\n    outs: [model.bin]\n"
        "    metrics: [metrics.json: {cache: false}]\n",
    )
    project.git("add", "-A")
    project.git("commit", "-qm", "pipeline")
    done = project.run("--", "dvc", "repro", "-q")
    assert done["metrics"]["accuracy"] > 0.2
    listed = project.git("ls-tree", "-r", "--name-only", done["commit"]).splitlines()
    assert "dvc.lock" in listed
    assert "model.bin.dvc" not in listed, "DVC refuses an output with two pointers"
    clone = _clone_with_data(project, tmp_path, done["commit"])
    assert (clone / "model.bin").exists() and (clone / "prepared/x").exists()
    again = subprocess.run(["dvc", "repro"], cwd=clone, capture_output=True, text=True, check=True)
    assert again.stdout.count("didn't change") == 3


def test_data_that_nobody_tracks_is_named_with_the_command_that_would(
    project: Project, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("1\n")
    project.write(".gitignore", (project.root / ".gitignore").read_text() + "/raw/\n")
    project.write("raw/a.csv", "1\n")
    project.write(
        "train.py",
        f"print('loss:', len(open('raw/a.csv').read() + open({str(outside)!r}).read()))\n",
    )
    done = project.run()
    assert any("raw/a.csv" in text and "dvc add raw/a.csv" in text for text in done["warnings"])
    assert any(str(outside) in text for text in done["warnings"])
    data = _inputs(project)["data"]
    assert {"raw/a.csv", str(outside)} <= set(data)  # type: ignore[arg-type]
    assert project.run()["reused"] is True
    project.write("raw/a.csv", "1\n2\n")
    assert project.run()["reused"] is False
    outside.write_text("1\n2\n3\n")
    changed = project.run()
    assert changed["reused"] is False
    assert str(outside) in json.dumps(changed["differences"])


def test_declared_data_of_every_kind(project: Project, tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    huge.mkdir()
    (huge / "a.bin").write_bytes(bytes(9))
    project.write("local/a.csv", "1\n")
    project.write(
        "gitml.yaml",
        "command: python train.py\ndata:\n  - local\n"
        f"  - {{path: {huge}, by: listing}}\n  - {{external: 's3://bucket/set'}}\n",
    )
    project.run()
    data = _inputs(project)["data"]
    assert {"local", str(huge), "s3://bucket/set"} <= set(data)  # type: ignore[arg-type]
    again = project.run()
    assert (again["reused"], again["level"]) == (False, "near"), "external data is not captured"
    project.write("gitml.yaml", "command: python train.py\ndata: [missing]\n")
    refused = project.gitml("exp", "run", status=2)
    assert "missing" in refused.stderr and len(refused.stderr.splitlines()) <= 2


def test_a_run_that_goes_on_from_an_earlier_checkpoint_names_it(project: Project) -> None:
    project.write(
        "train.py",
        "import glob\n"
        "found = sorted(glob.glob('state-*.bin'))\n"
        "data = open(found[-1], 'rb').read() if found else b''\n"
        "open(f'state-{len(found)}.bin', 'wb').write(data + bytes(9))\n"
        "print('loss:', 1 / (1 + len(found)))\n",
    )
    project.run("--name", "first")
    project.run("--name", "second", "--force")
    record = project.json("exp", "show", "second")
    assert [item["experiment"] for item in record["init_from"]] == ["first"]
    assert list(record["inputs"]["data"]) == ["state-0.bin"]
    assert record["inputs"]["data"]["state-0.bin"]["restorable"] is True
    assert not [text for text in record["warnings"] if "versioned" in text]


def test_a_checkpoint_that_is_read_and_overwritten_is_said_to_be(project: Project) -> None:
    project.write(
        "train.py",
        "import os\n"
        "data = open('state.bin', 'rb').read() if os.path.exists('state.bin') else b''\n"
        "open('state.bin', 'wb').write(data + bytes(9))\nprint('loss:', 1 / (1 + len(data)))\n",
    )
    project.run()
    second = project.run("--force")
    assert any("state.bin was read and then overwritten" in text for text in second["warnings"])


# Weights


def test_weights_in_a_folder_that_git_ignores_are_found_by_plain_dvc(
    project: Project, tmp_path: Path
) -> None:
    project.write(".gitignore", (project.root / ".gitignore").read_text() + "outputs/\n*.ckpt\n")
    project.write(
        "train.py",
        "import os\nos.makedirs('outputs/run 1', exist_ok=True)\n"
        "open('outputs/run 1/model.ckpt', 'wb').write(bytes(range(9)))\n"
        "open('outputs/run 1/model.safetensors', 'wb').write("
        'b\'\\x40\' + bytes(7) + b\'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}\''
        ".ljust(64) + bytes(4))\n",
    )
    done = project.run()
    assert {"outputs/run 1/model.ckpt", "outputs/run 1/model.safetensors"} <= set(
        _artifacts(project)
    )
    clone = _clone_with_data(project, tmp_path, done["commit"])
    assert (clone / "outputs/run 1/model.ckpt").read_bytes() == bytes(range(9))
    assert (clone / "outputs/run 1/model.safetensors").stat().st_size == 76
    assert subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True,
                          text=True, check=True).stdout.strip() in ("", "M .dvc/config")  # fmt: skip


def test_torch_weights_are_converted_and_a_checkpoint_stays_one(
    project: Project, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    project.write(
        "train.py",
        "import torch\n"
        "model = torch.nn.Linear(4, 2)\n"
        "optimizer = torch.optim.Adam(model.parameters())\n"
        "model(torch.ones(1, 4)).sum().backward()\noptimizer.step()\n"
        "torch.save(model.state_dict(), 'model.pt')\n"
        "torch.save({'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'epoch': 3},"
        " 'last.ckpt')\n"
        "torch.save(model, 'whole.pt')\n",
    )
    done = project.run()
    artifacts = _artifacts(project)
    (weights,) = [item for item in artifacts.values() if item["source"] == "model.pt"]
    assert weights["role"] == "weights" and weights["tensors"]
    assert artifacts["last.ckpt"]["role"] == "checkpoint"
    assert artifacts["whole.pt"]["role"] == "checkpoint" and artifacts["whole.pt"]["unsafe"] is True
    clone = _clone_with_data(project, tmp_path, done["commit"])
    from safetensors import safe_open

    (shard,) = (clone / str(weights["path"])).glob("*.safetensors")
    with safe_open(str(shard), "numpy") as file:
        assert sorted(file.keys()) == ["bias", "weight"]
    assert (clone / "last.ckpt").exists() and (clone / "whole.pt").exists()
    assert (project.root / "model.pt").exists()


def test_a_hugging_face_folder_is_stored_as_one(project: Project, tmp_path: Path) -> None:
    project.write(
        "train.py",
        "import json, os\nimport numpy as np\nfrom safetensors.numpy import save_file\n"
        "os.makedirs('model', exist_ok=True)\n"
        "save_file({'a': np.ones(3, 'f4')}, 'model/model-00001-of-00002.safetensors')\n"
        "save_file({'b': np.ones(2, 'f4')}, 'model/model-00002-of-00002.safetensors')\n"
        "json.dump({'metadata': {}, 'weight_map': {'a': 'model-00001-of-00002.safetensors', "
        "'b': 'model-00002-of-00002.safetensors'}}, open('model/model.safetensors.index.json', 'w'))\n"
        "json.dump({'architectures': ['X']}, open('model/config.json', 'w'))\n",
    )
    project.write("gitml.yaml", "command: python train.py\noutputs: {weights: [model]}\n")
    done = project.run()
    artifacts = _artifacts(project)
    assert artifacts["model"]["role"] == "weights" and artifacts["model"]["files"] == 4
    assert "model/config.json" not in artifacts
    listed = project.git("ls-tree", "-r", "--name-only", "exp/main").splitlines()
    assert "model.dvc" in listed and ".gitml/tensors/model.jsonl" in listed
    clone = _clone_with_data(project, tmp_path, done["commit"])
    assert len(list((clone / "model").iterdir())) == 4


# Loggers


def test_tensorboard_and_dvclive_are_read(project: Project) -> None:
    project.write(
        "train.py",
        "import json, os, pathlib\n"
        "from torch.utils.tensorboard import SummaryWriter\n"
        "with SummaryWriter('runs/now') as writer:\n"
        "    for step in range(3):\n"
        "        writer.add_scalar('loss/val', 1 / (step + 1), step)\n"
        "folder = pathlib.Path('dvclive/plots/metrics')\nfolder.mkdir(parents=True, exist_ok=True)\n"
        "(folder / 'acc.tsv').write_text('step\\tacc\\n0\\t0.5\\n1\\t0.75\\n')\n"
        "pathlib.Path('dvclive/metrics.json').write_text(json.dumps({'acc': 0.75, 'step': 1}))\n",
    )
    pytest.importorskip("tensorboard")
    done = project.run()
    assert done["metrics"]["acc"] == 0.75
    assert abs(done["metrics"]["loss/val"] - 1 / 3) < 1e-6
    lines = [json.loads(line) for line in project.git("show", "exp/main:.gitml/history.jsonl").splitlines()]  # fmt: skip
    assert len(lines) >= 3


def test_timestamped_folders_of_earlier_runs_change_nothing(project: Project) -> None:
    project.write(
        "train.py",
        "import os, time\nfolder = f'outputs/{time.time_ns()}'\nos.makedirs(folder)\n"
        "open(f'{folder}/log.txt', 'w').write('x')\nopen(f'{folder}/w.bin', 'wb').write(bytes(9))\n"
        "print('loss: 0.5')\n",
    )
    project.run("--name", "one")
    assert project.run()["reused"] is True
    project.run("--force", "--name", "two")
    again = project.run()
    assert (again["reused"], again["level"]) == (True, "identical")
    assert len([path for path in _artifacts(project, "two") if path.startswith("outputs/")]) == 2


def test_what_a_run_deletes_and_what_it_renames_is_no_trouble(project: Project) -> None:
    project.write("old.txt", "x\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "old")
    project.write(
        "train.py",
        "import os\nos.remove('old.txt')\nopen('a.tmp', 'w').write('y')\nos.rename('a.tmp', 'b.txt')\n"
        "os.makedirs('empty', exist_ok=True)\n",
    )
    project.run("--name", "one")
    artifacts = _artifacts(project)
    assert "b.txt" in artifacts and "a.tmp" not in artifacts


def test_the_record_says_nothing_of_where_the_project_lies(project: Project) -> None:
    project.write("metrics.json", "[")
    project.write(
        "train.py", "open('metrics.json', 'w').write('[')\nimport sys\nprint(sys.version)\n"
    )
    project.run("--", sys.executable, "train.py")
    record = project.git("show", "exp/main:.gitml/experiment.json")
    assert str(project.root.parent) not in record
    assert os.environ["HOME"] not in record
    assert str(project.root.parent) not in project.git("log", "--format=%B", "exp/main")


def test_two_projects_with_the_same_configuration_do_not_meet(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        project = Project(tmp_path / name)
        project.root.mkdir()
        project.git("init", "-q")
        project.write("train.py", TRAIN)
        project.write("params.yaml", "lr: 0.1\nseed: 1\n")
        project.write("gitml.yaml", CONFIG)
        project.gitml("init")
        made.append(project.run("--name", "same"))
    assert made[0]["fingerprint"] == made[1]["fingerprint"], "the place never counts"
    assert made[1]["reused"] is False
