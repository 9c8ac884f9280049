"""What changed between the weights of two models: architecture, blocks, tensors.

From the tensor manifests alone, the size of a difference is an estimate (see `tensor_sketch`). With
the norms a and b, and d for ‖B - A‖, the relative change is d/a, and the cosine
(a² + b² - d²) / 2ab, whose error is small where the models are close.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gitml.comparison.contents import BlockChange, Kinship, TensorChange, WeightsComparison
from gitml.comparison.weights_kinship import Closeness, closeness, is_trained, kinship
from gitml.comparison.weights_matching import Pair, match
from gitml.comparison.weights_measuring import Measured
from gitml.comparison.weights_remarks import APART, not_finite, renamed, tied
from gitml.outputs.grouping import STATISTICS, block_of
from gitml.outputs.tensor_layout import tensor_size
from gitml.outputs.tensor_manifest import TensorSummary
from gitml.outputs.tensor_sketch import distance

CHANGES = ("added", "removed", "reshaped", "retyped", "changed", "same")


class _Line(NamedTuple):
    pair: Pair
    change: str
    measured: Measured | None
    squares: tuple[float, float, float] | None


def compare_weights(
    first: Sequence[TensorSummary],
    second: Sequence[TensorSummary],
    *,
    paths: tuple[str | None, str | None] = ("", ""),
    titles: Sequence[str] = ("the first", "the second"),
    measured: Mapping[str, Measured] | None = None,
    notes: Sequence[str] = (),
) -> WeightsComparison:
    """Return what changed from the first model to the second.

    Args:
        first: Its tensors.
        second: Its tensors.
        paths: Where the models were written.
        titles: What they are called.
        measured: Name (in the second) → what reading the weights gave, where they were read.
        notes: What else is to be said.
    """
    pairs = match(first, second)
    lines = [_line(pair, measured) for pair in pairs]
    kind = _kinship(lines)
    shown = kind != "independent"
    tensors = [_tensor(line, shown=shown) for line in lines]
    odd = [(line.pair, _odd_of(line)) for line in lines]
    said = [*notes, *renamed(pairs), *tied(pairs), *not_finite(odd, titles)]
    if not shown:
        said.append(APART)
    counts = Counter(line.change for line in lines)
    return WeightsComparison(
        path=paths[1] or paths[0] or "",
        paths=paths,
        exact=measured is not None,
        kinship=kind,
        counts={change: counts[change] for change in CHANGES if counts[change]},
        parameters=(_sum(first), _sum(second)),
        sizes=(sum(map(_size, first)), sum(map(_size, second))),
        blocks=_blocks(lines, shown=shown),
        tensors=tuple(tensor for tensor in tensors if tensor.change != "same"),
        notes=tuple(said),
    )


def change_of(pair: Pair) -> str:
    """Return which of `CHANGES` became of a tensor."""
    one, other = pair
    if one is None:
        return "added"
    if other is None:
        return "removed"
    if one.shape != other.shape:
        return "reshaped"
    if one.dtype != other.dtype:
        return "retyped"
    return "same" if one.digest and one.digest == other.digest else "changed"


def _line(pair: Pair, measured: Mapping[str, Measured] | None) -> _Line:
    change = change_of(pair)
    found = (measured or {}).get(pair.name)
    if found is not None and change == "changed" and not found.share and not any(found.odd):
        change = "same"
    return _Line(pair, change, found, _squares(pair, change, found))


def _squares(
    pair: Pair, change: str, measured: Measured | None
) -> tuple[float, float, float] | None:
    """Return ‖A‖², ‖B‖² and ‖B - A‖²; None where that isn't known or means nothing."""
    one, other = pair
    if one is None or other is None or change == "reshaped":
        return None
    if change == "retyped" and not is_trained("", one.dtype, other.dtype):
        return None  # integers of a quantised model have another scale
    if measured is not None:
        return measured.squares
    if one.norm is None or other.norm is None:
        return None
    if change == "same":
        return one.norm * one.norm, one.norm * one.norm, 0.0
    sums, other_sums = one.sums(), other.sums()
    if sums is None or other_sums is None:
        return None
    apart = distance(sums, other_sums)
    return one.norm * one.norm, other.norm * other.norm, apart * apart


