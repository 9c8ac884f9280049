"""Metrics and history of a run, from every place that it may have left them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from gitml.config import Config
from gitml.errors import GitmlError
from gitml.operations.logged import read_logged
from gitml.outputs import dvclive, history, metrics, scrape
from gitml.outputs.history import HistoryLine
from gitml.outputs.roles import is_event_file, role_of
from gitml.outputs.tensorboard import read_events
from gitml.values import Scalar, to_json

Found = TypeVar("Found")


class Measurements(msgspec.Struct, frozen=True):
    """Last values and series.

    Attributes:
        metrics: Flat names → last values; non-finite ones as strings.
        history: Metrics over steps.
        warnings: Files that should hold metrics and don't.
    """

    metrics: dict[str, Scalar] = {}
    history: tuple[HistoryLine, ...] = ()
    warnings: tuple[str, ...] = ()


def measure(
    root: Path, folder: str, config: Config, written: Iterable[str], log: Path
) -> Measurements:
    """Collect what a run measured.

    Where several places have a metric of the same name, a declared file wins over
    `gitml.summary`, over the last value of `gitml.log`, over DVCLive, over event files, over the
    printed output.

    Args:
        root: Work tree that the run ran in.
        folder: The project's folder in the repository.
        config: Says which files hold metrics, and the patterns for the printed output.
        written: Files that the run wrote, from the repository's root: others are stale.
        log: What the command printed; the run's folder, which it lies in, also has what was
            logged through the Python API.
    """
    prefix = f"{folder}/" if folder else ""
    paths = sorted(written)
    found: list[dict[str, Scalar]] = []
    series: list[list[HistoryLine]] = []
    warnings: list[str] = []

    declared = _declared_metrics(root, prefix, config, paths, warnings)
    logged = read_logged(log.parent)
    found += [declared, logged.summary, logged.last]
    series.append([*logged.history])
    warnings += logged.warnings
    for path in paths:
        role = role_of(path.removeprefix(prefix), config.outputs)
        if role == "history":
            series.append(_history_file(root / path, warnings))
        elif role == "metrics" and path.lower().endswith((".csv", ".tsv")):
            series.append(_steps_of_table(root / path))
    for live in sorted({_live_folder(path) for path in paths} - {""}):
        values, lines = _guarded(dvclive.read_dvclive, root / live, warnings) or ({}, [])
        found.append(values)
        series.append(lines)
    events = [root / path for path in paths if is_event_file(path)]
    if events:
        # Only this run's files: a folder of event files usually holds those of earlier runs, too.
        common = Path(os.path.commonpath([file.parent for file in events]))
        lines = _guarded(lambda place: read_events(place, events), common, warnings) or []
        found.append(_last_of_events(lines))
        series.append(lines)
    values, lines = _printed(config, log, nothing_else=not any(series))
    # What the output seems to say is no more than a series once a file holds metrics.
    found.append(values if config.outputs.scrape or not any(found) else {})
    series.append(lines)
    if not any(found):
        last = history.last_values([line for lines in series for line in lines])
        found.append(metrics.without_axes(last))

    merged: dict[str, Scalar] = {}
    for values in found:
        for name, value in values.items():
            merged.setdefault(name, to_json(value))
    return Measurements(merged, tuple(history.merge(series)), tuple(warnings))


def _declared_metrics(
    root: Path, prefix: str, config: Config, paths: list[str], warnings: list[str]
) -> dict[str, Scalar]:
    merged: dict[str, Scalar] = {}
    for path in paths:
        if role_of(path.removeprefix(prefix), config.outputs) != "metrics":
            continue
        values = _guarded(metrics.read_metrics, root / path, warnings) or {}
        stem = Path(path).stem
        for name, value in values.items():
            clash = name in merged and to_json(merged[name]) != to_json(value)
            merged[f"{stem}.{name}" if clash else name] = value
    if "outputs" in config.declared:
        for name in config.outputs.metrics:
            plain = not any(char in name for char in "*?[")
            if plain and prefix + name not in paths and name != "metrics.json":
                warnings.append(f"The metrics file {name} was not written by this run.")
    return merged


def _history_file(path: Path, warnings: list[str]) -> list[HistoryLine]:
    if is_event_file(path.name):
        return []
    return _guarded(history.read_file, path, warnings) or []


def _steps_of_table(path: Path) -> list[HistoryLine]:
    """Return the series that a table of metrics is when its rows are numbered (Lightning's)."""
    lines = _guarded(history.read_file, path, []) or []  # that it can't be read was said already
    if len(lines) < 2 or all(line.step is None for line in lines):
        return []
    return [
        msgspec.structs.replace(line, values=metrics.without_axes(line.values)) for line in lines
    ]


def _last_of_events(lines: list[HistoryLine]) -> dict[str, Scalar]:
    values = metrics.without_axes(history.last_values(lines))
    # Lightning writes -1 under this name where the program has logged no such metric.
    if values.get("hp_metric") == -1:
        del values["hp_metric"]
    return values


def _live_folder(path: str) -> str:
    """Return the DVCLive folder that a path belongs to, or empty."""
    parts = path.split("/")
    if "dvclive" in parts[:-1]:
        return "/".join(parts[: parts.index("dvclive") + 1])
    return ""


def _printed(
    config: Config, log: Path, *, nothing_else: bool
) -> tuple[dict[str, Scalar], list[HistoryLine]]:
    if not log.exists() or not (config.outputs.scrape or nothing_else):
        return {}, []
    with log.open("rb") as lines:
        if config.outputs.scrape:
            return scrape.scrape(lines, scrape.compile_patterns(config.outputs.scrape))
        return scrape.guess(lines)


def _guarded(read: Callable[[Path], Found], path: Path, warnings: list[str]) -> Found | None:
    """Return what `read` finds at `path`; a file that can't be read is a warning, not the end."""
    try:
        return read(path)
    except (GitmlError, OSError) as error:
        said = error.message if isinstance(error, GitmlError) else error.strerror or str(error)
        # Where the project lies on this machine is nobody's business.
        said = said.replace(f"{path.parent}{os.sep}", "")
        warnings.append(f"{path.name} could not be read as metrics: {said}")
        return None
