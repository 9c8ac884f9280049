"""`save_weights` and `load_weights`: a model as a folder of safetensors files that stores well."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitml.api.hints import hints_shown
from gitml.api.place import run_folder
from gitml.api.scalars import scalars, whole_step
from gitml.errors import ArtifactError
from gitml.outputs.receipts import staging_folder, write_receipt
from gitml.outputs.sharding import plan_shards
from gitml.outputs.weights_folder import write_folder

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_FILES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")


class SavedWeights(NamedTuple):
    """What `save_weights` did.

    Attributes:
        path: The folder.
        tensors: Number of tensors in it; tied ones count once.
        size: Bytes of its files.
        rewritten: Names of the files that were written; the others held the same bytes already.
    """

    path: Path
    tensors: int
    size: int
    rewritten: tuple[str, ...]


def save_weights(
    model: Module | Mapping[str, Tensor],
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, Any] | None = None,
    step: int | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> SavedWeights:
    """Save the weights of a model into a folder.

        gitml.save_weights(model, "model")
        gitml.save_weights(model, f"checkpoints/epoch-{epoch}", step=epoch, metrics={"loss": loss})

    The folder holds `model.safetensors.index.json` and safetensors files, one for each block of
    the model, as Hugging Face's tools expect them. Which tensor is in which file depends on names
    and shapes alone, so that a block that didn't change is a file that didn't change, and is
    stored once however many experiments have it. Saving the same weights again writes nothing.

    Names lose what DistributedDataParallel, FSDP and torch.compile put into them. Tensors that
    share their memory are written once. The model is read tensor by tensor: neither a copy of it
    nor of one that is on a GPU is made in memory. A process that is killed while it saves leaves
    the model of before or a folder that can't be loaded, never a mix of two. In a distributed job
    call it on rank 0; processes that save into one folder take turns.

    In `gitml exp run` the folder is recorded as weights, and stored without being read again.

    Args:
        model: A `torch.nn.Module`, or its state dict (name → tensor of any shape, on any device).
            A module is better: it says which tensors are buffers.
        path: The folder; made if it doesn't exist. Weights of this function in it are replaced.
        metadata: Goes into the index, as `notes`; anything that JSON can hold.
        step: The training step or epoch, by which `outputs.keep` in `gitml.yaml` finds metrics.
        metrics: What was measured with these weights, for `outputs.keep`; name → number.

    Returns:
        The folder, and which of its files were written.

    Raises:
        ArtifactError: if the model holds something else than plain tensors (it is a ValueError,
            too): one that is sparse, quantised, distributed (FSDP2), on the meta device.
        StorageError: if the folder holds weights of somebody else, or can't be written.
    """
    from gitml.api.torch_state import pieces, state_of

    with hints_shown():
        folder = _folder(path)
        state = state_of(model)
        plan = plan_shards(state.entries(), state.aliases, state.buffers, notes=_notes(metadata))
        tensors = {plan.names[name]: tensor for name, tensor in state.tensors.items()}
        run = run_folder()
        shards = write_folder(
            folder,
            plan,
            lambda entry: pieces(tensors[entry.name]),
            staging=staging_folder(run) if run else None,
        )
        if run is not None:
            write_receipt(run, folder, shards, whole_step(step), scalars(metrics or {}))
    return SavedWeights(
        folder,
        len(tensors),
        sum(shard.size for shard in shards),
        tuple(shard.name for shard in shards if shard.rewritten),
    )


class LoadedWeights(dict[str, "Tensor"]):
    """Name → tensor, and how the names fitted the module.

    Attributes:
        missing: Tensors that the module has and the folder hasn't.
        unexpected: Tensors that the folder has and the module hasn't.
        metadata: What `save_weights` was given as `metadata`.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = {}


def load_weights(
    path: str | os.PathLike[str], module: Module | None = None, strict: bool = True
) -> LoadedWeights:
    """Load weights that `save_weights` saved, or other tools in the same convention.

        gitml.load_weights("model", model)
        state = gitml.load_weights("model")

    The files may come from anywhere: nothing in them is executed, and headers, names, shapes and
    sizes are checked before any memory is reserved.

    Args:
        path: A folder with an index or with one file `model.safetensors`, or a safetensors file.
        module: If given, the weights are put into it, whatever wrappers (DistributedDataParallel,
            FSDP1, torch.compile) it or the saved model has. Tied tensors are tied as the module
            has them. It is changed only after everything was found to fit.
        strict: Whether the names must be the same on both sides.

    Returns:
        Name → tensor. With a module, its own names and tensors. Without one, the names in the
        files, without wrappers' prefixes, and tensors in main memory; tied ones are one tensor.

    Raises:
        NotFoundError: if there are no weights at `path`.
        StorageError: if a file is damaged or hostile, or saving was cut off.
        ArtifactError: if the weights don't fit the module; a ValueError, too. It names what is
            missing, unexpected, or of another shape.
    """
    from gitml.api.weights_loading import load_alone, load_into

    with hints_shown():
        if module is None:
            tensors, notes = load_alone(Path(path))
            found = LoadedWeights(tensors)
        else:
            tensors, notes, missing, unexpected = load_into(Path(path), module, strict=strict)
            found = LoadedWeights(tensors)
            found.missing, found.unexpected = missing, unexpected
        found.metadata = notes
    return found


def _folder(path: str | os.PathLike[str]) -> Path:
    folder = Path(path)
    if folder.suffix in _FILES:
        raise ArtifactError(
            f"{path} is the name of a file, and weights are saved into a folder.",
            hint=f"gitml.save_weights(model, {folder.with_suffix('').as_posix()!r})",
        )
    return folder


def _notes(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        text = json.dumps(dict(metadata or {}), allow_nan=False)
        text.encode()
        tree: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArtifactError(
            f"metadata can't be written as JSON: {error}.",
            hint="It holds text, numbers, lists and mappings. Metrics go into `metrics`.",
        ) from None
    return tree
