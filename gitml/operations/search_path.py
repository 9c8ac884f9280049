"""What `PYTHONPATH` puts in front of the modules that a recorded run imported.

A folder on it comes before everything that is installed, so another copy of a library or of a
package in such a folder is what a run would import now, whatever is installed or was read then.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from gitml.inputs.difference import Difference
from gitml.inputs.manifest import Manifest
from gitml.operations.plan import Plan

_ENDINGS = (".py", ".so")


def compare_search_path(
    root: Path, recorded: Manifest, plan: Plan, environment: Mapping[str, str]
) -> list[Difference]:
    """Return the modules on `PYTHONPATH` that hide one which the recorded run imported.

    Args:
        root: The repository's root.
        recorded: The inputs of the recorded run.
        plan: What would run.
        environment: Of the command that would run.
    """
    entries = environment.get("PYTHONPATH", "")
    if not entries:
        return []
    modules = [os.path.join(root, path) for path in recorded.code.modules]
    cwd = root / plan.folder
    scripts = [os.path.normpath(cwd / word) for word in recorded.command.program]
    first = {os.path.dirname(path) for path in scripts if path in modules} or {str(cwd)}
    found = {}
    for name in _names(recorded, plan, modules):
        if any(_places(folder, name) for folder in first):
            continue  # the script's own folder comes before all others
        for entry in entries.split(os.pathsep):
            for place in _places(os.path.normpath(cwd / entry), name):
                if not any(path == place or path.startswith(f"{place}/") for path in modules):
                    found[place] = Difference("data", place, None, "there")
    return [found[place] for place in sorted(found)]


def _names(recorded: Manifest, plan: Plan, modules: Collection[str]) -> set[str]:
    """Return the top-level names that the recorded run imported, other than of Python itself."""
    names = {
        top
        for name in recorded.libraries.imported
        if name in plan.installed
        for top in plan.installed[name].top_level
    }
    packages = {path.removesuffix("/__init__.py") for path in modules}
    return names | {_top(path, packages) for path in modules if path.endswith(_ENDINGS)}


def _top(path: str, packages: Collection[str]) -> str:
    """Return the name that a module's file is imported by, or that of its outermost package."""
    subject = path.removesuffix("/__init__.py")
    while os.path.dirname(subject) in packages:
        subject = os.path.dirname(subject)
    return os.path.basename(subject).partition(".")[0]


def _places(folder: str, name: str) -> Iterable[str]:
    """Return the file or the package in a folder that an import of a name would find."""
    place = os.path.join(folder, name)
    if os.path.isfile(os.path.join(place, "__init__.py")):
        return [place]
    return [f"{place}{ending}" for ending in _ENDINGS if os.path.isfile(f"{place}{ending}")]
