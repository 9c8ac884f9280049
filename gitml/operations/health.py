"""The values that `gitml doctor` works with."""

from __future__ import annotations

from typing import Literal

import msgspec

from gitml.git.repository import Repository
from gitml.operations.project import Project
from gitml.storage.place import Storage

Level = Literal["ok", "note", "warning", "error"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        level: `ok`; `note` (good to know); `warning` (something may go wrong, or was left
            behind); `error` (experiments can't be recorded or found).
        topic: What was looked at, in a word or two.
        what: What was found.
        mend: What to do, often a command; empty when there is nothing to do.
    """

    level: Level
    topic: str
    what: str
    mend: str = ""


class Scene(msgspec.Struct, frozen=True):
    """What the checks look at.

    Attributes:
        repository: The Git repository.
        git_config: Git's configuration.
        project: None when `gitml.yaml` or DVC's configuration can't be read.
    """

    repository: Repository
    git_config: dict[str, str]
    project: Project | None = None

    @property
    def storage(self) -> Storage | None:
        """DVC storage, or None where it isn't set up or can't be read."""
        return self.project.storage if self.project else None
