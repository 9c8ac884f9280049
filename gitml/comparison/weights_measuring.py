"""Reading the weights of two models, as far as their manifests don't say it all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from gitml.comparison.weights_matching import Pair, match
from gitml.outputs.tensor_manifest import TensorSummary
from gitml.outputs.tensor_places import Place


class Measured(NamedTuple):
    """What reading a tensor of both models gave.

    Attributes:
        squares: Sums of A², B² and (B - A)² over the elements that are finite in both.
        largest: Largest |B - A|.
        share: Share of the elements that differ.
        odd: Number of elements that are NaN or infinite, in both.
    """

    squares: tuple[float, float, float]
    largest: float
    share: float
    odd: tuple[int, int] = (0, 0)


def measure(
    first: Sequence[TensorSummary],
    second: Sequence[TensorSummary],
    ours: Mapping[str, Place],
    theirs: Mapping[str, Place],
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Measured]:
    """Return name (in the second model) → what reading gave, of tensors of one shape that differ.

    It needs numpy. Norms that the manifests have are taken from there.

    Args:
        first: Tensors of the first model.
        second: Tensors of the second.
        ours: Where those of the first are.
        theirs: Where those of the second are.
        progress: Takes (done, total) in bytes.

    Raises:
        StorageError: if a file can't be read.
    """
    from gitml.outputs.tensor_difference import differences

    work = [
        (pair, ours[pair.first.name], theirs[pair.second.name])
        for pair in match(first, second)
        if pair.first is not None
        and pair.second is not None
        and not (pair.first.digest and pair.first.digest == pair.second.digest)
        and pair.first.name in ours
        and pair.second.name in theirs
    ]
    work = [item for item in work if item[1].entry.shape == item[2].entry.shape]
    known = [_squares(pair) for pair, _, _ in work]
    found = differences([(one, other) for _, one, other in work], progress, known)
    return {
        pair.name: Measured(
            one.squares,
            one.largest,
            one.changed / one.elements if one.elements else 0.0,
            one.odd,
        )
        for (pair, _, _), one in zip(work, found, strict=True)
        if one is not None
    }


def _squares(pair: Pair) -> tuple[float, float] | None:
    """Return ‖A‖² and ‖B‖² by the manifests, if they know these and all elements are finite."""
    one, other = pair
    if one is None or other is None or one.odd or other.odd:
        return None
    if one.norm is None or other.norm is None:
        return None
    squares = one.norm * one.norm, other.norm * other.norm
    return squares if all(map(math.isfinite, squares)) else None