def _kinship(lines: Sequence[_Line]) -> Kinship:
    if lines and all(line.change == "same" for line in lines):
        return "same"
    return kinship(found for line in lines if (found := _closeness(line)) is not None)


def _closeness(line: _Line) -> Closeness | None:
    if line.measured is None:
        return closeness(line.pair)
    ours, theirs, step = line.measured.squares
    return closeness(line.pair, (ours + theirs - step) / 2)


def _tensor(line: _Line, *, shown: bool) -> TensorChange:
    one, other = line.pair
    relative, cosine = _ratios(line.squares) if shown else (None, None)
    return TensorChange(
        name=line.pair.name,
        change=line.change,
        shapes=(one.shape if one else None, other.shape if other else None),
        dtypes=(one.dtype if one else None, other.dtype if other else None),
        norms=(one.norm if one else None, other.norm if other else None),
        relative=relative,
        cosine=cosine,
        largest=line.measured.largest if line.measured else None,
        share=line.measured.share if line.measured else None,
        odd=_odd_of(line),
        before=line.pair.before,
        statistic=_is_statistic(line),
    )


def _ratios(squares: tuple[float, float, float] | None) -> tuple[float | None, float | None]:
    """Return the relative change and the cosine; None where a norm is zero."""
    if squares is None or not all(map(math.isfinite, squares)):
        return None, None
    ours, theirs, step = squares
    relative = None
    if step == 0:
        relative = 0.0
    elif ours > 0:
        relative = math.sqrt(step / ours)
    if not (ours > 0 and theirs > 0):
        return relative, None
    cosine = (ours + theirs - step) / 2 / math.sqrt(ours) / math.sqrt(theirs)
    return relative, min(max(cosine, -1.0), 1.0)


def _blocks(lines: Iterable[_Line], *, shown: bool) -> tuple[BlockChange, ...]:
    groups: dict[str, list[_Line]] = {}
    for line in lines:
        groups.setdefault(block_of(line.pair.name), []).append(line)
    found = [
        _block(name, group, shown=shown)
        for name, group in groups.items()
        if any(line.change != "same" for line in group)
    ]
    return tuple(
        sorted(found, key=lambda block: -1.0 if block.relative is None else block.relative)[::-1]
    )


def _block(name: str, lines: Sequence[_Line], *, shown: bool) -> BlockChange:
    # Running statistics are larger than weights, and not trained.
    weighty = [line for line in lines if _is_trained(line)] or lines
    squares = [line.squares for line in weighty if line.squares is not None]
    total = tuple(map(math.fsum, zip(*squares, strict=True)))
    relative, cosine = (
        _ratios((total[0], total[1], total[2])) if shown and squares else (None, None)
    )
    largest = [line.measured.largest for line in weighty if line.measured is not None]
    odd = [_odd_of(line) for line in lines]
    sides = list(zip(*(line.pair for line in lines), strict=True))
    return BlockChange(
        name=name,
        tensors=len(lines),
        changed=sum(line.change != "same" for line in lines),
        statistics=sum(line.change != "same" and _is_statistic(line) for line in lines),
        parameters=(_sum(sides[0]), _sum(sides[1])),
        norms=(_norm(sides[0]), _norm(sides[1])),
        relative=relative,
        cosine=cosine,
        largest=max(largest, default=None),
        odd=(sum(one for one, _ in odd), sum(other for _, other in odd)),
    )


def _is_statistic(line: _Line) -> bool:
    return line.pair.name.endswith(STATISTICS)


def _is_trained(line: _Line) -> bool:
    types = [tensor.dtype for tensor in line.pair if tensor is not None]
    return is_trained(line.pair.name, *types)


def _sum(side: Iterable[TensorSummary | None]) -> int:
    return sum(tensor.elements for tensor in side if tensor is not None)


def _norm(side: Iterable[TensorSummary | None]) -> float | None:
    norms = [tensor.norm for tensor in side if tensor is not None and tensor.norm is not None]
    return math.hypot(*norms) if norms else None


def _odd_of(line: _Line) -> tuple[int, int]:
    if line.measured is not None:
        return line.measured.odd
    one, other = line.pair
    return (one.odd if one else 0, other.odd if other else 0)


def _size(tensor: TensorSummary) -> int:
    try:
        return tensor_size(tensor.dtype, tensor.shape)
    except ValueError:
        return 0
