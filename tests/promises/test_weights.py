"""Weights through the whole way: saved in a run, recorded, shared, and loaded by plain tools."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gitml.outputs.sharding import INDEX
from tests.conftest import Project
from tests.promises.looking import clone_with_data, dvc_in

NETWORK = '''\
"""A small convolutional network with normalisation, the like of which has a head that is tuned."""
import torch
from torch import nn


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [64, 128, 128, 256]
        self.stem = nn.Conv2d(3, 64, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in zip([64, *widths], widths)
        )
        self.head = nn.Linear(256, 10)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


def network():
    torch.manual_seed(0)
    return Network()
'''

TRAIN = """\
import json, sys
import torch
import gitml
from net import network

model = network()
if "--tune" in sys.argv:
    gitml.load_weights("model", model)
    for parameter in model.parameters():
        parameter.requires_grad = False
    for parameter in model.head.parameters():
        parameter.requires_grad = True
    model.train()  # so that the statistics of the normalisation go on changing
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.head.parameters(), 0.1)
    for _ in range(2):
        model(torch.randn(8, 3, 8, 8)).square().sum().backward()
        optimizer.step()
saved = gitml.save_weights(model, "tuned" if "--tune" in sys.argv else "model")
print("rewritten:", *saved.rewritten)
json.dump({"loss": float(model.head.weight.norm())}, open("metrics.json", "w"))
"""

CONFIG = "command: python train.py\nmetrics: {loss: {goal: min, primary: true}}\n"


@pytest.fixture
def training(project: Project) -> Project:
    project.write("net.py", NETWORK)
    project.write("train.py", TRAIN)
    project.write("gitml.yaml", CONFIG)
    project.git("add", "-A")
    project.git("commit", "-qm", "a network")
    return project


def artifacts(project: Project, name: str) -> dict[str, dict[str, Any]]:
    return {item["path"]: item for item in project.json("exp", "show", name)["artifacts"]}


def stored(project: Project) -> dict[str, int]:
    cache = project.root / ".dvc/cache/files/md5"
    return {str(path.relative_to(cache)): path.stat().st_size for path in cache.glob("??/*")}


def test_a_tuned_head_adds_its_bytes_and_little_more_and_the_same_weights_add_none(
    training: Project, tmp_path: Path
) -> None:
    first = training.run()
    one = artifacts(training, first["experiment"])["model"]
    assert one["role"] == "weights" and one["tensors"] == ".gitml/tensors/model.jsonl"
    before = stored(training)

    tuned = training.run("--", "python", "train.py", "--tune")
    record = training.json("exp", "show", tuned["experiment"])
    assert [item["commit"] for item in record["init_from"]] == [first["commit"]]
    added = sum(size for name, size in stored(training).items() if name not in before)
    head = 256 * 10 * 4 + 10 * 4
    assert head < added <= head + 0.01 * one["size"]

    before = stored(training)
    (training.root / "train.py").write_text(TRAIN + "print('once more')\n")
    again = training.gitml("exp", "run", "--force", "--name", "again")
    assert "rewritten:\n" in again.stdout or "rewritten: \n" in again.stdout
    assert artifacts(training, "again")["model"]["digest"] == one["digest"]
    assert stored(training) == before
    assert "untracked" not in again.stderr
    assert training.run()["reused"] is True

    clone = clone_with_data(training, tmp_path, tuned["commit"])
    index = json.loads((clone / "tuned" / INDEX).read_text())
    state: dict[str, torch.Tensor] = {}
    for file in set(index["weight_map"].values()):
        state |= load_file(clone / "tuned" / file)
    assert len(state) == 32 and state["head.weight"].shape == (10, 256)
    assert float(state["head.weight"].norm()) == pytest.approx(tuned["metrics"]["loss"])


SERIES = """\
import json, os
import torch
import gitml

torch.manual_seed(0)
model = torch.nn.Linear(200, 200)
optimizer = torch.optim.Adam(model.parameters())
model(torch.ones(1, 200)).sum().backward()
optimizer.step()
os.makedirs("ckpt", exist_ok=True)
for epoch in range(1, 5):
    with torch.no_grad():
        model.weight.fill_(epoch)
    gitml.log(step=epoch, valid_loss=abs(epoch - 2))
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
    torch.save(state, f"ckpt/epoch-{epoch:02d}.pt")
from safetensors.torch import save_file
save_file({"layers.0.w": torch.ones(600, 600)}, "net.safetensors", metadata={"a": "1", "b": "2"})
"""

KEEP = """\
outputs:
  shard: true
  keep:
    weights: {last: 1, best: 1, by: valid_loss, goal: min}
    checkpoints: {last: 1}
