"""Weights as a folder of safetensors files with an index, in the convention of Hugging Face.

`model.safetensors.index.json` says which file holds which tensor. Any loader that knows the
convention can read it, and so can four lines of Python: read the index, `load_file` each file that
it names, put the results into one dictionary, and add the aliases.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gitml.errors import StorageError
from gitml.outputs.grouping import LARGE, WHOLE, group_tensors, strip_wrappers
from gitml.outputs.tensor_layout import TensorEntry, lay_out

__all__ = [
    "INDEX",
    "ShardPlan",
    "close_folder",
    "group_tensors",
    "is_shard",
    "open_folder",
    "plan_shards",
    "render_index",
    "write_index",
]

INDEX = "model.safetensors.index.json"

# An index that no loader accepts: it stands for one while files of two models lie side by side.
CUT_OFF = (
    b'{"metadata": {"incomplete": true},'
    b' "weight_map": {"incomplete": "saving-this-model-was-cut-off.safetensors"}}\n'
)


class ShardPlan(NamedTuple):
    """Which file is to hold what.

    Attributes:
        files: File name → its tensors in order, with their offsets, named as they will be.
        names: Name as given → name as it will be, without wrapper prefixes.
        aliases: Name of a tied tensor that is left out → name of the one that is kept.
        notes: What else the index is to say, as JSON.
    """

    files: dict[str, list[TensorEntry]]
    names: dict[str, str]
    aliases: Mapping[str, str] = {}
    notes: Mapping[str, Any] = {}


def plan_shards(
    entries: Iterable[TensorEntry],
    aliases: Mapping[str, str] | None = None,
    buffers: frozenset[str] | None = None,
    large: int = LARGE,
    notes: Mapping[str, Any] | None = None,
) -> ShardPlan:
    """Return which file is to hold which tensor; see `group_tensors` for the rules.

    Args:
        entries: The tensors that are kept; of `start` and `end` the difference counts.
        aliases: Name of a tied tensor that is left out → name of the one that is kept.
        buffers: Names of what isn't trained; None if that isn't known.
        large: Bytes from which a tensor has a file of its own.
        notes: What else the index is to say, as JSON.

    Raises:
        StorageError: if names clash, or a tensor's size doesn't fit its shape.
    """
    entries, aliases = list(entries), dict(aliases or {})
    names = strip_wrappers([*(entry.name for entry in entries), *aliases])
    if len({entry.name for entry in entries} | aliases.keys()) != len(entries) + len(aliases):
        raise StorageError("A model has a tensor's name twice.")
    if any(kept not in names for kept in aliases.values()):
        raise StorageError("A tied tensor refers to one that the model doesn't have.")
    named = {names[entry.name]: entry._replace(name=names[entry.name]) for entry in entries}
    short = None if buffers is None else frozenset(names.get(name, name) for name in buffers)
    groups = group_tensors(named.values(), short, large)
    return ShardPlan(
        {file: lay_out(named[name] for name in members) for file, members in groups.items()},
        names,
        {names[dropped]: names[kept] for dropped, kept in sorted(aliases.items())},
        dict(notes or {}),
    )


def open_folder(folder: Path) -> None:
    """Make `folder` ready for shards; an index that no loader accepts says that some may be old.

    Raises:
        StorageError: if it holds weights without an index, which may be somebody's only copy.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_foreign(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    write_index(folder, CUT_OFF)


def close_folder(folder: Path, plan: ShardPlan) -> None:
    """Remove shards of an earlier model that `plan` doesn't have, then write the index.

    Raises:
        StorageError: if the folder can't be written.
    """
    try:
        for path in stale_shards(folder, plan):
            path.unlink()
    except OSError as error:
        raise _unwritable(folder, error) from error
    write_index(folder, render_index(plan))


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds weights without an index.

    Raises:
        StorageError: if it does.
        OSError: if it can't be read.
    """
    if (folder / INDEX).exists():
        return
    present = sorted(path.name for path in folder.iterdir() if is_shard(path.name))
    if present:
        raise StorageError(
            f"{folder} holds {present[0]} and no index, so it was not written by gitml.",
            hint="Choose an empty folder for the weights.",
        )


def stale_shards(folder: Path, plan: ShardPlan) -> list[Path]:
    """Return the shards in `folder` that the model of `plan` doesn't have."""
    return [
        path for path in folder.iterdir() if is_shard(path.name) and path.name not in plan.files
    ]


def render_index(plan: ShardPlan) -> bytes:
    """Return the bytes of the index: sorted, so that the same model has the same ones."""
    where = {entry.name: file for file, entries in plan.files.items() for entry in entries}
    metadata: dict[str, object] = {
        "total_size": sum(entry.size for entries in plan.files.values() for entry in entries)
    }
    if plan.aliases:
        metadata["aliases"] = dict(plan.aliases)
    if plan.notes:
        metadata["notes"] = dict(plan.notes)
    tree = {"metadata": metadata, "weight_map": where}
    return json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def write_index(folder: Path, data: bytes) -> None:
    """Put an index into `folder`, in place of an earlier one, in one step.

    Raises:
        StorageError: if the folder can't be written.
    """
    temporary = folder / f".index.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        temporary.write_bytes(data)
        temporary.replace(folder / INDEX)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def is_shard(name: str) -> bool:
    """Whether a file of this name in a model's folder is one of its shards."""
    return name == WHOLE or (name.startswith("model-") and name.endswith(".safetensors"))


def _unwritable(folder: Path, error: OSError) -> StorageError:
    return StorageError(f"{folder} can't be written: {error.strerror or error}.")
