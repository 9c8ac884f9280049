"""Declared paths and glob patterns: which one, if any, does a path belong to?"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

_MAGIC = re.compile(r"[*?\[]")


def specificity(pattern: str, path: str) -> int:
    """Return how closely a declared pattern names `path`: 0 not at all, larger is closer.

    A pattern is a path relative to the project's root, with `/` between its parts. `*`, `?` and
    `[…]` match within one part, `**` matches any number of parts. A pattern that names a folder
    means everything in it.
    """
    clean = _clean(pattern)
    if not clean or not _matcher(clean)(path):
        return 0
    exact = 100_000 if clean == path else 0
    return exact + 1 + len(_MAGIC.split(clean)[0]) * 10 + min(len(clean), 9)


@functools.lru_cache(maxsize=1024)
def _clean(pattern: str) -> str:
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    return "/".join(parts)


@functools.lru_cache(maxsize=1024)
def _matcher(pattern: str) -> Callable[[str], bool]:
    if not _MAGIC.search(pattern):
        folder = f"{pattern}/"
        return lambda path: path == pattern or path.startswith(folder)
    expression = re.compile(_translate(pattern.split("/")) + r"(?:/.*)?\Z", re.DOTALL)
    return lambda path: expression.match(path) is not None


def _translate(parts: list[str]) -> str:
    """Return the regular expression of a pattern, without its end."""
    steps = [part for i, part in enumerate(parts) if part != "**" or parts[i - 1 : i] != ["**"]]
    body = ""
    for index, part in enumerate(steps):
        last = index == len(steps) - 1
        if part == "**":
            body += r"[^/]+" if last else r"(?:[^/]+/)*"
        else:
            body += _translate_part(part) + ("" if last else "/")
    return body


def _translate_part(part: str) -> str:
    body, at = "", 0
    while at < len(part):
        char = part[at]
        at += 1
        if char == "*":
            if not body.endswith("[^/]*"):
                body += "[^/]*"
        elif char == "?":
            body += "[^/]"
        elif char == "[":
            end = part.find("]", at + (2 if part[at : at + 1] == "!" else 1))
            if end < 0:
                body += r"\["
                continue
            body += _translate_set(part[at:end])
            at = end + 1
        else:
            body += re.escape(char)
    return body


def _translate_set(inside: str) -> str:
    negated = inside.startswith("!")
    chars = inside[1:] if negated else inside
    safe = re.sub(r"([\\^\[\]&~|])", r"\\\1", chars)
    # A range that runs backwards matches nothing, as in fnmatch.
    if any(low > high for low, high in re.findall(r"(?s)(.)-(.)", chars)):
        return "[^/]" if negated else r"(?!)"
    return f"(?!/)[^{safe}]" if negated else f"(?!/)[{safe}]"
