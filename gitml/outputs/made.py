"""Files that a script logged: their kinds, their names, and where they are in a run's folder.

`made/<kind>/<name>` is what was logged last under a name. Where several processes logged under one
name at the same time, `made/<kind>/.parts/<name>/<label>` has what the others logged. A run that
goes on starts an empty folder; what it logs replaces what was logged under that name before.

Training scripts use this, so it imports no library but Python's own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from gitml.storage.paths import disguised

if TYPE_CHECKING:
    from gitml.outputs.artifact import Role

FOLDER = "made"
PARTS = ".parts"

# Kind (the folder below `.gitml/` in the experiment's tree) → what its files are for.
KINDS: dict[str, Role] = {
    "plots": "plot",
    "tables": "other",
    "predictions": "predictions",
    "importance": "importance",
    "explanations": "explanation",
}

LABEL = re.compile(
    r"(?:rank\d{1,9}|process\d{1,9}-[0-9a-f]{6}|rank\d{1,9}-process\d{1,9}-[0-9a-f]{6})\Z"
)

_LONGEST_PART = 200
_LONGEST = 800
_DEEPEST = 16
_TAKEN = (".git", "git~1", ".dvc")
_DVC = (".dvc", "dvc.yaml", "dvc.lock")
# Git can't check files of these names out on Windows.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)", re.IGNORECASE)


def why_no_name(name: str) -> str:
    """Say why `name` (with `/` between its parts) can't name a file; empty when it can."""
    if not name:
        return "it is empty"
    if not name.isprintable():
        return "it holds control characters, or others that can't be printed"
    if name.startswith("/"):
        return "it is absolute"
    if "\\" in name:
        return "it holds a backslash"
    if len(os.fsencode(name)) > _LONGEST or name.count("/") >= _DEEPEST:
        return f"it is longer than {_LONGEST} bytes, or deeper than {_DEEPEST} folders"
    return next((why for part in name.split("/") if (why := _why_no_part(part))), "")


def _why_no_part(part: str) -> str:
    if part in ("", ".", ".."):
        return f"it has {part!r} as a part"
    if part.startswith("."):
        return "it has a part that begins with a dot"
    if part != part.strip() or part.endswith("."):
        return "it has a part with a blank at its edge, or a dot at its end"
    if len(os.fsencode(part)) > _LONGEST_PART:
        return f"it has a part of more than {_LONGEST_PART} bytes"
    if disguised(part) in _TAKEN:
        return "Git or DVC has a folder of this name"
    if part.lower().endswith(_DVC):
        return "DVC would take it for a file of its own"
    if _DEVICES.match(part):
        return "Windows knows a device of this name"
    return ""


def folders(run: Path) -> list[Path]:
    """Return the folders of all stretches of a run that logged files, the earliest first."""
    earlier = sorted(run.glob(f"{FOLDER}.[0-9]*"))
    last = run / FOLDER
    return [*earlier, last] if last.is_dir() else earlier


def set_aside(run: Path) -> None:
    """Let a run that goes on log its files anew; those from before stay until it does.

    Raises:
        StorageError: if the folder can't be renamed.
    """
    from gitml.storage.durable import disk_errors

    folder = run / FOLDER
    if folder.is_dir():
        with disk_errors(f"rename the folder {folder}", run):
            folder.rename(run / f"{FOLDER}.{len(folders(run)):06}")
