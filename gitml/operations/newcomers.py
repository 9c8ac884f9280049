"""Python files that no snapshot holds and that an import would find: `local_settings.py`.

A program that tries to import what isn't there goes on without it, and imports it once it is. What
Git tracks shows in the snapshot; this is about files that Git ignores.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from gitml.inputs.data import is_noise
from gitml.inputs.manifest import CodeInput

_SUFFIXES = (".py", ".so")


def ignored_modules(root: Path, folders: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Return the Python files in some folders that are not among `known`, sorted.

    Args:
        root: The repository's root.
        folders: Where modules are imported from, relative to it.
        known: Paths of the snapshot, and of modules that count already.

    Returns:
        Paths from the repository's root.
    """
    return tuple(sorted(path for one in set(folders) for path in _modules_in(root, one, known)))


def package_folders(code: CodeInput) -> set[str]:
    """Return the folders of the repository that reached modules are in."""
    return {os.path.dirname(path) for path in code.modules if not os.path.isabs(path)}


def _modules_in(root: Path, folder: str, known: Collection[str]) -> list[str]:
    """Return the modules directly in a folder, and the packages by their `__init__.py`."""
    found = []
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.name.endswith(_SUFFIXES):
                    found.append(path)
                elif entry.name.isidentifier() and entry.is_dir():
                    inner = f"{path}/__init__.py"
                    if os.path.lexists(root / inner):
                        found.append(inner)
    except OSError:
        return []
    return [
        path for path in found if path not in known and (path[-3:] == ".so" or not is_noise(path))
    ]
