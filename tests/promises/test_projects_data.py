"""Data and weights as people have them: what DVC tracks, what it doesn't, and what a run makes."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from tests.conftest import Project
from tests.promises.looking import artifacts_of, clone_with_data, dvc_in, inputs_of


def test_data_that_changed_on_disk_counts_and_is_stored(project: Project, tmp_path: Path) -> None:
    project.write("data/a.csv", "1\n")
    project.write("table.csv", "1\n")
    dvc_in(project, "add", "data", "table.csv", "-q")
    project.git("add", "-A")
    project.git("commit", "-qm", "data")
    project.write(
        "train.py",
        "print('loss:', len(open('data/a.csv').read() + open('table.csv').read()))\n",
    )
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
    clone = clone_with_data(project, tmp_path, commit)
    assert (clone / "data/a.csv").read_text() == "1\n2\n"
    assert (clone / "table.csv").read_text() == "1\n2\n3\n"
    subprocess.run(["git", "checkout", "-q", first["commit"]], cwd=clone, check=True)
    subprocess.run(["dvc", "pull", "-q"], cwd=clone, check=True)
    assert (clone / "data/a.csv").read_text() == "1\n"


def test_a_pointer_of_another_name_and_with_more_in_it_is_kept_as_it_is(project: Project) -> None:
    project.write("sets/a.csv", "1\n")
    dvc_in(project, "add", "sets", "-q")
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
    dvc_in(project, "add", "data", "-q")
    dvc_in(project, "remote", "add", "-d", "store", str(tmp_path / "store"))
    dvc_in(project, "push", "-q")
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
    clone = clone_with_data(project, tmp_path, done["commit"])
    assert (clone / "old.csv").read_text() == "1\n2\n"


def test_data_that_dvc_links_from_its_cache_may_change(project: Project) -> None:
    dvc_in(project, "config", "cache.type", "symlink")
    project.write("data/a.csv", "1\n")
    project.write("data/b.csv", "2\n")
    dvc_in(project, "add", "data", "-q")
    assert (project.root / "data/a.csv").is_symlink()
    project.git("add", "-A")
    project.git("commit", "-qm", "data")
    project.run()
    assert project.run()["reused"] is True
    (project.root / "data/a.csv").unlink()
    project.write("data/a.csv", "new\n")
    assert project.run("--name", "changed")["status"] == "completed"
    shutil.rmtree(project.root / "data")
    project.gitml("exp", "apply", "changed")
    dvc_in(project, "checkout", "-q", "data.dvc")
    assert (project.root / "data/a.csv").read_text() == "new\n"


def test_a_pipeline_of_dvc_is_one_experiment_that_dvc_itself_agrees_with(
    project: Project, tmp_path: Path
) -> None:
    project.write("data/a.csv", "1\n")
    dvc_in(project, "add", "data", "-q")
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
    clone = clone_with_data(project, tmp_path, done["commit"])
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
    data = inputs_of(project)["data"]
    assert {"raw/a.csv", str(outside)} <= set(data)
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
    data = inputs_of(project)["data"]
    assert {"local", str(huge), "s3://bucket/set"} <= set(data)
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
        artifacts_of(project)
    )
    clone = clone_with_data(project, tmp_path, done["commit"])
    assert (clone / "outputs/run 1/model.ckpt").read_bytes() == bytes(range(9))
    assert (clone / "outputs/run 1/model.safetensors").stat().st_size == 76
    assert Project(clone).git("status", "--porcelain") == " M .dvc/config"


def test_torch_weights_are_converted_and_a_checkpoint_stays_one(
    project: Project, tmp_path: Path
) -> None:
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
    artifacts = artifacts_of(project)
    (weights,) = [item for item in artifacts.values() if item["source"] == "model.pt"]
    assert weights["role"] == "weights" and weights["tensors"]
    assert artifacts["last.ckpt"]["role"] == "checkpoint"
    assert artifacts["whole.pt"]["role"] == "checkpoint" and artifacts["whole.pt"]["unsafe"] is True
    clone = clone_with_data(project, tmp_path, done["commit"])
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
        "'b': 'model-00002-of-00002.safetensors'}}, "
        "open('model/model.safetensors.index.json', 'w'))\n"
        "json.dump({'architectures': ['X']}, open('model/config.json', 'w'))\n",
    )
    project.write("gitml.yaml", "command: python train.py\noutputs: {weights: [model]}\n")
    done = project.run()
    artifacts = artifacts_of(project)
    assert artifacts["model"]["role"] == "weights" and artifacts["model"]["files"] == 4
    assert "model/config.json" not in artifacts
    listed = project.git("ls-tree", "-r", "--name-only", "exp/main").splitlines()
    assert "model.dvc" in listed and ".gitml/tensors/model.jsonl" in listed
    clone = clone_with_data(project, tmp_path, done["commit"])
    assert len(list((clone / "model").iterdir())) == 4
