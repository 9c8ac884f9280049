"""Which parameter files a run has, as a note in its folder: `gitml.params` reads them.

Without it the run would have to look them up in `gitml.yaml`, which would make that one of the
files that it read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from gitml.storage.durable import disk_errors

_FILE = "settings.json"


def write_note(run: Path, root: Path, project: str, files: Iterable[str]) -> None:
    """Leave the note in the folder of a run.

    Args:
        run: The run's folder.
        root: Work tree that it runs in.
        project: The project's folder in it.
        files: Parameter files, relative to `root`.

    Raises:
        StorageError: if it can't be written.
    """
    own = [os.path.relpath(path, project or ".") for path in files]
    data = json.dumps({"project": str(root / project), "files": own}).encode()
    with disk_errors(f"write {run / _FILE}", run, len(data)):
        (run / _FILE).write_bytes(data)


def read_note(run: Path) -> tuple[Path, tuple[str, ...]] | None:
    """Return the project's folder and its parameter files; None where there is no note."""
    try:
        note = json.loads((run / _FILE).read_bytes())
        return Path(note["project"]), tuple(map(str, note["files"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
