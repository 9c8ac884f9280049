"""What DVCLive writes: `metrics.json`, and one table over steps for each metric."""

from __future__ import annotations

import os
from pathlib import Path

from gitml.errors import NotFoundError
from gitml.outputs.history import HistoryLine, last_values, merge, whole_number
from gitml.outputs.metrics import read_metrics, read_text
from gitml.outputs.printed_numbers import parse_cell, parse_number
from gitml.outputs.table import read_rows
from gitml.values import Scalar


def read_dvclive(folder: Path) -> tuple[dict[str, Scalar], list[HistoryLine]]:
    """Return the metrics and the history in a folder of DVCLive.

    A metric that DVCLive calls `train/loss` is `train.loss` in both, as in its `metrics.json`.
    Without a `metrics.json` (it is written last) the last values of the tables are the metrics.

    Raises:
        NotFoundError: if there is no such folder.
        RecordError: if a file in it is malformed.
    """
    if not folder.is_dir():
        raise NotFoundError(f"{folder} doesn't exist, so DVCLive has written nothing.")
    tables = folder / "plots" / "metrics"
    history = merge([_read_table(path, path.relative_to(tables)) for path in _tables(tables)])
    summary = folder / "metrics.json"
    if not summary.is_file() or summary.is_symlink():
        return last_values(history), history
    metrics = read_metrics(summary)
    metrics.pop("step", None)
    return metrics, history


def _tables(folder: Path) -> list[Path]:
    found = []
    for place, _, names in os.walk(folder):
        paths = [Path(place, name) for name in names if name.endswith(".tsv")]
        found += [path for path in paths if path.is_file() and not path.is_symlink()]
    return sorted(found)


def _read_table(path: Path, relative: Path) -> list[HistoryLine]:
    """Return one table: `timestamp` in milliseconds (optional), `step`, and the metric."""
    column = relative.stem
    name = ".".join(relative.with_suffix("").parts)
    lines = []
    for row in read_rows(read_text(path), "\t", str(path)):
        stamp = parse_number(row.get("timestamp", ""))
        value = row.get(column)
        if value is not None:
            lines.append(
                HistoryLine(
                    whole_number(parse_cell(row.get("step", ""))),
                    {name: parse_cell(value)},
                    stamp / 1000 if stamp is not None and 0 <= stamp < 1e16 else None,
                )
            )
    return lines
