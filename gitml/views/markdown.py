"""Text of a repository in Markdown that others render: nothing in it is obeyed.

Names, values and messages come from commits that anybody may have pushed, and end up in comments
on pull requests: they must not mention people, link anywhere, or break out of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gitml.views import values

# A comment on a pull request takes 65,536 characters.
LONGEST = 65_000

_CELL = 100
_SENTENCE = 500
_MARKED = str.maketrans(
    {char: f"\\{char}" for char in "\\`*_[]|~$"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
)
# A space without width: what stands on both sides of it is no mention, address or reference.
_APART = "\u200b"
_LIVE = ("@", "://", "www.", "#")
_AT_START = ("#", "-", "+", "=")
_SPELLED = {"`": "\\x60", "|": "\\x7c"}


def code(text: str, room: int = _CELL) -> str:
    """Return repository text as a code span, in which nothing is obeyed, on one line."""
    plain = "".join(_SPELLED.get(char, char) for char in _short(text, room)).strip()
    return f"`{plain}`" if plain else ""


def prose(text: str, room: int = _SENTENCE) -> str:
    """Return a sentence with repository text in it, without anything that would be obeyed."""
    marked = _short(text, room).translate(_MARKED)
    for live in _LIVE:
        marked = marked.replace(live, f"{live[0]}{_APART}{live[1:]}")
    return f"\\{marked}" if marked.startswith(_AT_START) else marked


def fenced(text: str) -> str:
    """Return lines that are shown as they are: within a fence that they can't close."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def within(blocks: Iterable[str], longest: int = LONGEST) -> str:
    """Return blocks with an empty line between them, as much as there is room for."""
    kept: list[str] = []
    room = longest - 100
    for block in blocks:
        taken = _lines_within(block, room)
        room -= _bytes(taken) + 2
        kept += [taken] if taken else []
        if taken != block:
            kept.append("… (there is no room for more; `--json` has everything)")
            break
    return "\n\n".join(kept)


def _lines_within(block: str, room: int) -> str:
    """Return the first lines of a block; one that isn't a table comes in whole or not at all."""
    if _bytes(block) <= room:
        return block
    kept: list[str] = []
    for line in block.split("\n") if block.startswith("| ") else ():
        room -= _bytes(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join(kept) if len(kept) > 2 else ""


def _short(text: str, room: int) -> str:
    # Characters without a width would let a text of any length through.
    return values.cut(values.escape(text[: 2 * room]), room)[: 2 * room]


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
