"""Ids of examples as text, digests over them, and what the parts of a partition are for.

Training scripts use this, so it imports nothing that isn't in the standard library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal

from gitml.errors import PartitionError

# Part → its ids.
Parts = Mapping[str, Collection[str]]

Purpose = Literal["train", "test", "other"]

NAMED = 5
_WIDTH = 60
_TRAINING = ("train", "training", "fit")
_TESTING = ("test", "testing", "holdout", "hold-out", "eval", "evaluation")
_HINT = "Ids are text or integers, such as file names or row keys."


def listed(values: Iterable[Any], what: str) -> list[Any]:
    """Return values as a list of plain Python values; arrays and tensors are read in one step.

    Args:
        values: A list, set, generator, or anything with `tolist` (numpy, torch, pandas).
        what: Their name, for errors.

    Raises:
        PartitionError: if they are one text, or can't be gone through.
    """
    if isinstance(values, str | bytes):
        raise PartitionError(f"{what} is one text, {shown(values)}, and not several ids.")
    try:
        # Element by element, a tensor takes a hundred times as long.
        return list(values.tolist() if hasattr(values, "tolist") else values)
    except TypeError as error:
        raise PartitionError(
            f"{what} is a {type(values).__name__} and not several ids.", hint=_HINT
        ) from error


def id_texts(values: Iterable[Any], what: str) -> list[str]:
    """Return ids as text, in their order: `7` and `"7"` are one id.

    Args:
        values: Texts or integers of any library; see `listed`.
        what: The name of their part, for errors.

    Raises:
        PartitionError: if one is neither, is empty, or has a line break.
    """
    plain = listed(values, what)
    kinds = set(map(type, plain))
    texts = plain if kinds <= {str} else [id_text(value, what) for value in plain]
    joined = "\n".join(texts)
    if joined.count("\n") > max(0, len(texts) - 1) or "\r" in joined or "" in texts:
        odd = next(text for text in texts if not text or "\n" in text or "\r" in text)
        problem = f"the id {shown(odd)} with a line break" if odd else "an empty id"
        raise PartitionError(f"{what} has {problem}, which no list of ids can hold.")
    return texts


def id_text(value: Any, what: str) -> str:
    """Return one id as text.

    Raises:
        PartitionError: if it is neither text nor an integer.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if not isinstance(value, bool):
        try:
            return format(value.__index__(), "d")
        except (AttributeError, TypeError, ValueError):
            pass
    raise PartitionError(
        f"{what} has {shown(value)} ({type(value).__name__}), which is no id.",
        hint=f"{_HINT} For a torch Subset pass its `indices`.",
    )


def ids_digest(ids: Iterable[str]) -> str:
    r"""Return `sha256:<hex>` over the sorted ids, joined by newlines."""
    text = "\n".join(sorted(ids)).encode("utf-8", "surrogatepass")
    return "sha256:" + hashlib.sha256(text).hexdigest()


def purpose_of(part: str) -> Purpose:
    """Return what a part is for; a part `<name>/train` is for what `train` is."""
    word = part.rpartition("/")[2].strip().lower()
    if word in _TRAINING:
        return "train"
    return "test" if word in _TESTING else "other"


def place_of(part: str) -> tuple[str, int, str]:
    """Return a key that sorts parts: those of one split together, training first, testing last."""
    split, _, word = part.rpartition("/")
    return split, ("train", "other", "test").index(purpose_of(part)), word


def overlaps(parts: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (part, part, shared members, sorted) for every two parts of one split that overlap.

    Parts `a/train` and `b/test` belong to different splits, such as the folds of a
    cross-validation, and may share members.
    """
    known = sorted(parts, key=place_of)
    sets = {part: frozenset(parts[part]) for part in known}
    for position, one in enumerate(known):
        for other in known[position + 1 :]:
            if one.rpartition("/")[0] != other.rpartition("/")[0]:
                continue
            shared = sets[one] & sets[other]
            if shared:
                yield one, other, sorted(shared)


def some(names: Collection[str]) -> str:
    """Return the first names, and `…` if there are more: `3, 8, 11, 20, 21, …`."""
    first = [
        _cut("".join(char if char.isprintable() else "?" for char in name))
        for name, _ in zip(names, range(NAMED), strict=False)
    ]
    return ", ".join(first) + (", …" if len(names) > NAMED else "")


def counted(number: int, noun: str) -> str:
    """Return `1 id`, `1,200 ids`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shown(value: object) -> str:
    """Return a value as an error names it: its `repr`, cut off where it is long."""
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
