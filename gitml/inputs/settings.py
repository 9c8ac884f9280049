"""Parameter files and environment variables as flat settings, compared by value.

`optimizer: {lr: 1e-3}` in YAML, JSON or TOML is the setting `optimizer.lr` with the float 0.001.
Order, comments and spelling don't matter; the types do (`1` is not `1.0`).
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from gitml.bounded_yaml import MAX_BYTES, decode, load
from gitml.errors import ConfigError
from gitml.values import Scalar, flatten

KINDS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}
_MAX_DEPTH = 64


def load_settings(
    project: Path, files: Iterable[str], *, optional: bool
) -> dict[str, dict[str, Scalar]]:
    """Return path → flat settings of the parameter files below `project`.

    Args:
        project: The project's root folder.
        files: Paths relative to it.
        optional: Whether a file that doesn't exist is left out instead of being an error.

    Raises:
        ConfigError: if a file is missing, unreadable, malformed or too large.
    """
    return {
        path: parse_file(data, path)
        for path, data in read_files(project, files, optional=optional).items()
    }


def read_files(project: Path, files: Iterable[str], *, optional: bool) -> dict[str, bytes]:
    """Return path → bytes of the parameter files; arguments and errors as for `load_settings`."""
    found = {}
    for path in files:
        try:
            with (project / path).open("rb") as stream:
                found[path] = stream.read(MAX_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError) as error:
            if not optional:
                raise ConfigError(
                    f"The parameter file {path} doesn't exist.",
                    hint="Make it, or take it out of `params` in gitml.yaml.",
                ) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"The parameter file {path} can't be read: {reason}.") from error
    return found


def parse_file(data: bytes, path: str) -> dict[str, Scalar]:
    """Return the flat settings of one parameter file, whose suffix says what it is.

    Raises:
        ConfigError: with file and line, if it is malformed, too large, nested too deeply, or
            holds something else than a mapping.
    """
    tree = parse_tree(data, path)
    flat = flatten(tree)
    if tree and len(flat) != _count_leaves(tree):
        raise ConfigError(
            f"{path}: two keys have the same dotted name, as `a.b` and `b` under `a` would.",
            hint="Rename one of them; settings are told apart by their dotted names.",
        )
    for name, value in flat.items():
        _check_text(name, path)
        if isinstance(value, str):
            _check_text(value, path)
    return flat


def parse_tree(data: bytes, path: str) -> dict[Any, Any]:
    """Return the nested values of one parameter file; errors as for `parse_file`."""
    kind = kind_of(path)
    if kind == "yaml":
        tree = load(data, path)
    elif kind == "json":
        tree = _load_json(decode(data, path), path)
    else:
        tree = _load_toml(decode(data, path), path)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}, line 1: settings must be a mapping of names to values.")
    return tree


def kind_of(path: str) -> str:
    """Return `yaml`, `json` or `toml`.

    Raises:
        ConfigError: for other suffixes.
    """
    kind = KINDS.get(PurePosixPath(path).suffix.lower())
    if kind is None:
        raise ConfigError(
            f"{path} is no parameter file that gitml can read.",
            hint="Parameter files are YAML, JSON or TOML, and have that suffix.",
        )
    return kind


def merge(by_file: Mapping[str, Mapping[str, Scalar]]) -> dict[str, Scalar]:
    """Return the settings of all files under one roof.

    A name that several files have with different values gets the stem of its file as a prefix
    (`train.lr`, `model.lr`), or the whole path where the stems are the same too.
    """
    owners: dict[str, list[str]] = {}
    for path, flat in by_file.items():
        for name in flat:
            owners.setdefault(name, []).append(path)
    merged: dict[str, Scalar] = {}
    for name, paths in owners.items():
        values = [by_file[path][name] for path in paths]
        if all(same(value, values[0]) for value in values):
            merged[name] = values[0]
            continue
        stems = [PurePosixPath(path).stem for path in paths]
        prefixes = stems if len(set(stems)) == len(stems) else paths
        for prefix, value in zip(prefixes, values, strict=True):
            merged[f"{prefix}.{name}"] = value
    return merged


def same(one: Scalar, other: Scalar) -> bool:
    """Return whether two settings are the same value of the same type; NaN equals itself."""
    return type(one) is type(other) and (one == other or (one != one and other != other))


def environment_settings(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, Scalar]:
    """Return the declared environment variables as settings `env.<NAME>`; unset ones are null."""
    return {f"env.{name}": environ.get(name) for name in names}


def matching(names: Iterable[str], patterns: Collection[str]) -> frozenset[str]:
    """Return the settings that a list of names or glob patterns means (`inert:`, `seeds:`).

    A pattern without a dot also matches the last part of a dotted name (`args.seed`); one that
    names a top-level section means everything in it; `-` and `_` are the same.
    """
    matcher = _matcher(tuple(patterns))
    return frozenset(name for name in names if matcher(name))


@functools.lru_cache(maxsize=32)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], Any]:
    if not patterns:
        return lambda name: False
    alternatives = []
    for pattern in patterns:
        dotted = "." in pattern
        body = re.escape(pattern.replace("-", "_")).replace(r"\?", "[^.]")
        body = body.replace(r"\*", ".*" if dotted else "[^.]*")
        # Elements of a list (`layers.0`) belong to its name, and entries to their section.
        anywhere = "" if dotted else r"(?:.*\.)?"
        alternatives.append(rf"{anywhere}{body}(?:\.\d+)*\Z|{body}\..*\Z")
    match = re.compile("|".join(alternatives)).match
    return lambda name: match(name.replace("-", "_"))


def _load_json(text: str, path: str) -> Any:
    if not text.strip():
        return None
    try:
        tree = json.loads(text, object_pairs_hook=_unique, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg}.") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply.") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}.") from error
    _check_depth(tree, path)
    return tree


def _load_toml(text: str, path: str) -> Any:
    import tomllib

    try:
        tree = tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply.") from error
    except ValueError as error:  # TOMLDecodeError, and integers with thousands of digits
        found = re.search(r" \(at line (\d+), column \d+\)", str(error))
        at = f", line {found[1]}" if found else ""
        message = str(error).replace(found[0], "") if found else str(error)
        raise ConfigError(f"{path}{at}: {message}.") from error
    _check_depth(tree, path)
    return tree


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return tree


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text} is too large")
    return value


def _check_depth(tree: Any, path: str) -> None:
    level = [tree]
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                below += node.values()
            elif isinstance(node, list):
                below += node
        if not below:
            return
        level = below
    raise ConfigError(f"{path}: nested too deeply.")


def _count_leaves(tree: Any) -> int:
    if isinstance(tree, dict):
        return sum(_count_leaves(value) for value in tree.values()) or 1
    if isinstance(tree, list):
        return sum(_count_leaves(value) for value in tree) or 1
    return 1


def _check_text(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{path}: half of a surrogate pair in {text!a}.") from error
