"""Changing a few files of a tree without starting Git: the trees on their way are written anew.

Only where all of these trees are loose objects, as those of a fresh snapshot are. For any other,
and for a path that Git might refuse, there is `trees.build_tree`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gitml.git.command import Git
from gitml.git.loose import has_loose, read_loose, write_loose

Changes = Mapping[str, tuple[str, str] | None]

_FOLDER = b"40000"
_FILES = ("100644", "100755")
# Names that no file system takes for `.git`, so that Git has nothing against them.
_PLAIN = re.compile(
    r"(?!\.{1,2}$|\.git$|\.gitmodules$)[\w.@+=,-]*[\w@+=,-]", re.ASCII | re.IGNORECASE
)
_MOST_CHANGES = 1000


class _NotHereError(Exception):
    """Something that is left to Git."""


def edit_tree(git: Git, base: str, changes: Changes) -> str | None:
    """Return the tree that `base` becomes by `changes`; None where that is left to Git.

    No tree names an object that isn't there: Git is asked where one of `changes` isn't loose.

    Args:
        git: Runner in the repository.
        base: A tree's object id.
        changes: Path → (mode, object id), or None to delete it. A file takes the place of a folder
            of the same name and the other way round.
    """
    if len(changes) > _MOST_CHANGES or not all(map(_is_plain, changes, changes.values())):
        return None
    if not has_loose(git, {change[1] for change in changes.values() if change}):
        return None
    try:
        return _edited(git, base, changes) or _written(git, {})
    except _NotHereError:
        return None


def _is_plain(path: str, change: tuple[str, str] | None) -> bool:
    named = all(_PLAIN.fullmatch(part) for part in path.split("/"))
    return named and (change is None or change[0] in _FILES)


def _edited(git: Git, base: str, changes: Changes) -> str:
    """Return the new tree, or empty when nothing is left in it."""
    entries = _entries(git, base) if base else {}
    below: dict[str, dict[str, tuple[str, str] | None]] = {}
    added: dict[bytes, tuple[bytes, bytes]] = {}
    for path, change in changes.items():
        name, _, rest = path.partition("/")
        key = name.encode()
        if rest:
            below.setdefault(name, {})[rest] = change
        elif change is not None:
            added[key] = (change[0].encode(), bytes.fromhex(change[1]))
        elif key in entries and entries[key][0] != _FOLDER:
            del entries[key]
    for name, inside in below.items():
        key = name.encode()
        mode, oid = entries.get(key, (b"", b""))
        if mode != _FOLDER and not any(inside.values()):
            continue
        made = _edited(git, oid.hex() if mode == _FOLDER else "", inside)
        entries.pop(key, None)
        if made and key in added:
            raise _NotHereError
        if made:
            entries[key] = (_FOLDER, bytes.fromhex(made))
    entries.update(added)
    return _written(git, entries) if entries else ""


def _entries(git: Git, oid: str) -> dict[bytes, tuple[bytes, bytes]]:
    """Return name → (mode, binary object id) of a tree."""
    data = read_loose(git, oid, b"tree")
    if data is None:
        raise _NotHereError
    width = len(oid) // 2
    entries = {}
    at = 0
    while at < len(data):
        end = data.index(b"\0", at)
        mode, _, name = data[at:end].partition(b" ")
        at = end + 1 + width
        entries[name] = (mode, data[end + 1 : at])
    return entries


def _written(git: Git, entries: Mapping[bytes, tuple[bytes, bytes]]) -> str:
    # Git sorts folders as if their names ended in a slash.
    order = sorted(entries, key=lambda name: name + b"/" * (entries[name][0] == _FOLDER))
    data = b"".join(b"%b %b\0%b" % (entries[name][0], name, entries[name][1]) for name in order)
    written = write_loose(git, [data], b"tree")
    if written is None:
        raise _NotHereError
    return written[0]
