"""`gitml.params`: the settings of the run, as its parameter files have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar, overload

from gitml.api.hints import hints_shown
from gitml.api.place import run_folder
from gitml.errors import ConfigError, NotFoundError
from gitml.execution.settings_note import read_note
from gitml.inputs.settings import parse_tree, read_files, same

T = TypeVar("T")
Keys = tuple[Any, ...]
_NOTHING: Any = object()
_SHOWN = 3


class _Place(NamedTuple):
    """The parameter files: relative to `root`, and whether they may be missing."""

    root: Path
    files: tuple[str, ...]
    optional: bool


@overload
def params() -> dict[str, Any]: ...
@overload
def params(name: str) -> Any: ...
@overload
def params(name: str, default: T) -> Any | T: ...
def params(name: Any = _NOTHING, default: Any = _NOTHING) -> Any:
    """Return the settings of the project's parameter files, or one of them.

        settings = gitml.params()
        rate = settings["optimizer"]["lr"]
        rate = gitml.params("optimizer.lr")
        warmup = gitml.params("optimizer.warmup", 0)

    They are those of the files under `params` in `gitml.yaml` (`params.yaml` without one), read
    anew at every call. In `gitml exp run` the overrides (`-S optimizer.lr=0.1`) are in them. The
    project is that of the run, else the one that the working directory lies in.

    Several files are merged. A setting that they have with different values is below the stem of
    each file (`train.lr`, `model.lr`), as it is in the experiment.

    Args:
        name: Dotted name of a setting or of a section, as `gitml exp show` has it; elements of a
            list are numbered (`layers.0`).
        default: Returned where there is no such setting, instead of an error.

    Returns:
        The nested settings with the types that YAML, JSON or TOML give them; or the one that was
        named.

    Raises:
        NotFoundError: if there is no such setting, or no parameter file.
        ConfigError: if `gitml.yaml` or a parameter file can't be read or is malformed.
    """
    with hints_shown():
        place = _place()
        files = read_files(place.root, place.files, optional=place.optional)
        if not files and default is _NOTHING:
            missing = f"{' and '.join(place.files)} in " if place.files else ""
            raise NotFoundError(
                f"There is no parameter file: no {missing}{place.root}.",
                hint="Make params.yaml, or list the project's files under `params` in gitml.yaml.",
            )
        tree = _merged({path: parse_tree(data, path) for path, data in files.items()})
        if name is _NOTHING:
            return tree
        found = _at(tree, str(name).split("."))
        if found is _NOTHING and default is _NOTHING:
            raise _unknown(str(name), tree, files)
        return default if found is _NOTHING else found


def _place() -> _Place:
    run = run_folder()
    note = read_note(run) if run is not None else None
    return _Place(*note, optional=False) if note else _place_around(Path.cwd())


def _place_around(start: Path) -> _Place:
    from gitml import config

    root = start
    for folder in (start, *start.parents):
        if (folder / config.FILE).is_file() or (folder / ".git").exists():
            root = folder
            break
    found = config.load(root)
    return _Place(root, found.params, "params" not in found.declared)


def _merged(trees: Mapping[str, dict[Any, Any]]) -> dict[str, Any]:
    """Return the settings of all files under one roof, named as `inputs.settings.merge` does."""
    if len(trees) == 1:
        return next(iter(trees.values()))
    owners: dict[Keys, dict[str, Any]] = {}
    for path, tree in trees.items():
        for keys, value in _leaves(tree):
            owners.setdefault(keys, {})[path] = value
    merged: dict[str, Any] = {}
    for keys, values in owners.items():
        first = next(iter(values.values()))
        if all(_same(value, first) for value in values.values()):
            _put(merged, keys, first)
            continue
        stems = [PurePosixPath(path).stem for path in values]
        names = stems if len(set(stems)) == len(stems) else list(values)
        for stem, value in zip(names, values.values(), strict=True):
            _put(merged, (stem, *keys), value)
    return merged


def _leaves(tree: dict[Any, Any], above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    return same(one, other)


def _put(tree: dict[Any, Any], keys: Keys, value: Any) -> None:
    *sections, last = keys
    node: Any = tree
    for key in sections:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            break
    if not isinstance(node, dict) or last in node:
        raise ConfigError(
            f"{'.'.join(map(str, keys))} is a setting in one parameter file and a section in "
            "another.",
            hint="Rename one of them.",
        )
    node[last] = value


def _at(tree: Any, parts: list[str]) -> Any:
    """Return what has a dotted name, or `_NOTHING`; keys may hold dots themselves."""
    if not parts:
        return tree
    if isinstance(tree, list):
        number = int(parts[0]) if parts[0].isdecimal() and len(parts[0]) < 10 else len(tree)
        return _at(tree[number], parts[1:]) if number < len(tree) else _NOTHING
    if not isinstance(tree, dict):
        return _NOTHING
    names = {str(key): key for key in tree}
    for length in range(1, len(parts) + 1):
        key = ".".join(parts[:length])
        if key in names:
            found = _at(tree[names[key]], parts[length:])
            if found is not _NOTHING:
                return found
    return _NOTHING


def _unknown(name: str, tree: dict[str, Any], files: Mapping[str, bytes]) -> NotFoundError:
    import difflib

    from gitml.values import flatten

    known = list(flatten(tree))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    last = name.rpartition(".")[2]
    near = near or [other for other in known if other.rpartition(".")[2] == last][:_SHOWN]
    return NotFoundError(
        f"No setting is called {name} in {', '.join(files)}.",
        hint=f"Did you mean {' or '.join(near)}?" if near else "",
    )
