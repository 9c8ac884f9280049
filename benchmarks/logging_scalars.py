"""`gitml.log` of one scalar: the time of a call that has its line written when it returns."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import peers
from benchmarks.cases import Figure

_ROOT = Path(__file__).parent.parent

# Prints the nanoseconds of one call; what comes before it defines `call(step)`.
_TIMING = """
import sys, time
count = int(sys.argv[1])
for step in range(count // 10 + 1):
    call(step)
started = time.perf_counter_ns()
for step in range(count):
    call(step)
print()
print((time.perf_counter_ns() - started) / count, flush=True)
"""
_GITML = """
import gitml
def call(step):
    gitml.log(step=step, loss=0.1234567)
"""
_MAPPING = """
import gitml
def call(step):
    gitml.log({"val/loss": 0.1234567}, step=step)
"""
_BARE = """
import json
file = open("bare.jsonl", "a")
def call(step):
    file.write(json.dumps({"step": step, "loss": 0.1234567}) + "\\n")
    file.flush()
"""
_TENSORBOARD = """
from torch.utils.tensorboard import SummaryWriter
writer = SummaryWriter("runs")
def call(step):
    writer.add_scalar("loss", 0.1234567, step)
    writer.flush()
"""
_DVCLIVE = """
from dvclive import Live
live = Live(save_dvc_exp=False)
def call(step):
    live.log_metric("loss", 0.1234567)
    live.next_step()
"""
_MLFLOW = """
import mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.start_run()
def call(step):
    mlflow.log_metric("loss", 0.1234567, step)
"""
_WANDB = """
import wandb
run = wandb.init(project="bench", mode="offline")
def call(step):
    run.log({"loss": 0.1234567}, step=step)
"""


@dataclass(frozen=True)
class _Logger:
    """One way to log, and how many calls are timed."""

    name: str
    script: str
    calls: int
    python: str = sys.executable


def logging_scalars(scratch: Path, rounds: int) -> list[Figure]:
    """One scalar: `gitml.log`, a bare line of JSON with a flush, and other trackers'.

    Those that have a flush of their own are flushed, so that killing the process loses nothing;
    W&B hands over to another process.
    """
    loggers = [
        _Logger("gitml", _GITML, 20_000),
        _Logger("gitml, a mapping", _MAPPING, 20_000),
        _Logger("a bare line of JSON with a flush", _BARE, 20_000),
        *_installed(),
    ]
    found: dict[str, list[float]] = {logger.name: [] for logger in loggers}
    for turn in range(min(rounds, 3)):
        for number, logger in enumerate(loggers):
            folder = scratch / f"log-{turn}-{number}"
            folder.mkdir()
            found[logger.name].append(_nanoseconds(logger, folder))
    medians = {name: statistics.median(values) for name, values in found.items()}
    ours, mapped = medians.pop("gitml"), medians.pop("gitml, a mapping")
    bare = next(iter(medians))
    # 10 µs where the bare line took 5.3.
    figures = [
        Figure("`gitml.log` of a mapping with one scalar", mapped, medians[bare], bare, unit="ns")
    ]
    for name, theirs in medians.items():
        budget = 1.9 if name == bare else None
        figures.append(Figure("`gitml.log` of one scalar", ours, theirs, name, budget, "ns"))
    return figures


def _installed() -> Sequence[_Logger]:
    other = peers.interpreter()
    wanted = (
        ("torch.utils.tensorboard", _Logger("TensorBoard, flushed", _TENSORBOARD, 2_000)),
        ("wandb", _Logger("W&B (offline)", _WANDB, 2_000, other)),
        ("dvclive", _Logger("DVCLive", _DVCLIVE, 200, other)),
        ("mlflow", _Logger("MLflow (SQLite)", _MLFLOW, 200, other)),
    )
    return [logger for module, logger in wanted if _has(logger.python, module)]


def _has(python: str, module: str) -> bool:
    done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    return done.returncode == 0


def _nanoseconds(logger: _Logger, folder: Path) -> float:
    env = {
        **os.environ,
        "GITML_RUN_DIR": str(folder),
        "HOME": str(folder),
        "PYTHONPATH": str(_ROOT),
        "WANDB_SILENT": "true",
    }
    done = subprocess.run(
        [logger.python, "-c", logger.script + _TIMING, str(logger.calls)],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    numbers = [line for line in done.stdout.splitlines() if line.replace(".", "").isdigit()]
    if done.returncode or not numbers:
        raise SystemExit(f"{logger.name} can't be measured:\n{done.stderr[-2000:]}")
    return float(numbers[-1])
