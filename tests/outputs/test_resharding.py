"""A file that a script wrote becomes the folder that `save_weights` would have written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from gitml.errors import GitmlError, StorageError
from gitml.outputs import resharding
from gitml.outputs.resharding import shard_file
from gitml.outputs.sharding import INDEX
from tests.outputs.models import write_sharded

TENSORS = {
    "layers.0.w": torch.arange(600_000, dtype=torch.float32).view(600, 1000),
    "layers.1.w": torch.ones(600, 1000, dtype=torch.bfloat16),
    "layers.0.b": torch.zeros(7),
    "count": torch.tensor(3),
    "empty": torch.ones(0, 4),
}


def digests(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shards_are_those_of_save_weights_and_notes_go_into_the_index(tmp_path):
    metadata = {"format": "pt", "b": "2", "a": "1"}
    save_file(TENSORS, tmp_path / "m.safetensors", metadata=metadata)
    shards = shard_file(tmp_path / "m.safetensors", tmp_path / "one")
    write_sharded(
        tmp_path / "two",
        [
            (name, str(dtype), tuple(t.shape), t.contiguous().view(-1).view(torch.uint8).numpy())
            for name, t in TENSORS.items()
            for dtype in [{torch.bfloat16: "BF16", torch.int64: "I64"}.get(t.dtype, "F32")]
            if t.dim()
        ]
        + [("count", "I64", (), TENSORS["count"].numpy().tobytes())],
    )
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    index = json.loads(one.pop(INDEX))
    assert index["metadata"]["notes"] == {"a": "1", "b": "2"}
    two.pop(INDEX)
    assert one == two and {shard.name for shard in shards} == {*one, INDEX}
    state = {}
    for name in one:
        state |= load_file(tmp_path / "one" / name)
    assert all(torch.equal(state[name], TENSORS[name]) for name in TENSORS)


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "m.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(StorageError, match="no sound safetensors"):
        shard_file(tmp_path / "m.safetensors", tmp_path / "w")
    with pytest.raises(GitmlError, match="doesn't exist"):
        shard_file(tmp_path / "none.safetensors", tmp_path / "w")


def test_a_file_that_changes_meanwhile_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    save_file(TENSORS, path)

    def changing(*arguments, write=resharding.write_folder):
        made = write(*arguments)
        os.utime(path)
        return made

    monkeypatch.setattr(resharding, "write_folder", changing)
    with pytest.raises(StorageError, match="written to while"):
        shard_file(path, tmp_path / "w")
