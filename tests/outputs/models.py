"""Models without torch, saved as `save_weights` saves them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gitml.outputs.grouping import LARGE
from gitml.outputs.sharding import plan_shards
from gitml.outputs.tensor_layout import Data, TensorEntry
from gitml.outputs.weights_folder import write_folder

Tensor = tuple[str, str, Sequence[int], Data]


def write_sharded(
    folder: Path,
    tensors: Iterable[Tensor],
    aliases: Mapping[str, str] | None = None,
    buffers: frozenset[str] | None = None,
    large: int = LARGE,
) -> tuple[str, ...]:
    """Write a model's tensors into `folder`, and return the names of the files.

    The same tensors give the same bytes.

    Args:
        folder: Made if it doesn't exist.
        tensors: (name, element type, shape, raw little-endian bytes) of each tensor that is kept.
        aliases: Name of a tied tensor that is left out → name of the one that is kept.
        buffers: Names of what isn't trained; None if that isn't known.
        large: Bytes from which a tensor has a file of its own.

    Raises:
        StorageError: if the tensors make no sound model, the folder holds weights that were not
            saved by gitml, or can't be written.
    """
    tensors = list(tensors)
    entries = [
        TensorEntry(name, dtype, tuple(shape), 0, memoryview(data).nbytes)
        for name, dtype, shape, data in tensors
    ]
    plan = plan_shards(entries, aliases, buffers, large)
    content = {plan.names[name]: data for name, _, _, data in tensors}
    return tuple(shard.name for shard in write_folder(folder, plan, lambda e: [content[e.name]]))
