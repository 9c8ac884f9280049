"""What every command does before its own work: put back what a killed run borrowed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gitml.errors import GitmlError


def put_back_params(runs: Path) -> None:
    """Put back the parameter files that killed runs had overridden with `-S`.

    What can't be put back now stays in the journal for the next command, and for `gitml doctor`.

    Args:
        runs: The journal's folder.
    """
    try:
        names = [name for name in os.listdir(runs) if not name.startswith(".")]
    except OSError:
        return
    if not names:
        return
    from gitml.execution import journal
    from gitml.execution.borrowed import restore_params
    from gitml.execution.liveness import release, take

    for entry in journal.entries(runs):
        # Only locked, not adopted: the run itself is left to `--resume` and `exp recover`.
        if entry.params_backup and not journal.alive(entry) and take(entry.path):
            try:
                with suppress(GitmlError):
                    restore_params(entry)
            finally:
                release(entry.path)
