"""Naming an experiment so that no other run of this clone takes the same name meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from gitml.errors import UsageError
from gitml.execution.processes import start_time
from gitml.experiment.names import check_name, make_name
from gitml.history.index import Index
from gitml.operations.project import Project


def reserve_name(
    project: Project, index: Index, study: str, wanted: str, active: Iterable[str]
) -> str:
    """Return a name for a new experiment, reserved until `release_name`.

    Args:
        project: Where.
        index: What is recorded.
        study: Where it will be recorded.
        wanted: The name that the user wants, or empty for a made-up one.
        active: Names of the runs of this study that are not recorded yet.

    Raises:
        UsageError: if the wanted name can't name an experiment, or is taken.
    """
    recorded = index.names(study)
    running = set(active)
    if wanted:
        if check_name(wanted) in recorded:
            raise UsageError(
                f"The study {study} already has an experiment {wanted}.",
                hint="Choose another name, or leave --name out.",
            )
        if wanted in running or not _reserve(project, study, wanted):
            raise UsageError(
                f"A run named {wanted} isn't recorded yet.",
                hint="Wait for it, or see `gitml exp recover` if it was interrupted.",
            )
        return wanted
    while True:
        name = make_name(recorded | running)
        if _reserve(project, study, name):
            return name


def release_name(project: Project, study: str, name: str) -> None:
    """Give a reserved name back; it is recorded by now, or nobody needs it any more."""
    _place(project, study, name).unlink(missing_ok=True)


def _reserve(project: Project, study: str, name: str) -> bool:
    place = _place(project, study, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(2):
        try:
            descriptor = os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            if _is_held(place):
                return False
            place.unlink(missing_ok=True)
            continue
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{os.getpid()} {start_time(os.getpid())}")
        return True
    return False


def _is_held(place: Path) -> bool:
    """Whether the process that reserved a name still exists; its journal says so from then on."""
    try:
        pid, _, started = place.read_text().partition(" ")
        return not pid or start_time(int(pid)) == started != ""
    except (OSError, ValueError):
        return False


def _place(project: Project, study: str, name: str) -> Path:
    return project.state_dir / "names" / f"{study}%{name}"
