"""The first `gitml.yaml` of a project: what its files suggest, and the rest as comments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

_SCRIPTS = ("train.py", "main.py", "run.py", "src/train.py", "scripts/train.py")
_PARAMETERS = tuple(
    f"{stem}.{suffix}"
    for stem in ("params", "hparams", "config")
    for suffix in ("yaml", "yml", "json", "toml")
)
_METRICS = tuple(
    f"{stem}.{suffix}"
    for stem in ("metrics", "scores", "results")
    for suffix in ("json", "yaml", "toml", "csv")
)
_PARTITIONS = ("splits.json", "splits.yaml", "splits.csv")
_EVENTS = ("runs", "lightning_logs", "logs/tensorboard")
_DATA = ("data", "dataset", "datasets")

# Entries of a data folder that are looked at; it may have millions.
_ENOUGH = 1000

_TEMPLATE = """\
# What `gitml exp run` runs, what goes in, and what comes out. Every line is optional.

{command}
{params}
# inert: [log_interval, num_workers]  # settings that never change a result
# seeds: [seed]                       # settings that are seeds
{data}
{partition}

{outputs}
#   weights: [model.safetensors]      # found by itself too: whatever a run writes is recorded
{metrics}
#   plots: [plots]
#   predictions: [predictions.csv]
#   scrape: 'val loss (?P<val_loss>[\\d.]+)'   # metrics from what is printed
{tensorboard}

# metrics:                            # what is better, so that `gitml exp diff` can say so
#   accuracy: {{goal: max, primary: true}}
#   loss: {{goal: min}}
"""


class Guess(msgspec.Struct, frozen=True):
    """What the files of a project suggest; empty where nothing does.

    Attributes:
        command: The training command.
        params: Parameter files.
        data: Folders of data that DVC doesn't track.
        partition: The file that says which examples are in which part.
        metrics: Metrics files.
        tensorboard: Folders of event files.
        pipeline: Whether a `dvc.yaml` says what the parameters and outputs are.
    """

    command: str = ""
    params: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    partition: str = ""
    metrics: tuple[str, ...] = ()
    tensorboard: tuple[str, ...] = ()
    pipeline: bool = False


def guess(folder: Path) -> Guess:
    """Look at the names of the files in `folder`; nothing is read."""
    if (folder / "dvc.yaml").is_file():
        return Guess(command="dvc repro", pipeline=True)
    scripts = _existing(folder, _SCRIPTS)
    return Guess(
        command=f"python {scripts[0]}" if scripts else "",
        params=_existing(folder, _PARAMETERS),
        data=tuple(name for name in _DATA if _is_data(folder / name)),
        partition=next(iter(_existing(folder, _PARTITIONS)), ""),
        metrics=_existing(folder, _METRICS),
        tensorboard=tuple(name for name in _EVENTS if _has_events(folder / name)),
    )


def text(found: Guess) -> str:
    """Return `gitml.yaml` with what was found as settings and everything else as comments."""
    params = _setting("params", found.params, "[params.yaml]")
    if found.pipeline:
        params = "# params, metrics, plots and outputs are those of dvc.yaml"
    return _TEMPLATE.format(
        command=f"command: {found.command}" if found.command else "# command: python train.py",
        params=params,
        data=_setting("data", found.data, "[data]", "what has a .dvc file is found anyway"),
        partition=(
            f"partition: {found.partition}"
            if found.partition
            else _setting("partition", (), "splits.json", "which examples are in which part")
        ),
        # The examples below the heading stay comments where the heading is real.
        outputs="outputs:" if found.metrics or found.tensorboard else "# outputs:",
        metrics=_setting("  metrics", found.metrics, "[metrics.json]"),
        tensorboard=_setting("  tensorboard", found.tensorboard, "[runs]"),
    )


def _setting(key: str, values: tuple[str, ...], example: str, meaning: str = "") -> str:
    """Return a line of the file: the values that were found, or a comment with an example."""
    if values:
        return f"{key}: [{', '.join(values)}]"
    line = f"# {key}: {example}"
    return f"{line:37} # {meaning}" if meaning else line


def _existing(folder: Path, candidates: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in candidates if (folder / name).is_file())


def _is_data(path: Path) -> bool:
    """Tell whether a folder holds files that DVC doesn't track and that aren't a Python package."""
    if path.is_symlink() or not path.is_dir() or path.with_name(path.name + ".dvc").exists():
        return False
    names = list(islice(_names_below(path), _ENOUGH))
    # Scripts that make the data lie beside it: what a run reads of that is seen anyway.
    tracked = any(name.endswith((".dvc", ".py")) for name in names)
    return bool(names) and not tracked


def _names_below(folder: Path) -> Iterator[str]:
    """Yield the names in a folder and, after them, those in the folders that it holds."""
    waiting = [str(folder)]
    for place in waiting:
        with os.scandir(place) as entries:
            for entry in entries:
                yield entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)


def _has_events(path: Path) -> bool:
    """Tell whether a folder holds TensorBoard event files, at most two folders deep."""
    if not path.is_dir():
        return False
    patterns = ("events.out.tfevents.*", "*/events.out.tfevents.*", "*/*/events.out.tfevents.*")
    return any(next(path.glob(pattern), None) for pattern in patterns)
