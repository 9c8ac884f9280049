"""What a run logged through the Python API, as its folder has it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gitml.errors import NotFoundError, RecordError
from gitml.outputs import history
from gitml.outputs.history import HistoryLine
from gitml.outputs.metrics import read_bounded, without_axes
from gitml.values import Scalar

HISTORY = "history.jsonl"
SUMMARY = "summary.jsonl"


class Logged(msgspec.Struct, frozen=True):
    """Metrics that were logged.

    Attributes:
        summary: Of `gitml.summary`: name → what was set last.
        last: Of `gitml.log`: name → last value, without counters such as `epoch`.
        history: Of `gitml.log`, in the order in which it was written.
        warnings: Sentences about lines that can't be read.
    """

    summary: dict[str, Scalar] = {}
    last: dict[str, Scalar] = {}
    history: tuple[HistoryLine, ...] = ()
    warnings: tuple[str, ...] = ()


def read_logged(run: Path) -> Logged:
    """Return what was logged in the folder of a run; a line that is damaged is left out."""
    warnings: list[str] = []
    summary = history.last_values(_lines(run / SUMMARY, warnings))
    lines = _lines(run / HISTORY, warnings)
    last = history.last_values(lines)
    return Logged(summary, without_axes(last), tuple(lines), tuple(warnings))


def _lines(path: Path, warnings: list[str]) -> list[HistoryLine]:
    try:
        data = read_bounded(path, history.MAX_BYTES)
    except NotFoundError:
        return []
    except RecordError as error:
        warnings.append(f"What was logged is lost: {error.message}".replace(f"{path.parent}/", ""))
        return []
    try:
        return history.parse(data, path.name)
    except RecordError:
        return _sound_lines(data, path.name, warnings)


def _sound_lines(data: bytes, name: str, warnings: list[str]) -> list[HistoryLine]:
    found: list[HistoryLine] = []
    damaged = 0
    for raw in data.split(b"\n"):
        try:
            found += history.parse(raw + b"\n", name)
        except RecordError:
            damaged += 1
    lines = "1 line" if damaged == 1 else f"{damaged:,} lines"
    warnings.append(f"{lines} of the {name} that the run logged can't be read.")
    return found
