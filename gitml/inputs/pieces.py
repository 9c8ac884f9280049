"""What differs within one input, for people: definitions, cells, lines, members, words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Change = Literal["added", "removed", "changed", "renamed", "reordered"]

# Larger stretches are compared by their lines as a set, which takes no longer than reading them.
_MAX_LINES = 1_000
_BINARY_PREFIX = 8_000


class Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """One piece of an input that differs.

    Attributes:
        name: Such as `Net.forward`, `BATCH`, `import os`, `cell 3`, `train.csv`, `-O`;
            `<module>` for statements of a module that have no name.
        change: What became of it.
        kind: `function`, `class`, `assignment`, `import`, `statement`, `docstring`, `cell`,
            `file`, `word`.
        was: Its earlier name, when it was renamed.
        aspect: The one aspect of a definition that differs, if it is only one: `docstring`,
            `signature`, `decorators`, `bases`.
        line: Where it begins now (where it began, when it was removed), from 1; 0 when unknown.
    """

    name: str
    change: Change
    kind: str
    was: str = ""
    aspect: str = ""
    line: int = 0


class Lines(msgspec.Struct, frozen=True):
    """Lines of a text that differ.

    Attributes:
        added: How many there are now that weren't there.
        removed: How many are gone.
        first: Number of the first line that differs, from 1.
    """

    added: int
    removed: int
    first: int


def changed_lines(old: bytes, new: bytes) -> Lines | None:
    """Return which lines differ, or None for binary content."""
    if b"\0" in old[:_BINARY_PREFIX] or b"\0" in new[:_BINARY_PREFIX]:
        return None
    before, after = old.split(b"\n"), new.split(b"\n")
    same = _common(before, after)
    before, after = before[same:], after[same:]
    tail = _common(before[::-1], after[::-1])
    before, after = before[: len(before) - tail], after[: len(after) - tail]
    return Lines(*_counts(before, after), first=same + 1)


def _counts(before: Sequence[bytes], after: Sequence[bytes]) -> tuple[int, int]:
    """Return (added, removed)."""
    if len(before) > _MAX_LINES or len(after) > _MAX_LINES:
        from collections import Counter

        one, other = Counter(before), Counter(after)
        return (other - one).total(), (one - other).total()
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, before, after, autojunk=False)
    kept = sum(block.size for block in matcher.get_matching_blocks())
    return len(after) - kept, len(before) - kept


def _common(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """Return how many lines are the same from the beginning on."""
    same = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        same += 1
    return same


def differing_words(old: Sequence[str], new: Sequence[str]) -> tuple[Piece, ...]:
    """Return the words of two programs that differ, the removed ones of each place first."""
    from difflib import SequenceMatcher

    found: list[Piece] = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for _, start, end, other_start, other_end in matcher.get_opcodes():
        if list(old[start:end]) != list(new[other_start:other_end]):
            found += [Piece(word, "removed", "word") for word in old[start:end]]
            found += [Piece(word, "added", "word") for word in new[other_start:other_end]]
    return tuple(found)
