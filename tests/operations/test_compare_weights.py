"""The weights of two recorded experiments, from Git alone and from storage."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from gitml.history.resolve import resolve
from gitml.operations import compare_weights as module
from gitml.operations.artifact_files import Arm, ArtifactFiles, Run
from gitml.operations.compare_weights import compare_weights
from gitml.operations.reading import open_reading
from tests.conftest import Project

TRAIN = """\
import json, pathlib
import numpy as np
from safetensors.numpy import save_file

params = dict(line.split(": ") for line in pathlib.Path("params.yaml").read_text().splitlines())
seed, step = int(params["seed"]), float(params["lr"])
random = np.random.default_rng(seed)
model = {f"layers.{i}.w": random.standard_normal((60, 80), "f4") for i in range(3)}
model["layers.1.w"] += step * np.random.default_rng(9).standard_normal((60, 80), "f4")
model["head.b"] = np.zeros(80, "f4")
save_file(model, "one.safetensors")
pathlib.Path("shards").mkdir(exist_ok=True)
groups = [list(model)] if step < 0.5 else [[name] for name in model]
for number, group in enumerate(groups):
    path = pathlib.Path("shards", f"model-{number}.safetensors")
    save_file({name: model[name] for name in group}, path)
pathlib.Path("metrics.json").write_text(json.dumps({"accuracy": step}))
"""

CONFIG = """\
command: python train.py
metrics:
  accuracy: {goal: max, primary: true}
outputs:
  metrics: [metrics.json]
  weights: [one.safetensors, shards]
"""


@pytest.fixture
def recorded(project: Project) -> Project:
    """A project with experiments a, b (of which one layer differs) and c (another seed)."""
    project.write("train.py", TRAIN)
    project.write("gitml.yaml", CONFIG)
    project.write("params.yaml", "lr: 0.0\nseed: 1\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "weights")
    for name, settings in (("a", ()), ("b", ("-S", "lr=1.0")), ("c", ("-S", "seed=2"))):
        shutil.rmtree(project.root / "shards", ignore_errors=True)
        project.run("--name", name, *settings)
    return project


def compared(start: Path, *names: str, **options: Any) -> tuple[Any, list[str]]:
    reading = open_reading(start)
    with reading.index() as index:
        rows = [resolve(reading.repository, index, name, reading.study) for name in names]
        arms = [Arm(row.experiment, Run(row, index.record(row.commit))) for row in rows]
    with ArtifactFiles(reading.repository, reading.folder) as files:
        return compare_weights(files, arms, **options), list(files.missing)


def test_weights_of_recorded_experiments_are_compared(recorded):
    found, missing = compared(recorded.root, "a", "b")
    assert [one.path for one in found] == ["one.safetensors", "shards"] and not missing
    for one in found:
        assert (one.kinship, one.exact, one.notes) == ("related", False, ())
        (block,) = one.blocks
        assert block.name == "layers.1" and block.relative == pytest.approx(1, rel=0.25)
        assert one.counts == {"changed": 1, "same": 3}
    seen: list[tuple[int, int]] = []
    exact, _ = compared(
        recorded.root, "a", "b", exact=True, progress=lambda *done: seen.append(done)
    )
    for one in exact:
        (tensor,) = one.tensors
        assert one.exact and tensor.share == 1.0 and tensor.largest > 2
        assert tensor.relative == pytest.approx(found[0].blocks[0].relative, rel=0.25)
    # Of one layer only, since the others are known to be the same.
    assert seen[-1] == (2 * 60 * 80 * 4,) * 2
    apart, _ = compared(recorded.root, "a", "c", exact=True)
    assert [one.kinship for one in apart] == ["independent"] * 2
    assert compared(recorded.root, "a", "b", "c")[0] == ()

    # Without the weights the manifests in Git still say what they say.
    shutil.rmtree(recorded.root / ".dvc/cache")
    assert compared(recorded.root, "a", "b") == (found, [])
    gone, missing = compared(recorded.root, "a", "b", exact=True)
    assert [one.blocks for one in gone] == [one.blocks for one in found]
    assert not any(one.exact for one in gone)
    assert gone[0].notes == (
        "one.safetensors of a isn't on this machine: `gitml exp pull` brings it.",
        "one.safetensors of b isn't on this machine: `gitml exp pull` brings it.",
    )
    assert set(missing) == {
        f"{one}: {path}" for one in "ab" for path in ("one.safetensors", "shards")
    }


def test_broken_weights_are_named_and_the_manifests_used(recorded, monkeypatch):
    cached = _largest(recorded.root / ".dvc/cache")
    cached.chmod(0o644)
    cached.write_bytes(b"\xff" * 64)
    found, _ = compared(recorded.root, "a", "b", exact=True)
    broken = [one for one in found if not one.exact]
    assert broken and all(one.blocks and "can't be read" in one.notes[0] for one in broken)

    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    cached.unlink()
    found, _ = compared(recorded.root, "b", "c", exact=True)
    assert any("needs numpy" in note for one in found for note in one.notes)


def _largest(folder: Path) -> Path:
    return max(
        (path for path in folder.rglob("*") if path.is_file()), key=lambda p: p.stat().st_size
    )


def test_a_damaged_manifest_is_said(recorded, monkeypatch):
    def committed(self: ArtifactFiles, run: Run, path: str) -> bytes:
        return b"{"

    with monkeypatch.context() as patched:
        patched.setattr(ArtifactFiles, "committed", committed)
        found, _ = compared(recorded.root, "a", "b")
        assert all(one.counts == {} and one.kinship == "unknown" for one in found)
        assert "The tensors of one.safetensors of a are unknown" in found[0].notes[0]
        # They can be listed again from the weights.
        exact, _ = compared(recorded.root, "a", "b", exact=True)
        assert exact[0].exact and exact[0].counts == {"changed": 1, "same": 3}
    monkeypatch.setattr(ArtifactFiles, "committed", lambda *_: None)
    found, _ = compared(recorded.root, "a", "b")
    assert found[0].notes[0] == "No tensors are known of one.safetensors of a."
    found, _ = compared(recorded.root, "a", "a")
    assert found[0].notes == ("one.safetensors is the same in both; its tensors aren't known.",)
