"""Small JSON files that remember what was derived; any failure with one only costs time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def recall(path: Path | None, kind: type[T]) -> T | None:
    """Return what a file remembers, or None if it is damaged, missing or of another kind."""
    if path is None:
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def remember(path: Path, value: object) -> None:
    """Write a file anew, in one step; nothing happens if it can't be written."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(msgspec.json.encode(value))
        temporary.replace(path)
    except (OSError, UnicodeEncodeError):
        try:
            temporary.unlink(missing_ok=True)
        except OSError:
            return


def state_of(path: str | Path) -> list[int]:
    """Return what changes when a file does: time of modification, size, inode; [] if none."""
    try:
        status = os.stat(path)
    except OSError:
        return []
    return [status.st_mtime_ns, status.st_size, status.st_ino]
