"""Pieces of Markdown, from docstrings."""

from __future__ import annotations

import re

_ATTRIBUTE = re.compile(r"^ {4,8}(?P<name>\w+)(?:, (?P<other>\w+))?: (?P<text>.*)$")


def cell(text: str) -> str:
    """Return text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def sentence(kind: type) -> str:
    """Return what a class is, in its own words."""
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split())


def attributes(kind: type) -> dict[str, str]:
    """Return the texts of the section `Attributes:` of a docstring, by name."""
    _, _, section = (kind.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if start := _ATTRIBUTE.match(line):
            names = [start["name"], *([start["other"]] if start["other"] else [])]
            found |= dict.fromkeys(names, start["text"])
        elif names and line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found
