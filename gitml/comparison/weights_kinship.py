"""Whether one model can have come from the other: of two initialised apart, weights say nothing.

Two networks that were initialised apart have the same units in another order, so that the
difference of single weights is about as large as if one of them were noise. Whether that is so is
seen in their matrices and convolution kernels: those of a model that was trained further, or from
the same start, correlate; those of two starts don't. Vectors aren't asked, since normalisation
weights begin at one and biases at zero in every model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from gitml.comparison.contents import Kinship
from gitml.comparison.weights_matching import Pair
from gitml.outputs.grouping import STATISTICS
from gitml.outputs.tensor_sketch import product

FLOATING = frozenset({"F64", "F32", "F16", "BF16"})

# Of chance, so many standard deviations are noise.
_NOISE = 5.0
# Networks trained on the same data have correlations a little above zero, whatever the start.
_CLEAR = 0.2
# With so many matrices of a kind, the models are kin, though others began anew (a new head).
_SOME = 0.25
# Matrices that are merely the same may be constants (a table of positions) or word vectors that
# somebody else trained; only a half of them says that the rest began together, too.
_MANY = 0.5
# Apart is said only where a correlation such as this one would have been seen.
_SEEN = 0.5


class Closeness(NamedTuple):
    """How a matrix of two models correlates.

    Attributes:
        same: Whether both have the same bytes.
        correlation: Of their elements; 1 where they are the same.
        chance: Standard deviation of the correlation for matrices that have nothing in common.
    """

    same: bool
    correlation: float = 1.0
    chance: float = 0.0


def kinship(found: Iterable[Closeness]) -> Kinship:
    """Return whether models are related, judged by their matrices, or `unknown`."""
    found = list(found)
    compared = [item for item in found if not item.same]
    same = len(found) - len(compared)
    near = sum(item.correlation > max(_NOISE * item.chance, _CLEAR) for item in compared)
    enough = _SOME if near else _MANY
    if found and same + near >= enough * len(found):
        return "related"
    if not compared:
        return "unknown"
    weights = [item.chance**-2 for item in compared]
    total = math.fsum(weights)
    mean = (
        math.fsum(weight * item.correlation for weight, item in zip(weights, compared, strict=True))
        / total
    )
    chance = total**-0.5
    if mean > max(_NOISE * chance, _CLEAR):
        return "related"
    return "independent" if mean + 3 * chance < _SEEN else "unknown"


def closeness(pair: Pair, inner: float | None = None) -> Closeness | None:
    """Return how a matrix of two models correlates; None of what is none, or isn't known.

    Args:
        pair: The tensor in both models.
        inner: Their exact inner product; estimated from the sketches if None.
    """
    one, other = pair
    if one is None or other is None or not _is_matrix(pair):
        return None
    if one.norm is None or other.norm is None or one.mean is None or other.mean is None:
        return None
    spread = (one.deviation or 0.0) * (other.deviation or 0.0) * one.elements
    if not spread or one.odd or other.odd:
        return None
    if one.digest and one.digest == other.digest:
        return Closeness(True)
    lost = 1 / one.elements
    if inner is None:
        sums, other_sums = one.sums(), other.sums()
        if sums is None or other_sums is None:
            return None
        scale = math.hypot(*sums) * math.hypot(*other_sums)
        if not scale:
            return None
        # The cosine of the sketches is closer to that of the tensors than their inner product.
        inner = product(sums, other_sums) / scale * one.norm * other.norm
        if len(sums) < one.elements:
            lost += 1 / len(sums)
    correlation = (inner - one.elements * one.mean * other.mean) / spread
    scale = max(one.norm * other.norm / spread, 1.0)
    return Closeness(False, correlation, scale * math.sqrt(lost))


def is_trained(name: str, *types: str) -> bool:
    """Whether a tensor is what training changes: floating, and no running statistic."""
    return FLOATING.issuperset(types) and not name.endswith(STATISTICS)


def _is_matrix(pair: Pair) -> bool:
    one, other = pair
    if one is None or other is None or one.shape != other.shape:
        return False
    large = sum(size > 1 for size in one.shape) >= 2
    return large and is_trained(pair.name, one.dtype, other.dtype)
