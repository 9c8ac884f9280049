"""Timing whole commands, in turn, so that a machine's moods hit all of them alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """One command to be timed.

    Attributes:
        argv: Its words.
        cwd: Where it runs.
        before: Run untimed before each time.
        env: More environment variables.
    """

    argv: Sequence[str]
    cwd: Path
    before: Callable[[], None] | None = None
    env: Mapping[str, str] = field(default_factory=dict)


def seconds(command: Command) -> float:
    """Return the wall-clock seconds of one run."""
    if command.before is not None:
        command.before()
    env = {**os.environ, **command.env}
    # Installed programs have their byte code cached, so what is measured may cache its own.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    done = subprocess.run(
        list(command.argv),
        cwd=command.cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    elapsed = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command.argv)} ended with {done.returncode}:\n"
            f"{done.stderr.decode(errors='replace')[-2000:]}"
        )
    return elapsed


def medians(commands: Mapping[str, Command], rounds: int, warm_up: int = 1) -> dict[str, float]:
    """Return name → median seconds; the commands take turns."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + warm_up):
        for name, command in commands.items():
            elapsed = seconds(command)
            if turn >= warm_up:
                found[name].append(elapsed)
    return {name: statistics.median(values) for name, values in found.items()}
