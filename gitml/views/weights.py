"""`gitml exp diff`: what changed in the weights, block by block."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.outputs.grouping import block_of
from gitml.values import Scalar
from gitml.views import values
from gitml.views.curves import bar
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table

if TYPE_CHECKING:
    from gitml.comparison.contents import BlockChange, TensorChange, WeightsComparison

_SHOWN = 6
_NAMED = 3
_BAR = 10
_NEARLY_ALL = 0.995
_HUGE = 100.0
_ONE_SIDED = ("added", "removed")
_ARCHITECTURE = (*_ONE_SIDED, "reshaped")
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def sections(
    found: tuple[WeightsComparison, ...], titles: Sequence[str], *, plain: bool = False
) -> list[Section]:
    """Return a section for the weights that changed; those that are the same have a line.

    Args:
        found: Compared weights of two experiments.
        titles: Names of the two experiments.
        plain: Whether bars are drawn in ASCII.
    """
    parts: list[Section] = []
    for one in found:
        of = f" of {values.escape(one.path)}" if len(found) > 1 else ""
        parts += [_head(one, f"Weights{of}"), _blocks(one, f"Blocks{of}", plain=plain)]
    return parts


def _head(one: WeightsComparison, title: str) -> Section:
    notes = [values.escape(note) for note in one.notes]
    if not one.counts:
        return Section(title, lines=tuple(notes))
    if one.kinship == "same":
        tensors = values.plural(one.counts["same"], "tensor")
        all_ = f"All {tensors} are" if one.counts["same"] > 1 else f"Its {tensors} is"
        same = f"{all_} the same ({_count(one.parameters[1])} parameters)."
        return Section(title, lines=(same, *notes))
    return Section(title, lines=(*_summary(one), *_architecture(one), *_steps(one), *notes))


def _summary(one: WeightsComparison) -> list[str]:
    """Return `12 of 62 tensors changed (98 % of 11.2 M parameters), same architecture.` or so."""
    counts = one.counts
    shared = sum(number for change, number in counts.items() if change not in _ONE_SIDED)
    changed = shared - counts.get("same", 0)
    elements = sum(
        math.prod(tensor.shapes[1] or ())
        for tensor in one.tensors
        if tensor.change not in _ONE_SIDED
    )
    total = one.parameters[1]
    of = f"{percent(elements / total)} of {_count(total)} parameters" if total else "no parameters"
    first = f"{changed:,} of {values.plural(shared, 'tensor')} changed ({of})"
    if not any(counts.get(change) for change in _ARCHITECTURE):
        return [f"{first}, same architecture."]
    before, after = (_count(number) for number in one.parameters)
    sizes = f"{before} → {after} parameters" if before != after else f"still {after} parameters"
    return [f"{first}.", f"The architecture changed ({sizes}):"]


def _architecture(one: WeightsComparison) -> list[str]:
    """Return a line for each kind of change of the architecture."""
    lines = []
    for change in (*_ARCHITECTURE, "retyped"):
        found = [tensor for tensor in one.tensors if tensor.change == change]
        if found:
            few = len(found) <= _NAMED
            parts = [_shape(tensor) for tensor in found] if few else _groups(found, change)
            more = f" and {len(parts) - _NAMED:,} more" if len(parts) > _NAMED else ""
            lines.append(f"  {change}: {', '.join(parts[:_NAMED])}{more}")
    return lines


def _groups(tensors: Sequence[TensorChange], change: str) -> list[str]:
    """Return the tensors of one kind of change: by block, or by the element types."""
    if change == "retyped":
        types = Counter(tensor.dtypes for tensor in tensors)
        return [
            f"{values.plural(count, 'tensor')} {_types(pair)}"
            for pair, count in types.most_common()
        ]
    blocks: dict[str, list[TensorChange]] = {}
    for tensor in tensors:
        blocks.setdefault(block_of(tensor.name), []).append(tensor)
    return [
        f"{values.escape(name)} ({values.plural(len(members), 'tensor')}, "
        f"{_count(sum(map(_elements, members)))} parameters)"
        for name, members in blocks.items()
    ]


def _elements(tensor: TensorChange) -> int:
    return max(math.prod(shape) for shape in tensor.shapes if shape is not None)


def _types(pair: Sequence[str | None]) -> str:
    before, after = (values.escape(dtype or "") for dtype in pair)
    return f"{before} → {after}"


def _shape(tensor: TensorChange) -> str:
    name = values.escape(tensor.name)
    if tensor.change == "retyped":
        return f"{name} {_types(tensor.dtypes)}"
    shown = [
        " × ".join(map(str, shape)) or "scalar" for shape in tensor.shapes if shape is not None
    ]
    return f"{name} ({' → '.join(shown)})"


def _steps(one: WeightsComparison) -> list[str]:
    """Return what only reading the weights tells: the largest step, and how many differ."""
    read = [tensor for tensor in one.tensors if tensor.largest is not None]
    lines = []
    trained = [tensor for tensor in read if not tensor.statistic]
    largest = max(trained, key=lambda tensor: tensor.largest or 0.0, default=None)
    if largest is not None and largest.largest:
        name = values.escape(largest.name)
        lines.append(f"The largest step of one weight is {largest.largest:.3g}, in {name}.")
    sizes = [math.prod(tensor.shapes[1] or ()) for tensor in read]
    differing = sum((tensor.share or 0.0) * size for tensor, size in zip(read, sizes, strict=True))
    if sum(sizes) and differing < _NEARLY_ALL * sum(sizes):
        share = percent(differing / sum(sizes))
        lines.append(f"In the changed tensors {share} of the weights differ.")
    return lines


def _blocks(one: WeightsComparison, title: str, *, plain: bool) -> Section:
    known = [block for block in one.blocks if block.relative is not None]
    blocks = [block for block in known if block.changed > block.statistics]
    still = len(known) - len(blocks)
    lines = []
    if still:
        where = values.plural(still, "more block" if blocks else "block")
        lines.append(f"In {where} only running statistics of normalisation changed.")
    if not blocks:
        return Section(title, lines=tuple(lines))
    shown = sorted(blocks, key=_is_broken, reverse=True)[:_SHOWN]
    most = max(block.relative or 0.0 for block in shown)
    names = ["block", "", "change", "cosine", "tensors"]
    keeps = [FIXED, 50, FIXED, 80, 70]
    if one.exact:
        names.insert(4, "largest step")
        keeps.insert(4, 75)
    columns = tuple(
        Column(name, keep=keep, middle=name == "block", narrow=12 if name else _BAR)
        for name, keep in zip(names, keeps, strict=True)
    )
    widest = max(len(_moved(block)) for block in shown)
    rows = tuple(_row(block, most, widest, exact=one.exact, plain=plain) for block in shown)
    if len(blocks) > len(shown):
        lines.insert(0, f"The {len(shown)} of {len(blocks):,} that changed most; --json has all.")
    if not one.exact:
        lines.append("Estimated from the manifests, mostly within 12 %; --weights reads them all.")
    return Section(title, Table(columns, rows), tuple(lines))


def _row(
    block: BlockChange, most: float, widest: int, *, exact: bool, plain: bool
) -> tuple[Cell | Scalar, ...]:
    relative = block.relative or 0.0
    known = block.cosine is not None and not _is_broken(block)
    cosine = f"{block.cosine:.{4 if exact else 3}f}" if known else values.MISSING
    cells: list[Cell | Scalar] = [
        Cell(values.escape(block.name), block.name),
        Cell(bar(relative, most, _BAR, plain=plain), ""),
        # Padded here, since tables line up numbers at their points.
        Cell(_moved(block).rjust(widest), ""),
        Cell(cosine, block.cosine),
    ]
    if exact:
        unknown = block.largest is None or _is_broken(block)
        largest = values.MISSING if unknown else f"{block.largest:.3g}"
        cells.append(Cell(largest, block.largest))
    return (*cells, Cell(f"{block.changed} of {block.tensors}", block.changed))


def _is_broken(block: BlockChange) -> bool:
    """Whether NaN and infinite numbers, which no norm counts, are all that changed in a block."""
    return any(block.odd) and not block.relative


def _moved(block: BlockChange) -> str:
    return "not finite" if _is_broken(block) else percent(block.relative or 0.0)


def percent(share: float) -> str:
    """Return a share with two digits: `0.0012 %`, `1.2 %`, `98 %`, `340 %`; 100 % only if it is."""
    if share == 0:
        return "0 %"
    if not math.isfinite(share):
        return values.MISSING
    if 0.995 <= share < 1:
        return "over 99 %"
    if share >= _HUGE:
        return f"{share:.3g} ×"
    digits = max(0, 1 - math.floor(math.log10(share * 100)))
    return f"{share * 100:.{min(digits, 12)}f} %"


def _count(number: int) -> str:
    """Return `980`, `12 k`, `11.2 M`, `1.3 G`."""
    for size, unit in _UNITS:
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
