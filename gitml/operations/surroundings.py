"""What lies beside the snapshot and could be picked up: listed folders, files that were missed.

A program that lists a folder would come across a new file in it, and one that looks for a file in
vain would find it once it is there. What Git tracks is in the snapshot; this is about the rest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from gitml.inputs.data import is_noise
from gitml.inputs.difference import Difference
from gitml.inputs.manifest import CodeInput

_MAX_ABSENT = 2_000


def with_folders(paths: Iterable[str]) -> frozenset[str]:
    """Return paths and all folders above them."""
    found: set[str] = set()
    for path in paths:
        while path and path not in found:
            found.add(path)
            path = path.rpartition("/")[0]
    return frozenset(found)


def missed(paths: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the files of the repository that a run looked for in vain, and that could come up.

    Args:
        paths: What it looked for; absolute where outside of the repository.
        known: Paths that runs write, which come up by running.
    """
    found = sorted(
        path for path in paths if not os.path.isabs(path) and path not in known and not _odd(path)
    )
    return tuple(found[:_MAX_ABSENT])


def names_beside(
    root: Path, folders: Iterable[str], seen: Collection[str], known: Collection[str]
) -> dict[str, str]:
    """Return for each listed folder a digest of the names in it that are not in the snapshot.

    Args:
        root: The repository's root.
        folders: From the repository's root; absolute where outside of it.
        seen: Files outside of the repository that the run read or imported: folders there that
            hold none of them are none of its business, but for those inside of a package.
        known: Paths in the repository that count elsewhere or are outputs, and their folders.
    """
    outside = [path for path in seen if os.path.isabs(path)]
    around = with_folders(outside)
    packages = tuple(
        path.removesuffix("__init__.py") for path in outside if path.endswith("/__init__.py")
    )

    def wanted(folder: str) -> bool:
        if not os.path.isabs(folder):
            return not _odd(folder)
        return folder in around or folder.startswith(packages)

    return {
        folder: _digest(_names(root / folder, folder, known))
        for folder in sorted(folders)
        if wanted(folder)
    }


def compare_surroundings(
    root: Path, recorded: CodeInput, data: Mapping[str, object], known: Collection[str]
) -> list[Difference]:
    """Return what a run would come across now that the recorded one didn't.

    Args:
        root: The repository's root.
        recorded: The code component of the recorded run.
        data: Its data, which is compared elsewhere.
        known: As for `names_beside`.
    """
    found = [
        Difference("data", path, None, "there")
        for path in recorded.absent
        if path not in known and path not in data and (root / path).is_file()
    ]
    for folder, before in recorded.names.items():
        now = _digest(_names(root / folder, folder, known))
        if now != before:
            found.append(Difference("data", f"{folder or '.'}/", before, now))
    return found


def _names(place: Path, folder: str, known: Collection[str]) -> list[str]:
    names = []
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if path in known or entry.name[0] == "." or is_noise(entry.name):
                    continue
                # What is installed or built beside a project is in folders of its root.
                if not folder and not entry.is_file():
                    continue
                if not os.path.lexists(os.path.join(entry.path, "pyvenv.cfg")):
                    names.append(entry.name)
    except OSError:
        return []
    return names


def _odd(path: str) -> bool:
    return is_noise(path) or any(part[:1] == "." for part in path.lstrip("/").split("/")[:-1])


def _digest(names: list[str]) -> str:
    if not names:
        return ""
    text = "\0".join(sorted(names)).encode("utf-8", "surrogateescape")
    return "sha256:" + hashlib.sha256(text).hexdigest()
