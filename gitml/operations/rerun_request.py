"""What a rerun is asked, and what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from gitml.comparison.reproduction import TOLERANCE, Reproduction
from gitml.experiment.record import Record
from gitml.history.rows import Row
from gitml.operations.rerun_data import Supply
from gitml.operations.rerun_environment import Chosen


class RerunRequest(msgspec.Struct, frozen=True):
    """What `gitml exp rerun` was asked.

    Attributes:
        start: Folder where the user stands.
        name: The experiment.
        here: Use the Python at hand, whatever differs.
        python: Path of the Python to use; empty for the one that the command would find.
        tolerance: Relative tolerance of the metrics.
        keep: Keep the work tree.
        dry_run: Say what would be done, and do nothing.
        record: Add the verdict to the experiment's study.
    """

    start: Path
    name: str
    here: bool = False
    python: str = ""
    tolerance: float = TOLERANCE
    keep: bool = False
    dry_run: bool = False
    record: bool = True


class RerunResult(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        row: The experiment.
        recorded: Its record.
        status: `compared`, `planned` (a dry run) or `interrupted`.
        chosen: The Python that was used, or would be.
        supply: Where the data came from, or would.
        reproduction: The verdict; None unless compared.
        seconds: How long the command took.
        exit_status: Of the command; negative for a signal.
        event: Commit of the attestation, or empty.
        kept: The work tree, if it was kept.
        hints: What may explain a difference.
        notes: Sentences that users should see.
        tail: Last lines of the log of a command that failed.
    """

    row: Row
    recorded: Record
    status: Literal["compared", "planned", "interrupted"]
    chosen: Chosen
    supply: Supply
    reproduction: Reproduction | None = None
    seconds: float = 0.0
    exit_status: int = 0
    event: str = ""
    kept: str = ""
    hints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tail: str = ""
