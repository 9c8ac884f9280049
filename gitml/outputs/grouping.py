"""Which tensors of a model share a file: a pure function of names, shapes and buffer status.

Never of values, order, or the number of files, so that a tensor that didn't change stays in a file
whose bytes didn't change, and is stored once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from gitml.errors import StorageError
from gitml.outputs.tensor_layout import TensorEntry

WHOLE = "model.safetensors"
LARGE = 64 << 20
SMALL = 1 << 20

# What torch.compile, FSDP and activation checkpointing put into names, anywhere.
_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
# What DataParallel and DistributedDataParallel put in front of all of them.
_OUTER = "module."
# What normalisation layers count on their own, though nothing trains them.
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_MAX_GROUP = 120


def strip_wrappers(names: Iterable[str]) -> dict[str, str]:
    """Return name → name without the parts that wrappers added.

    `module.` is a wrapper's only if every name begins with it. A model may really have an attribute
    `module`, and no other: its names are stripped as well, on both sides when weights are loaded.

    Raises:
        StorageError: if two names become the same.
    """
    stripped = {}
    for name in names:
        parts = name.split(".")
        kept = [part for part in parts[:-1] if part not in _WRAPPERS]
        stripped[name] = ".".join([*kept, parts[-1]])
    while stripped and all(
        name.startswith(_OUTER) and name != _OUTER for name in stripped.values()
    ):
        stripped = {name: short.removeprefix(_OUTER) for name, short in stripped.items()}
    if len(set(stripped.values())) != len(stripped):
        raise StorageError("Two tensors have the same name once wrapper prefixes are removed.")
    return stripped


def group_tensors(
    entries: Iterable[TensorEntry], buffers: frozenset[str] | None = None, large: int = LARGE
) -> dict[str, list[str]]:
    """Return file name → the names of the tensors in it, both sorted.

    A model of less than 1 MiB is one file. Else tensors of at least `large` bytes have a file
    each; those of at most one dimension and the buffers share the file of vectors (normalisation
    statistics change even when a layer is frozen); the others go with their block, which is the
    name up to its first integer (`layers.3`), or else their module. Blocks below 1 MiB are put
    together with their siblings.

    Args:
        entries: Of each tensor the name, shape and size count.
        buffers: Names of what isn't trained; None if that isn't known, then normalisation
            statistics are recognised by their names.
        large: Bytes.

    Raises:
        StorageError: if two names become the same without their wrapper prefixes.
    """
    entries = list(entries)
    if sum(entry.size for entry in entries) < SMALL:
        return {WHOLE: sorted(entry.name for entry in entries)}
    short = strip_wrappers(entry.name for entry in entries)
    groups: dict[str, list[TensorEntry]] = {}
    own: dict[str, list[TensorEntry]] = {}
    for entry in entries:
        name = short[entry.name]
        if entry.size >= large:
            own.setdefault(name, []).append(entry)
        elif len(entry.shape) <= 1 or _is_buffer(entry.name, name, buffers):
            own.setdefault("vectors", []).append(entry)
        else:
            groups.setdefault(block_of(name), []).append(entry)
    for block, members in groups.items():
        if sum(entry.size for entry in members) < SMALL:
            parent = block.rpartition(".")[0]
            block = f"{parent}.small" if parent else "small"
        own.setdefault(block, []).extend(members)
    files = _file_names(own)
    return {
        files[group]: sorted(entry.name for entry in own[group])
        for group in sorted(own, key=lambda group: files[group])
    }


def _is_buffer(name: str, short: str, buffers: frozenset[str] | None) -> bool:
    if buffers is None:
        return short.endswith(STATISTICS)
    return name in buffers or short in buffers


def block_of(name: str) -> str:
    """Return the part of a name up to its first integer, else the module that it belongs to."""
    parts = name.split(".")
    for index, part in enumerate(parts[:-1]):
        if part.isascii() and part.isdigit():
            return ".".join(parts[: index + 1])
    return ".".join(parts[:-1]) or name


def _file_names(groups: Iterable[str]) -> dict[str, str]:
    """Return group → file name: safe on every filesystem, and never the same for two groups."""
    groups = list(groups)
    folded: dict[str, int] = {}
    for group in groups:
        folded[group.lower()] = folded.get(group.lower(), 0) + 1
    names = {}
    for group in groups:
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", group).lstrip(".")[:_MAX_GROUP]
        # Names come from outside; some filesystems don't tell `Head` from `head`.
        if safe != group or folded[group.lower()] > 1:
            digest = hashlib.sha256(group.encode("utf-8", "surrogatepass")).hexdigest()
            safe = f"{safe}-{digest[:8]}"
        names[group] = f"model-{safe}.safetensors"
    return names
