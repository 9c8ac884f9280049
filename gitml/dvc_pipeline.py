"""`dvc.yaml` as defaults for `gitml.yaml`: its params, metrics, plots and outs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

import msgspec

from gitml import bounded_yaml
from gitml.config import Config, Outputs
from gitml.errors import ConfigError

WEIGHTS = (".safetensors", ".pt", ".pth", ".ckpt", ".pkl", ".joblib", ".onnx", ".h5", ".keras")


class Pipeline(msgspec.Struct, frozen=True):
    """What the stages of a `dvc.yaml` name, relative to the folder of that file."""

    params: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    deps: tuple[str, ...] = ()


def defaults_from(data: bytes, config: Config, where: str) -> Config:
    """Return `config` completed from a `dvc.yaml`; see `gitml.config.from_dvc_yaml`."""
    pipeline = read_pipeline(data, where)
    found: dict[str, Any] = {}
    if pipeline.params and "params" not in config.declared:
        found["params"] = pipeline.params
    final = [path for path in pipeline.outs if path not in pipeline.deps]
    outputs = {
        "metrics": pipeline.metrics,
        "plots": pipeline.plots,
        "weights": tuple(path for path in final if path.endswith(WEIGHTS)),
        "other": tuple(path for path in final if not path.endswith(WEIGHTS)),
    }
    taken = {
        name: paths
        for name, paths in outputs.items()
        if paths and f"outputs.{name}" not in config.declared
    }
    if taken:
        found["outputs"] = Outputs(**{**msgspec.structs.asdict(config.outputs), **taken})
    return msgspec.structs.replace(config, **found) if found else config


def read_pipeline(data: bytes, where: str) -> Pipeline:
    """Return the paths that a `dvc.yaml` names; entries with `${…}` templates are left out.

    Raises:
        ConfigError: if the bytes are no YAML mapping.
    """
    tree = bounded_yaml.load(data, where)
    if tree is None:
        return Pipeline()
    if not isinstance(tree, dict):
        raise ConfigError(f"{where}, line 1: the file must be a mapping.")
    found: dict[str, dict[str, None]] = {
        name: {} for name in ("params", "metrics", "plots", "outs", "deps")
    }
    for stage in (tree, *_stages(tree)):
        folder = str(stage.get("wdir") or ".")
        for name, paths in found.items():
            entries = stage.get(name)
            if name == "params":
                names = _param_files(entries)
            elif stage is tree and name == "plots":
                names = _plot_files(entries)
            else:
                names = _paths(entries)
            paths.update(dict.fromkeys(_relative(folder, names)))
    return Pipeline(**{name: tuple(paths) for name, paths in found.items()})


def _stages(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    stages = tree.get("stages")
    for stage in stages.values() if isinstance(stages, dict) else ():
        if isinstance(stage, dict):
            inner = stage.get("do")
            yield inner if isinstance(inner, dict) else stage


def _entries(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _paths(value: Any) -> Iterator[str]:
    """Names in `[path, {path: {cache: false}}]`."""
    for entry in _entries(value):
        if isinstance(entry, dict):
            yield from (str(name) for name in entry)
        else:
            yield str(entry)


def _param_files(value: Any) -> Iterator[str]:
    """Files in `[key, {file: [keys]}]`: keys by themselves are those of `params.yaml`.

    At the top level of `dvc.yaml` the entries are files.
    """
    for entry in _entries(value):
        if isinstance(entry, dict):
            yield from (str(name) for name in entry)
        elif str(entry).endswith((".yaml", ".yml", ".json", ".toml")):
            yield str(entry)
        else:
            yield "params.yaml"


def _plot_files(value: Any) -> Iterator[str]:
    """Files of top-level plots: `{id: {y: {file: column}}}`, or an id that is a file itself."""
    for entry in _entries(value):
        if not isinstance(entry, dict):
            yield str(entry)
            continue
        for name, options in entry.items():
            axes = [options.get("x"), options.get("y")] if isinstance(options, dict) else []
            files = [str(file) for axis in axes if isinstance(axis, dict) for file in axis]
            yield from files or [str(name)]


def _relative(folder: str, names: Iterator[str]) -> Iterator[str]:
    for name in names:
        path = posixpath.normpath(posixpath.join(folder, name))
        if "${" not in path and not path.startswith(("/", "..")) and path != ".":
            yield path
