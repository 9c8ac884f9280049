"""Letting a run's `save_weights` put its files where DVC's cache can take them over."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gitml.operations.project import Project
from gitml.outputs.receipts import FOLDER, OBJECTS


def offer_staging(project: Project, run: Path) -> None:
    """Make the folder in which `save_weights` leaves copies, if recording can rename them.

    Not where the cache is on another filesystem than the run's folder: recording would have to copy
    them. Nor where `outputs.keep` has a rule for weights: most copies would be for nothing.
    """
    if project.storage is None or project.config.outputs.keep.weights is not None:
        return
    cache = project.storage.cache
    while not cache.exists() and cache != cache.parent:
        cache = cache.parent
    with suppress(OSError):
        if os.stat(cache).st_dev == os.stat(run).st_dev:
            (run / FOLDER / OBJECTS).mkdir(parents=True, exist_ok=True)
