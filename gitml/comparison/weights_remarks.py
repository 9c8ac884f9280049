"""Sentences about two models: other names, tied tensors, numbers that are none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gitml.comparison.weights_matching import Pair
from gitml.outputs.tensor_manifest import TensorSummary

APART = (
    "The two models were initialised independently, so differences between single weights say "
    "nothing."
)
_NAMED = 3


def renamed(pairs: Iterable[Pair]) -> list[str]:
    """Return what to say about tensors that have another name in the second model."""
    found = [pair for pair in pairs if pair.before]
    if not found:
        return []
    count = "1 tensor has" if len(found) == 1 else f"{len(found):,} tensors have"
    return [f"{count} another name: {found[0].before} is {found[0].name} now."]


def tied(pairs: Sequence[Pair]) -> list[str]:
    """Return which tensors came or went only because two names share one tensor."""
    said = []
    for side, word in ((0, "removed"), (1, "added")):
        kept = {
            tensor.digest: tensor.name
            for pair in pairs
            if None not in pair and (tensor := pair[side]) is not None and _is_telling(tensor)
        }
        for pair in pairs:
            tensor = pair[side]
            if tensor is None or pair[1 - side] is not None or not _is_telling(tensor):
                continue
            if tensor.digest in kept:
                said.append(
                    f"{tensor.name} is {word}, and holds the same numbers as "
                    f"{kept[tensor.digest]}: the two are tied."
                )
    return said[:_NAMED]


def not_finite(odd: Iterable[tuple[Pair, tuple[int, int]]], titles: Sequence[str]) -> list[str]:
    """Return which tensors hold NaN or infinite numbers, a sentence for each model."""
    odd = list(odd)
    said = []
    for side, title in enumerate(titles[:2]):
        found = [
            f"{tensor.name} ({counts[side]:,} of {tensor.elements:,})"
            for pair, counts in odd
            if (tensor := pair[side]) is not None and counts[side]
        ]
        if found:
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            tensors = "1 tensor" if len(found) == 1 else f"{len(found):,} tensors"
            named = ", ".join(found[:_NAMED])
            said.append(f"{title} has NaN or infinite numbers in {tensors}: {named}{more}.")
    return said


def _is_telling(tensor: TensorSummary) -> bool:
    return bool(tensor.digest and tensor.deviation) and tensor.elements > 1
