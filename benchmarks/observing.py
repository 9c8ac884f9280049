"""What watching costs a training script: the same training with and without, in turns."""

from __future__ import annotations

import os
import shutil
import statistics
from pathlib import Path

from benchmarks import projects
from benchmarks.cases import GITML, Figure
from benchmarks.timing import Command, seconds
from gitml.execution.launch import environment_for

EPOCHS = 200


def observing(scratch: Path, rounds: int) -> list[Figure]:
    """Train a template's network, bare and watched.

    Each round trains bare, watched, and bare again; how the two bare ones differ is the noise.
    """
    folder = scratch / "observe"
    projects.sh(scratch, *GITML, "init", str(folder), "--template", "mlp")
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("epochs: 30", f"epochs: {EPOCHS}"))
    trace = scratch / "trace"
    command = Command(("python", "train.py"), folder, None, projects.environment())
    watched = Command(command.argv, folder, lambda: _empty(trace), _watching(trace))
    for one in (command, watched):
        seconds(one)
    rows = [tuple(map(_measured, (command, watched, command))) for _ in range(rounds)]
    figures = []
    for number, kind in enumerate(("wall-clock", "CPU")):
        turns = [[measured[number] for measured in row] for row in rows]
        typical = statistics.median(time for before, _, after in turns for time in (before, after))
        added = statistics.median(ours - (before + after) / 2 for before, ours, after in turns)
        noise = _spread([after - before for before, _, after in turns])
        figures += [
            Figure(f"training while it is watched, {kind} time", typical + added, typical,
                   "not watched"),
            Figure(f"what watching adds to it, {kind} time", max(added, 0.0), noise,
                   "noise: the middle half of differences between equal runs", 1.0),
        ]  # fmt: skip
    return figures


def _measured(command: Command) -> tuple[float, float]:
    """Return wall-clock and CPU seconds of one run."""
    before = os.times()
    elapsed = seconds(command)
    after = os.times()
    spent = after.children_user + after.children_system
    return elapsed, spent - before.children_user - before.children_system


def _spread(values: list[float]) -> float:
    """Return the interquartile range."""
    low, _, high = statistics.quantiles(values, n=4)
    return high - low


def _watching(trace: Path) -> dict[str, str]:
    env = environment_for(trace, trace, {**os.environ, **projects.environment()})
    return {name: env[name] for name in env if os.environ.get(name) != env[name]}


def _empty(trace: Path) -> None:
    shutil.rmtree(trace, ignore_errors=True)
    trace.mkdir()
