"""Which tensors of two models are the same part of it, though names got a prefix or lost one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from gitml.errors import StorageError
from gitml.outputs.grouping import strip_wrappers
from gitml.outputs.tensor_manifest import TensorSummary

# Layers that look alike are no rename; a rename concerns most of a model.
_MOST = 0.5
_CANDIDATES = 8


class Pair(NamedTuple):
    """A tensor of either or both models.

    Attributes:
        first: In the first model; None where it has none.
        second: In the second.
    """

    first: TensorSummary | None
    second: TensorSummary | None

    @property
    def name(self) -> str:
        """Its name in the second model, if it is there, else in the first."""
        tensor = self.second or self.first
        return tensor.name if tensor is not None else ""

    @property
    def before(self) -> str:
        """Its name in the first model where that is another one, else empty."""
        if self.first is None or self.second is None or self.first.name == self.second.name:
            return ""
        return self.first.name


def match(first: Sequence[TensorSummary], second: Sequence[TensorSummary]) -> list[Pair]:
    """Return the tensors of two models in pairs, by name.

    Those of one name belong together; then those whose names differ by what wrappers add
    (`module.`, `_orig_mod.`); then, if that concerns at least half of a model, those whose names
    differ by one prefix and that have one shape; then those that hold the same numbers.
    """
    ours = {tensor.name: tensor for tensor in first}
    theirs = {tensor.name: tensor for tensor in second}
    known = {name: name for name in ours if name in theirs}
    for rename in (_unwrapped, _prefixed, _identical):
        left = [name for name in ours if name not in known]
        taken = set(known.values())
        right = [name for name in theirs if name not in taken]
        if not left or not right:
            break
        needed = _MOST * min(len(ours), len(theirs))
        found = rename(left, right, ours, theirs)
        if rename is not _prefixed or len(found) >= needed:
            known |= found
    partners = set(known.values())
    pairs = [
        Pair(tensor, theirs[known[name]] if name in known else None)
        for name, tensor in ours.items()
    ]
    pairs += [Pair(None, tensor) for name, tensor in theirs.items() if name not in partners]
    return sorted(pairs, key=lambda pair: pair.name)


Tensors = Mapping[str, TensorSummary]


def _unwrapped(
    left: Collection[str], right: Collection[str], ours: Tensors, theirs: Tensors
) -> dict[str, str]:
    try:
        # Of the whole model, since `module.` is a wrapper's only if all names begin with it.
        one, other = strip_wrappers(ours), strip_wrappers(theirs)
    except StorageError:
        return {}
    names = {other[name]: name for name in right}
    return {name: names[one[name]] for name in left if one[name] in names}


def _prefixed(
    left: Collection[str], right: Collection[str], ours: Tensors, theirs: Tensors
) -> dict[str, str]:
    """Return the names that go with each other by the replacement of one prefix, the best one."""
    by_ending: dict[str, list[str]] = {}
    for name in right:
        for _, ending in _cuts(name):
            by_ending.setdefault(ending, []).append(name)
    votes: Counter[tuple[str, str]] = Counter()
    for name in left:
        for prefix, ending in _cuts(name):
            candidates = by_ending.get(ending, ())
            if candidates:
                if len(candidates) <= _CANDIDATES:
                    votes.update(
                        (prefix, other.removesuffix(ending))
                        for other in candidates
                        if theirs[other].shape == ours[name].shape
                    )
                break
    if not votes:
        return {}
    (old, new), _ = max(votes.items(), key=lambda item: (item[1], item[0]))
    free = set(right)
    renamed = ((name, new + name.removeprefix(old)) for name in left if name.startswith(old))
    return {
        name: other
        for name, other in renamed
        if other in free and theirs[other].shape == ours[name].shape
    }


def _identical(
    left: Collection[str], right: Collection[str], ours: Tensors, theirs: Tensors
) -> dict[str, str]:
    """Return the names of tensors that hold the same numbers, where only one on each side does."""
    one, other = _by_content(left, ours), _by_content(right, theirs)
    return {
        names[0]: other[content][0]
        for content, names in one.items()
        if len(names) == len(other.get(content, ())) == 1
    }


def _by_content(names: Collection[str], tensors: Tensors) -> dict[object, list[str]]:
    """Return the names by what they hold; what is one number throughout is left out."""
    found: dict[object, list[str]] = {}
    for name in names:
        tensor = tensors[name]
        if tensor.digest and tensor.deviation and tensor.elements > 1:
            found.setdefault((tensor.digest, tensor.dtype, tensor.shape), []).append(name)
    return found


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """Yield the name in two at every dot, the longest ending first; none that is empty."""
    at = 0
    while at < len(name):
        yield name[:at], name[at:]
        at = name.find(".", at) + 1 or len(name)
