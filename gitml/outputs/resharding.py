"""A single safetensors file as a folder of shards, from the bytes alone: no torch is needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gitml.errors import StorageError
from gitml.outputs.safetensors_file import read_header
from gitml.outputs.sharding import plan_shards
from gitml.outputs.tensor_layout import TensorEntry
from gitml.outputs.weights_folder import Shard, write_folder
from gitml.storage.digests import same_file
from gitml.storage.durable import disk_errors

_PIECE = 4 << 20


def shard_file(path: Path, folder: Path) -> list[Shard]:
    """Write the tensors of the file at `path` into `folder`, as `save_weights` would.

    Tensors that are tied are twice in the file, and stay so: only a module knows.

    Args:
        path: A safetensors file.
        folder: Made if it doesn't exist.

    Raises:
        NotFoundError: if there is no such file.
        StorageError: if it is no sound safetensors file, changes meanwhile, or the folder can't be
            written.
    """
    header = read_header(path)
    notes = {key: value for key, value in header.metadata.items() if key != "format"}
    plan = plan_shards(header.tensors, notes=notes)
    starts = {plan.names[entry.name]: header.offset + entry.start for entry in header.tensors}
    with disk_errors(f"read {path}"), path.open("rb", buffering=0) as file:
        before = os.fstat(file.fileno())

        def pieces(entry: TensorEntry) -> Iterator[bytes]:
            at, left = starts[entry.name], entry.size
            while left:
                piece = os.pread(file.fileno(), min(_PIECE, left), at)
                if not piece:
                    raise StorageError(f"{path} became shorter while it was read.")
                yield piece
                at, left = at + len(piece), left - len(piece)

        shards = write_folder(folder, plan, pieces)
        if not same_file(before, os.stat(path)):
            raise StorageError(
                f"Unstable output: {path} was written to while it was being stored.",
                hint="Wait until whatever writes it is done, then record the run with "
                "`gitml exp recover`.",
            )
    return shards
