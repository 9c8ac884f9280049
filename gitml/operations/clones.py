"""What plain DVC can do in a plain clone of a study, where gitml isn't installed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from gitml.git.objects import ObjectReader
from gitml.operations.project import Project

_REMOTE = re.compile(rb"^\s*remote\s*=\s*\S", re.MULTILINE)


def without_remote(project: Project, tips: Mapping[str, str]) -> list[str]:
    """Return a sentence about the studies whose tree doesn't say where the artifacts are.

    A run's tree has the `.dvc/config` of the moment it started: a remote that was added later,
    or for this machine only, is not in it.

    Args:
        project: Where.
        tips: Study → commit that its branch is at.
    """
    from gitml.storage.remotes import default_remote

    if project.storage is None or (remote := default_remote(project.storage)) is None:
        return []
    place = os.path.relpath(project.storage.dvc_dir / "config", project.repository.root)
    with ObjectReader(project.repository.git) as reader:
        found = reader.read_many(f"{tip}:{place}" for tip in tips.values())
        lacking = [
            f"exp/{study}"
            for study, data in zip(tips, found, strict=True)
            if not _REMOTE.search(data or b"")
        ]
    if not lacking:
        return []
    verb = "have" if len(lacking) > 1 else "has"
    return [
        f"{', '.join(lacking)} {verb} no DVC remote in .dvc/config: a plain clone needs "
        f"`dvc remote add -d {remote.name} {remote.url}` before `dvc pull`. What is run after "
        ".dvc/config has it will have it, too."
    ]
