"""Why something is new: the nearest experiments, and every input that differs from each."""

from __future__ import annotations

import msgspec

from gitml.history.rows import Row
from gitml.inputs.difference import Difference
from gitml.inputs.pieces import Lines, Piece
from gitml.values import Scalar


class Detail(msgspec.Struct, frozen=True):
    """One input that differs, in detail.

    Attributes:
        input: The component: `command`, `settings`, `code`, `data`, `partition`, `libraries`.
        name: Of the setting, file, distribution or part.
        recorded: Its value in the recorded experiment; None when it has none.
        planned: Its value in what is compared with it; None when it has none.
        counts: Whether it can change the result.
        change: `added`, `removed`, `changed`; for settings also `type` (the same value of another
            type), for code `formatting` and `mode`, for data `moved` and `kind`, for libraries the
            size of the step (`major`, `minor`, `patch`, `local`, `sources`).
        kind: What it is: for settings where they come from, for code `script`, `module`,
            `notebook`, `link`, `file`, for data how it is tracked.
        why: Why it counts, or why it doesn't: a phrase.
        pieces: What differs in it: definitions, cells, members of a folder, words.
        more: How many further pieces are left out.
        lines: Lines of a text that differ.
        note: What can't be said about it, and why: a sentence.
    """

    input: str
    name: str
    recorded: Scalar
    planned: Scalar
    counts: bool
    change: str
    kind: str = ""
    why: str = ""
    pieces: tuple[Piece, ...] = ()
    more: int = 0
    lines: Lines | None = None
    note: str = ""


def begin(difference: Difference, change: str) -> Detail:
    """Return a difference as a detail of which nothing more is known."""
    return Detail(
        difference.input,
        difference.name,
        difference.recorded,
        difference.planned,
        difference.counts,
        change,
    )


class Neighbour(msgspec.Struct, frozen=True):
    """A recorded experiment that is near, and what differs from it.

    Attributes:
        row: Which.
        level: How alike the inputs are: one of `LEVELS`.
        details: Every input that differs, those that count first.
        note: What can't be said about it, and why: a sentence.
    """

    row: Row
    level: str
    details: tuple[Detail, ...]
    note: str = ""


class Explanation(msgspec.Struct, frozen=True):
    """The nearest recorded experiments, and what it would take to repeat the nearest one.

    Attributes:
        neighbours: The nearest first; none where nothing is recorded that could be compared.
        cap: The best level that the inputs allow: `identical` unless some data aren't captured.
        caps: Why it is capped: a sentence for each input.
        closing: What would have to be equal for it to be a repeat: one sentence.
        notes: What can't be said, and why: sentences.
    """

    neighbours: tuple[Neighbour, ...]
    cap: str
    caps: tuple[str, ...]
    closing: str
    notes: tuple[str, ...] = ()
