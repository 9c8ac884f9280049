"""Other trackers, where they are installed: the same two metrics and one setting, offline."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks import projects
from benchmarks.timing import Command

NAMES = {"mlflow": "MLflow (SQLite)", "wandb": "W&B (offline)", "dvclive": "DVCLive"}

_SCRIPTS = {
    "mlflow": (
        "import mlflow\n"
        "mlflow.set_tracking_uri('sqlite:///mlflow.db')\n"
        "with mlflow.start_run():\n"
        "    mlflow.log_param('lr', 0.5)\n"
        "    mlflow.log_metrics({'accuracy': 0.5, 'loss': 0.5})\n"
        "    mlflow.log_artifact('train.py')\n"
    ),
    "wandb": (
        "import wandb\n"
        "run = wandb.init(project='bench', mode='offline', config={'lr': 0.5})\n"
        "run.log({'accuracy': 0.5, 'loss': 0.5})\n"
        "run.finish()\n"
    ),
    "dvclive": (
        "from dvclive import Live\n"
        "with Live(save_dvc_exp=False) as live:\n"
        "    live.log_param('lr', 0.5)\n"
        "    live.log_metric('accuracy', 0.5)\n"
        "    live.log_metric('loss', 0.5)\n"
    ),
}


def interpreter() -> str:
    """Return the Python that has the peers installed."""
    return os.environ.get("GITML_BENCH_PYTHON", sys.executable)


def run_commands(scratch: Path) -> dict[str, Command]:
    """Return a command for each peer that is installed: the bare script, then what it logs."""
    found = {}
    for name, script in _SCRIPTS.items():
        if not _installed(name):
            continue
        folder = projects.make_project(scratch / f"run-{name}")
        (folder / "tracked.py").write_text((folder / "train.py").read_text() + script)
        env = {**projects.environment(), "WANDB_SILENT": "true", "WANDB_DIR": str(folder),
               "HOME": str(folder)}  # fmt: skip
        found[name] = Command((interpreter(), "tracked.py"), folder, None, env)
    return found


def _installed(name: str) -> bool:
    import subprocess

    probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"
    return subprocess.run([interpreter(), "-c", probe], check=False).returncode == 0
