"""`gitml.yaml` as typed values, with errors that name the line and the nearest known key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from gitml.errors import ConfigError

FILE = "gitml.yaml"
DVC_FILE = "dvc.yaml"

MEGABYTE = 1_000_000
GIGABYTE = 1_000_000_000


class DataSource(msgspec.Struct, frozen=True):
    """One declared input of data.

    Attributes:
        path: File or folder, relative to the project's root, or absolute; empty for `external`.
        by: `content`, or `listing` (sizes and times only: weak).
        external: A location that gitml doesn't capture, such as `s3://bucket/set`.
    """

    path: str = ""
    by: Literal["content", "listing"] = "content"
    external: str = ""


class MetricGoal(msgspec.Struct, frozen=True):
    """What is better for a metric: `max`, `min`, or unknown (`""`).

    Attributes:
        min_effect: The smallest difference that matters, in the metric's unit; 0 for any.
    """

    goal: Literal["max", "min", ""] = ""
    primary: bool = False
    min_effect: float = 0.0


class Retention(msgspec.Struct, frozen=True):
    """How many are stored of the files that one run writes step by step (`epoch-01.pt`, …).

    The others are left on disk, and named in a warning. Files without a number are always stored.

    Attributes:
        last: So many of the latest; 0 and no `best` stores none at all.
        best: So many of the best by the metric `by`, as the history has it at that step.
        by: Name of a metric; the primary one when empty.
        goal: `max` or `min`; what `metrics` says about it when empty.
    """

    last: int = 0
    best: int = 0
    by: str = ""
    goal: Literal["max", "min", ""] = ""


class Keep(msgspec.Struct, frozen=True):
    """What is stored of a series of files, by role; everything where nothing is said.

    Attributes:
        weights: Weights, those that were taken out of checkpoints included.
        checkpoints: Files that a run can resume from.
    """

    weights: Retention | None = None
    checkpoints: Retention | None = None

    def __bool__(self) -> bool:
        """Whether anything is said."""
        return self.weights is not None or self.checkpoints is not None


class Outputs(msgspec.Struct, frozen=True):
    """Declared outputs: paths or glob patterns relative to the project's root, by role.

    Attributes:
        scrape: Regular expressions with named groups over the printed output; the last match wins.
        tensorboard: Folders that hold event files.
        shard: Whether `.safetensors` files that a script wrote itself are stored in shards.
        keep: Which of the `weights` and `checkpoints` that a run writes step by step are stored,
            as `{last: 1, best: 2, by: valid_loss}` for each.
    """

    weights: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("metrics.json",)
    history: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()
    importance: tuple[str, ...] = ()
    explanations: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    scrape: tuple[str, ...] = ()
    tensorboard: tuple[str, ...] = ()
    shard: bool = False
    keep: Keep = Keep()


class Examples(msgspec.Struct, frozen=True):
    """Where an example is to be seen, for the examples on which two experiments differ.

    Attributes:
        path: A file of data, relative to the project's root; or, with `{id}` in it, the pattern of
            the paths of single files.
        ids: Name of the array of ids in an `.npz` file.
        images: Name of its array of images, one for each id.
        id: Name of the column of ids in a table; empty to tell it by its name.
        show: Columns of the table to show; all when empty.
    """

    path: str = ""
    ids: str = "ids"
    images: str = "images"
    id: str = ""
    show: tuple[str, ...] = ()


class Config(msgspec.Struct, frozen=True):
    """The project's configuration; every field has a default.

    Attributes:
        command: Argument vector that `gitml exp run` runs when none is given.
        params: Parameter files (YAML, JSON or TOML) relative to the project's root; those of the
            default that don't exist are ignored, a declared one that doesn't exist is an error.
        inert: Names (or glob patterns) of settings that never change a result.
        seeds: Names (or glob patterns) of settings that are seeds; a pattern without a dot also
            matches the last part of a dotted name (`args.seed`, `train.seed`).
        data_limit: Bytes; changed DVC-tracked data above it is recorded by hash only.
        env: Environment variables that are settings.
        partition: File that says which examples are in which part; empty when there is none.
        metrics: Metric name → goal.
        examples: Where an example is to be seen: a pattern such as `data/{id}.png`, or a mapping.
        large: Bytes; outputs above it go through DVC.
        code_inert: Glob patterns of files that never change a result, besides the built-in ones.
        pickles: `allow` or `forbid` pickles that hold more than tensors.
        strict_lock: Whether `gitml exp run` refuses an environment that differs from the
            project's own lock, or can't be compared with it.
        models: Registry settings, not interpreted here.
        declared: Keys that the file really has: top-level ones, and `outputs.<key>`.
    """

    command: tuple[str, ...] = ()
    params: tuple[str, ...] = ("params.yaml",)
    inert: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ("seed",)
    data: tuple[DataSource, ...] = ()
    data_limit: int = 10 * GIGABYTE
    env: tuple[str, ...] = ()
    partition: str = ""
    outputs: Outputs = Outputs()
    metrics: dict[str, MetricGoal] = {}
    examples: Examples | None = None
    large: int = MEGABYTE
    code_inert: tuple[str, ...] = ()
    pickles: Literal["allow", "forbid"] = "allow"
    strict_lock: bool = False
    models: dict[str, Any] = {}
    declared: frozenset[str] = frozenset()

    @property
    def primary(self) -> str:
        """Name of the primary metric, or empty."""
        return next((name for name, metric in self.metrics.items() if metric.primary), "")


def load(project: Path) -> Config:
    """Return the configuration of a project; a missing or empty file means the defaults.

    What `gitml.yaml` doesn't declare is taken from `dvc.yaml`, where there is one.

    Args:
        project: The project's root folder.

    Raises:
        ConfigError: if a file can't be read or is wrong; the message has file and line.
    """
    data = _read(project / FILE)
    config = parse(data) if data else Config()
    pipeline = _read(project / DVC_FILE)
    return from_dvc_yaml(pipeline, config) if pipeline else config


def parse(data: bytes, where: str = FILE) -> Config:
    """Return the configuration that the bytes of a `gitml.yaml` hold.

    Raises:
        ConfigError: for unknown keys (with the nearest known one), wrong types, and YAML that is
            malformed or beyond the bounds; the message has `where` and the line.
    """
    from gitml.config_file import parse_config

    return parse_config(data, where)


def from_dvc_yaml(data: bytes, config: Config | None = None, where: str = DVC_FILE) -> Config:
    """Return `config` with what it doesn't declare taken from the bytes of a `dvc.yaml`.

    Parameter files, metrics and plots of all stages are taken over, and the outputs that no other
    stage depends on (those are intermediate data).

    Raises:
        ConfigError: if the bytes are no YAML mapping; the message has `where` and the line.
    """
    from gitml.dvc_pipeline import defaults_from

    return defaults_from(data, Config() if config is None else config, where)


def _read(path: Path) -> bytes:
    try:
        # A pipe would be waited for, and a device read for ever.
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path.name} is no file.")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise ConfigError(f"{path.name} can't be read: {error.strerror}.") from error
