"""Writing a report where somebody asked for it, and never over a file that is something else."""

from __future__ import annotations

from pathlib import Path

from gitml.errors import NotFoundError, RepositoryError, UsageError

MARK = "gitml report"
"""What the `generator` of every report says."""

_FIRST_BYTES = 4096


def write_report(path: Path, text: str, *, force: bool = False) -> None:
    """Write a report; an older report of this name is replaced.

    Args:
        path: Where; its folder must exist.
        text: The whole page.
        force: Also replace a file that is no report.

    Raises:
        UsageError: if something else is there.
        NotFoundError: if the folder doesn't exist.
        StorageError: no space, no permission, or another failure of the disk.
    """
    from gitml.storage.durable import write_durably

    check_place(path, force=force)
    write_durably(path, text.encode("utf-8"))


def check_place(path: Path, *, force: bool = False) -> None:
    """Raise what `write_report` would raise, before the work is done.

    Raises:
        UsageError: if something else is there.
        NotFoundError: if the folder doesn't exist.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint=f"Name a file: {path / 'report.html'}.")
    if not path.parent.is_dir():
        raise NotFoundError(
            f"There is no folder {path.parent} to write {path.name} to.", hint="Make it first."
        )
    if not force and path.exists() and not is_report(path):
        raise UsageError(
            f"{path} exists, and gitml did not write it as a report.",
            hint="Choose another name, or replace it with --force.",
        )


def is_report(path: Path) -> bool:
    """Return whether a file is a report that gitml wrote, or empty."""
    try:
        with path.open("rb") as file:
            start = file.read(_FIRST_BYTES)
    except OSError:
        return False
    return not start or f'content="{MARK}"'.encode() in start


def recorded_with_the_next(path: Path) -> bool:
    """Return whether Git sees a file as new, so that the next experiment would take it along."""
    from gitml.git.command import Git

    try:
        done = Git(path.parent).attempt(
            "ls-files", "--others", "--exclude-standard", "-z", "--", f":(literal){path.name}"
        )
    except RepositoryError:
        return False
    return done.returncode == 0 and bool(done.stdout)
