"""The names that queries, sort keys and columns use, and what they mean for a row."""

from __future__ import annotations

import re

import msgspec

from gitml.errors import UsageError
from gitml.history.rows import Row
from gitml.values import Scalar

ROOTS = ("params", "metrics")
# The root of a bare name: a metric, else a setting.
ANY = "any"
_ALIASES = {"name": "experiment", "tags": "tag", "notes": "note", "setting": "params"}
_SINGLE = (
    "experiment",
    "study",
    "status",
    "created",
    "commit",
    "fingerprint",
    "base",
    "seconds",
    "hidden",
    "primary",
)
_SEVERAL = ("tag", "note", "author")
FIELDS = (*_SINGLE, *_SEVERAL, "mail")
PLAIN = re.compile(r"[^\W\d][\w.\-/]*")


class Name(msgspec.Struct, frozen=True):
    """A name such as `params.optimizer.lr` (root and key) or `status` (root alone)."""

    root: str
    key: str = ""

    def __str__(self) -> str:
        if not self.key:
            return self.root
        if PLAIN.fullmatch(self.key) and not self.key.endswith("."):
            return f"{self.root}.{self.key}"
        return f"{self.root}.{quoted(self.key, '`')}"


def name_of(text: str) -> Name:
    """Return the name that `text` spells, without quotes around its parts.

    Raises:
        UsageError: if there is no such name; the hint has the nearest one.
    """
    root, dot, key = text.partition(".")
    if root in ROOTS and key:
        return Name(root, key)
    root = _ALIASES.get(text, text)
    if root in FIELDS and not dot:
        return Name(root)
    raise UsageError(f"There is no field {text[:60]!r}.", hint=_hint(text))


def value_of(row: Row, name: Name) -> tuple[bool, Scalar]:
    """Return whether a row has a name of one value, and the value.

    Arguments of the command are found without their prefix, too: `params.lr` is `args.lr` where
    there is no `lr`.
    """
    if name.root == ANY:
        found = value_of(row, Name("metrics", name.key))
        return found if found[0] else value_of(row, Name("params", name.key))
    if name.root in ROOTS:
        values = row.params if name.root == "params" else row.metrics
        if name.key in values:
            return True, values[name.key]
        if name.root == "params" and f"args.{name.key}" in values:
            return True, values[f"args.{name.key}"]
        return False, None
    value: Scalar = getattr(row, name.root)
    return (value not in ("", None)), value


def values_of(row: Row, name: Name) -> tuple[Scalar, ...] | None:
    """Return the values of a name that has several (`tag`, `note`, `author`), else None."""
    if name.root == "tag":
        return row.tags
    if name.root == "note":
        return row.notes
    if name.root == "author":
        return row.author, row.mail
    return None


def quoted(text: str, mark: str = '"') -> str:
    """Return `text` in quotes as the query language reads them."""
    inner = text.replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return f"{mark}{inner}{mark}"


def _hint(text: str) -> str:
    from difflib import get_close_matches

    root = text.partition(".")[0]
    near = get_close_matches(root, (*FIELDS, *ROOTS), 1)
    if near and near[0] in ROOTS:
        return f"Did you mean {near[0]}.<name>?"
    if near:
        return f"Did you mean {near[0]}?"
    shown = text if PLAIN.fullmatch(text) and len(text) < 60 else "<name>"
    return f"A setting is params.{shown}, a metric is metrics.{shown}."
