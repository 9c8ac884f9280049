"""One entry of the journal: a run that isn't recorded yet, as a file in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from gitml.errors import RecordError
from gitml.execution.liveness import Owner
from gitml.storage.durable import write_durably

FILE = "journal.json"


class Backup(msgspec.Struct, frozen=True):
    """A parameter file of the user's while a run has it overridden.

    Attributes:
        file: Its original bytes, in the run's folder; empty if there was no such file.
        original: SHA-256 of these bytes.
        overridden: SHA-256 of what is there during the run.
        mode: Its permissions.
        modified: Its modification time in nanoseconds.
    """

    file: str
    original: str
    overridden: str
    mode: int
    modified: int


class Entry(msgspec.Struct, frozen=True):
    """What is known of one run that isn't recorded yet.

    Attributes:
        id: Sortable by time, and unique; the name of the run's folder.
        runs: The folder of all runs.
        name: Of the experiment that it will be.
        study: That it will belong to.
        state: `planned`, `running`, `interrupted`, `finished`, `recorded`, `failed`, `abandoned`.
        created: Seconds since the epoch.
        owner: The process that carries it out.
        root: Work tree that it runs in.
        project: The project's folder in the repository.
        cwd: Folder that the command runs in, from the repository's root.
        argv: The command.
        overrides: The `-S` options as given.
        params_backup: Absolute path of an overridden parameter file → what it was.
        snapshot: Tree of the snapshot.
        base: Commit that one stood on.
        branch: Branch that one stood on.
        segments: Stretches of execution, as plain values.
        seconds: How long it has run, all segments together.
        worktree: Its isolated work tree, or empty.
        options: Whatever else recording it needs.
    """

    id: str
    runs: str
    name: str
    study: str
    state: str
    created: float
    owner: Owner
    root: str = ""
    project: str = ""
    cwd: str = ""
    argv: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    params_backup: dict[str, Backup] = {}
    snapshot: str = ""
    base: str = ""
    branch: str = ""
    segments: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0
    worktree: str = ""
    options: dict[str, Any] = {}

    @property
    def path(self) -> Path:
        """The run's folder."""
        return Path(self.runs) / self.id

    @property
    def exit_status(self) -> int | None:
        """Exit status of the last stretch, or None when it was cut off or never ran."""
        status = self.segments[-1].get("exit_status") if self.segments else None
        return status if isinstance(status, int) else None


def update(entry: Entry, **changes: Any) -> Entry:
    """Change fields of a run, and return it as it is now; other fields are taken from the disk.

    Raises:
        RecordError: if the run isn't in the journal any more.
        StorageError: if it can't be written.
    """
    changed = msgspec.structs.replace(load(entry.path), **changes)
    save(changed)
    return changed


def load(run: Path) -> Entry:
    """Return the run whose folder is `run`.

    Raises:
        RecordError: if there is no journal in it that can be read.
    """
    try:
        entry = msgspec.json.decode((run / FILE).read_bytes(), type=Entry)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(
            f"The journal of the run {run.name} can't be read: {error}",
            hint=f"What the run left is in {run}; remove that folder to forget it.",
        ) from error
    # The folder may have been moved together with its repository.
    return msgspec.structs.replace(entry, id=run.name, runs=str(run.parent))


def save(entry: Entry) -> None:
    """Write a run to the journal, durably.

    Raises:
        StorageError: if it can't be written.
    """
    data = msgspec.json.format(msgspec.json.encode(entry, order="deterministic"), indent=1)
    write_durably(entry.path / FILE, data + b"\n", 0o600)
