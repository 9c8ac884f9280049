"""Weights as a folder of safetensors files with an index, in the convention of Hugging Face.

`model.safetensors.index.json` says which file holds which tensor. Any loader that knows the
convention can read it, and so can four lines of Python: read the index, `load_file` each file that
it names, put the results into one dictionary, and add the aliases.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from gitml.errors import StorageError
from gitml.outputs.grouping import LARGE, WHOLE, group_tensors, strip_wrappers
from gitml.outputs.safetensors_file import write_file
from gitml.outputs.tensor_layout import Data, TensorEntry, lay_out

__all__ = [
    "INDEX",
    "ShardPlan",
    "close_folder",
    "group_tensors",
    "open_folder",
    "plan_shards",
    "render_index",
    "write_sharded",
]

INDEX = "model.safetensors.index.json"

Tensor = tuple[str, str, Sequence[int], Data]


class ShardPlan(msgspec.Struct, frozen=True):
    """Which file is to hold what.

    Attributes:
        files: File name → its tensors in order, with their offsets, named as they will be.
        names: Name as given → name as it will be, without wrapper prefixes.
        prefix: The prefix that all names had and that was removed, or empty.
        aliases: Name of a tied tensor that is left out → name of the one that is kept.
    """

    files: dict[str, list[TensorEntry]]
    names: dict[str, str]
    prefix: str = ""
    aliases: dict[str, str] = {}


def plan_shards(
    entries: Iterable[TensorEntry],
    aliases: Mapping[str, str] | None = None,
    buffers: frozenset[str] | None = None,
    large: int = LARGE,
) -> ShardPlan:
    """Return which file is to hold which tensor; see `group_tensors` for the rules.

    Args:
        entries: The tensors that are kept; of `start` and `end` the difference counts.
        aliases: Name of a tied tensor that is left out → name of the one that is kept.
        buffers: Names of what isn't trained; None if that isn't known.
        large: Bytes from which a tensor has a file of its own.

    Raises:
        StorageError: if names clash, or a tensor's size doesn't fit its shape.
    """
    entries, aliases = list(entries), dict(aliases or {})
    names, prefix = strip_wrappers([*(entry.name for entry in entries), *aliases])
    if len({entry.name for entry in entries} | aliases.keys()) != len(entries) + len(aliases):
        raise StorageError("A model has a tensor's name twice.")
    if any(kept not in names for kept in aliases.values()):
        raise StorageError("A tied tensor refers to one that the model doesn't have.")
    named = {
        names[entry.name]: msgspec.structs.replace(entry, name=names[entry.name])
        for entry in entries
    }
    short = None if buffers is None else frozenset(names.get(name, name) for name in buffers)
    groups = group_tensors(named.values(), short, large)
    return ShardPlan(
        {file: lay_out(named[name] for name in members) for file, members in groups.items()},
        names,
        prefix,
        {names[dropped]: names[kept] for dropped, kept in sorted(aliases.items())},
    )


def write_sharded(
    folder: Path,
    tensors: Iterable[Tensor],
    aliases: Mapping[str, str] | None = None,
    buffers: frozenset[str] | None = None,
    large: int = LARGE,
) -> tuple[str, ...]:
    """Write a model's tensors into `folder`, and return the names of the files.

    The same tensors give the same bytes. Files of a model that was saved there before and that
    this one doesn't have are removed.

    Args:
        folder: Made if it doesn't exist.
        tensors: (name, element type, shape, raw little-endian bytes) of each tensor that is kept.
        aliases: Name of a tied tensor that is left out → name of the one that is kept.
        buffers: Names of what isn't trained; None if that isn't known.
        large: Bytes from which a tensor has a file of its own.

    Raises:
        StorageError: if the tensors make no sound model, the folder holds weights that were not
            saved by this function, or can't be written.
    """
    tensors = list(tensors)
    content = {name: data for name, _, _, data in tensors}
    plan = plan_shards(
        [
            TensorEntry(name, dtype, tuple(shape), 0, memoryview(data).nbytes)
            for name, dtype, shape, data in tensors
        ],
        aliases,
        buffers,
        large,
    )
    data_of = {plan.names[name]: data for name, data in content.items()}
    open_folder(folder)
    for file, entries in plan.files.items():
        write_file(
            folder / file,
            [(entry.name, entry.dtype, entry.shape, data_of[entry.name]) for entry in entries],
        )
    close_folder(folder, plan)
    return (*plan.files, INDEX)


def open_folder(folder: Path) -> None:
    """Make `folder` ready for shards; an index without files marks that they aren't complete.

    Raises:
        StorageError: if it holds weights without an index, which may be somebody's only copy.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / INDEX).exists():
            return
        present = sorted(path.name for path in folder.iterdir() if _is_shard(path.name))
    except OSError as error:
        raise StorageError(f"{folder} can't be written: {error.strerror or error}.") from error
    if present:
        raise StorageError(
            f"{folder} holds {present[0]} and no index, so it was not written by gitml.",
            hint="Choose an empty folder for the weights.",
        )
    _write_index(folder, {}, ShardPlan({}, {}))


def close_folder(folder: Path, plan: ShardPlan) -> None:
    """Write the index, then remove shards of an earlier model that `plan` doesn't have.

    Raises:
        StorageError: if the folder can't be written.
    """
    where = {entry.name: file for file, entries in plan.files.items() for entry in entries}
    _write_index(folder, where, plan)
    try:
        for path in folder.iterdir():
            if _is_shard(path.name) and path.name not in plan.files:
                path.unlink()
    except OSError as error:
        raise StorageError(f"{folder} can't be written: {error.strerror or error}.") from error


def render_index(where: Mapping[str, str], plan: ShardPlan) -> bytes:
    """Return the bytes of the index: sorted, so that the same model has the same ones."""
    metadata: dict[str, object] = {
        "total_size": sum(entry.size for entries in plan.files.values() for entry in entries)
    }
    if plan.aliases:
        metadata["aliases"] = plan.aliases
    if plan.prefix:
        metadata["prefix"] = plan.prefix
    tree = {"metadata": metadata, "weight_map": dict(where)}
    return json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _write_index(folder: Path, where: Mapping[str, str], plan: ShardPlan) -> None:
    temporary = folder / f".index.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        temporary.write_bytes(render_index(where, plan))
        temporary.replace(folder / INDEX)
    except OSError as error:
        raise StorageError(f"{folder} can't be written: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _is_shard(name: str) -> bool:
    return name == WHOLE or (name.startswith("model-") and name.endswith(".safetensors"))