"""


def test_checkpoints_give_their_weights_and_only_what_is_kept_is_stored(
    project: Project, tmp_path: Path
) -> None:
    project.write("train.py", SERIES)
    project.write("gitml.yaml", CONFIG.replace("loss", "valid_loss") + KEEP)
    run = project.gitml("exp", "run", "--json", "--name", "kept")
    done = json.loads(run.stdout.splitlines()[-1])
    found = artifacts(project, "kept")
    assert {path: item["role"] for path, item in found.items() if item["storage"] == "dvc"} == {
        "ckpt/epoch-02.weights": "weights",
        "ckpt/epoch-04.weights": "weights",
        "ckpt/epoch-04.pt": "checkpoint",
        "net.weights": "weights",
    }
    assert found["ckpt/epoch-04.weights"]["source"] == "ckpt/epoch-04.pt"
    assert "its weights are in ckpt/epoch-04.weights" in found["ckpt/epoch-04.pt"]["note"]
    record = project.json("exp", "show", "kept")
    assert record["unstored"] == ["ckpt/epoch-01.pt", "ckpt/epoch-03.pt"]
    (said,) = [line for line in run.stderr.splitlines() if "outputs.keep" in line]
    assert said.startswith("2 of 4 ckpt/epoch-*.pt (") and "left on disk" in said
    assert (project.root / "ckpt/epoch-01.pt").exists()
    # What was left on disk is no input of the next run.
    assert project.run()["reused"] is True

    # Its checkpoint is restored with it, so it is not of another run.
    for left in ("ckpt/epoch-04.pt", "ckpt/epoch-03.pt"):
        (project.root / left).unlink()
    applied = project.gitml("exp", "apply", "kept").stderr
    assert (project.root / "ckpt/epoch-04.pt").exists() and "ckpt/epoch-04.pt stays" not in applied
    assert "ckpt/epoch-02.pt stays as it is" in applied
    project.git("checkout", "-q", "--force", "HEAD")

    clone = clone_with_data(project, tmp_path, done["commit"])
    assert "up to date" in dvc_in(Project(clone), "status")
    state = load_file(clone / "ckpt/epoch-02.weights/model.safetensors")
    assert float(state["weight"][0, 0]) == 2
    resume = torch.load(clone / "ckpt/epoch-04.pt", weights_only=True)
    assert resume["epoch"] == 4 and "state" in resume["optimizer"]


def test_a_file_that_is_stored_in_shards_reproduces(project: Project) -> None:
    project.write(
        "train.py",
        "import numpy as np\nfrom safetensors.numpy import save_file\n"
        "save_file({'layers.0.w': np.ones((600, 600), 'f4')}, 'net.safetensors')\n",
    )
    project.write("gitml.yaml", "command: python train.py\noutputs: {shard: true}\n")
    project.run("--name", "sharded")
    assert artifacts(project, "sharded")["net.weights"]["source"] == "net.safetensors"
    document = project.json("exp", "rerun", "sharded")
    assert document["verdict"] == "reproduced" and document["compared"]["weights"] == 1


def test_a_script_that_is_killed_while_it_saves_leaves_nothing_that_loads_as_a_mix(
    training: Project,
) -> None:
    training.write(
        "train.py",
        "import os, signal, threading\nimport gitml, torch\nfrom net import network\n"
        "model = network()\ngitml.save_weights(model, 'model')\n"
        "threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGKILL)).start()\n"
        "while True:\n"
        "    for parameter in model.parameters():\n        parameter.data += 1\n"
        "    gitml.save_weights(model, 'model')\n",
    )
    training.gitml("exp", "run", "--keep-failed", "--name", "killed", status=None)
    import gitml

    folder = training.root / "model"
    try:
        state = gitml.load_weights(folder)
    except gitml.errors.StorageError as error:
        assert "cut off" in error.message
    else:
        steps = {
            round(float(state[name].float().mean()))
            for name in ("blocks.0.1.bias", "blocks.3.1.bias")
        }
        assert len(steps) == 1
    found = artifacts(training, "killed")
    assert found["model"]["role"] == "weights"
    assert not [name for name in os.listdir(folder) if name.startswith(".")]


def test_transformers_loads_what_was_saved(tmp_path: Path) -> None:
    import transformers

    import gitml

    config = transformers.GPT2Config(
        n_layer=2, n_head=2, n_embd=256, vocab_size=3000, n_positions=32
    )
    model = transformers.GPT2LMHeadModel(config)
    config.save_pretrained(tmp_path / "model")
    gitml.save_weights(model, tmp_path / "model")
    assert len(list((tmp_path / "model").glob("*.safetensors"))) > 1
    loaded, report = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "model", output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    for one, two in zip(model.state_dict().values(), loaded.state_dict().values(), strict=True):
        assert torch.equal(one, two)
