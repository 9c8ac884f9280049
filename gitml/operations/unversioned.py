"""Sentences about data that neither Git nor DVC knows: few, however many files a run read."""

from __future__ import annotations

import os
import posixpath
import shlex
from collections.abc import Collection, Iterable

# Files that a command names one by one.
_NAMED = 4


def unversioned_warnings(
    paths: Iterable[str], tracked: Collection[str], standing: str = ""
) -> list[str]:
    """Return what to say about files that are inputs and can't be restored.

    Files of a folder that holds nothing tracked are named by that folder: a data set of a million
    images is one sentence.

    Args:
        paths: Paths from the repository's root, absolute ones outside of it.
        tracked: Files of the repository that Git or the snapshot has.
        standing: Folder where the user stands, from the root: commands are given for it.
    """
    known = _parents(tracked)
    groups: dict[str, list[str]] = {}
    for path in sorted(paths):
        groups.setdefault(_group(path, known), []).append(path)
    return [_sentence(group, files, group in known, standing) for group, files in groups.items()]


def _group(path: str, known: Collection[str]) -> str:
    """Return the folder that a file is named by: the topmost one without anything tracked."""
    folder = posixpath.dirname(path)
    if posixpath.isabs(path):
        return folder
    parts = folder.split("/") if folder else []
    for end in range(1, len(parts) + 1):
        above = "/".join(parts[:end])
        if above not in known:
            return above
    return folder


def _sentence(folder: str, files: list[str], mixed: bool, standing: str) -> str:
    many = len(files) > 1
    what = f"{len(files)} files in {folder or 'the top folder'} are" if many else f"{files[0]} is"
    them = "them" if many else "it"
    if posixpath.isabs(files[0]):
        source = shlex.quote(folder if many else files[0])
        return (
            f"{what} outside of the repository and not versioned; "
            f"`dvc import-url {source}` would bring {them} in."
        )
    # One pointer for the whole folder, unless files that Git has lie in it.
    named = [folder] if many and folder and not mixed else files
    words = [shlex.quote(os.path.relpath(name, standing or ".")) for name in named[:_NAMED]]
    words += ["…"] if len(named) > _NAMED else []
    return f"{what} not versioned; `dvc add {' '.join(words)}` would track {them}."


def _parents(paths: Iterable[str]) -> set[str]:
    """Return all folders that hold one of `paths`, at any depth; the top one is empty."""
    found = {""}
    for path in paths:
        folder = posixpath.dirname(path)
        while folder not in found:
            found.add(folder)
            folder = posixpath.dirname(folder)
    return found
