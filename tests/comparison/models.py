"""Models and their manifests for tests of the comparison of weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import save_file

from gitml.comparison.contents import WeightsComparison
from gitml.comparison.weights import compare_weights
from gitml.comparison.weights_measuring import measure
from gitml.outputs.tensor_manifest import TensorSummary, manifest, parse, render
from gitml.outputs.tensor_places import places

Tensors = Mapping[str, torch.Tensor]


def summaries(tensors: Tensors) -> list[TensorSummary]:
    """Return the manifest of a model, as Git has it."""
    with TemporaryDirectory() as folder:
        return parse(render(manifest([_saved(Path(folder) / "m", tensors)])))


def estimated(one: Tensors, other: Tensors) -> WeightsComparison:
    """Compare two models by their manifests."""
    return compare_weights(summaries(one), summaries(other))


def exactly(one: Tensors, other: Tensors) -> WeightsComparison:
    """Compare two models element by element."""
    with TemporaryDirectory() as folder:
        paths = [_saved(Path(folder) / name, t) for name, t in (("a", one), ("b", other))]
        first, second = (manifest([path]) for path in paths)
        ours, theirs = (places([path]) for path in paths)
        measured = measure(first, second, ours, theirs)
        return compare_weights(first, second, measured=measured)


def _saved(path: Path, tensors: Tensors) -> Path:
    save_file(
        {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, path
    )
    return path
