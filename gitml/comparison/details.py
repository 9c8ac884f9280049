"""Settings, data, partition, libraries and command that differ, each with what there is to say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from gitml.comparison.explanation import Detail, begin
from gitml.inputs.arguments import PREFIX
from gitml.inputs.difference import Difference
from gitml.inputs.manifest import COMPONENTS, DataInput, Manifest, PartInput, PartitionInput
from gitml.inputs.pieces import differing_words
from gitml.inputs.versions import step_of
from gitml.values import Scalar, as_number

_ENVIRONMENT = "env."
_TYPES = {bool: "boolean", int: "integer", float: "float", str: "text", type(None): "null"}
_KINDS = {
    "dvc": "tracked by DVC",
    "git": "tracked by Git",
    "unversioned": "known neither to Git nor to DVC",
    "listing": "known by names, sizes and times only",
    "external": "not captured",
}


class Present(msgspec.Struct, frozen=True):
    """What a recorded experiment is compared with: a plan, or another experiment.

    Attributes:
        params: All settings.
        seeds: Names of those that are seeds.
        files: Parameter files.
        program: Words of the command.
        data: Inputs of data, as far as they are known.
        partition: The partition.
    """

    params: Mapping[str, Scalar]
    seeds: Collection[str]
    files: Collection[str]
    program: tuple[str, ...]
    data: Mapping[str, DataInput]
    partition: PartitionInput


def detail(
    difference: Difference, recorded: Manifest, params: Mapping[str, Scalar], present: Present
) -> Detail:
    """Return the detail of an input that is no code.

    Args:
        difference: The input.
        recorded: All inputs of the recorded experiment.
        params: All its settings.
        present: What it is compared with.
    """
    if difference.input == "settings":
        return _setting(difference, recorded, params, present)
    if difference.input == "command":
        return _command(difference, recorded, present)
    if difference.input == "data":
        return _data(difference, recorded, present)
    if difference.input == "partition":
        return _part(difference, recorded.partition, present.partition)
    return _library(difference, recorded)


def in_order(details: Iterable[Detail]) -> tuple[Detail, ...]:
    """Return details with those that count first, and otherwise in the order of components."""
    places = {name: place for place, name in enumerate(COMPONENTS)}
    return tuple(
        sorted(details, key=lambda one: (not one.counts, places.get(one.input, 9), one.name))
    )


def _setting(
    difference: Difference, recorded: Manifest, params: Mapping[str, Scalar], present: Present
) -> Detail:
    name = difference.name
    was, now = difference.recorded, difference.planned
    why = ""
    change = "changed"
    if name not in params:
        change = "added"
    elif name not in present.params:
        change = "removed"
    elif _alike(was, now):
        change = "type"
        why = f"{_TYPES[type(was)]} → {_TYPES[type(now)]}"
    if name in present.seeds or name in recorded.seeds:
        why = "a seed"
    elif not difference.counts:
        written = name.startswith(PREFIX) and name not in recorded.settings
        why = "the run only wrote there" if written else "listed as inert"
    return msgspec.structs.replace(
        begin(difference, change), kind=_source(name, present.files), why=why
    )


def _alike(was: Scalar, now: Scalar) -> bool:
    """Whether two values look the same and differ in type: 1, 1.0 and "1"."""
    if type(was) is type(now):
        return False
    if str(was).lower() == str(now).lower():
        return True
    numbers = as_number(was), as_number(now)
    if None not in numbers and numbers[0] == numbers[1]:
        return True
    try:
        return not isinstance(was, bool | None) and float(str(was)) == float(str(now))
    except ValueError:
        return False


def _source(name: str, files: Collection[str]) -> str:
    """Return where a setting comes from."""
    if name.startswith(PREFIX):
        return "argument"
    if name.startswith(_ENVIRONMENT):
        return "environment variable"
    return next(iter(files)) if len(files) == 1 else "parameter file"


def _command(difference: Difference, recorded: Manifest, present: Present) -> Detail:
    found = begin(difference, "changed")
    if difference.name != "program":
        return msgspec.structs.replace(found, why="where the command runs")
    pieces = differing_words(recorded.command.program, present.program)
    return msgspec.structs.replace(found, pieces=pieces, why="settings left out")


def _data(difference: Difference, recorded: Manifest, present: Present) -> Detail:
    name = difference.name
    one, other = recorded.data.get(name), present.data.get(name)
    if one is None and name in recorded.code.absent:
        why = "the run looked for it in vain"
        return msgspec.structs.replace(begin(difference, "added"), kind="file", why=why)
    if one is None and name.rstrip("/") in (folder or "." for folder in recorded.code.names):
        return msgspec.structs.replace(
            begin(difference, "changed"),
            kind="folder",
            why="the run listed this folder, and other names are in it now",
            note="Only a digest of the names is recorded.",
        )
    if difference.recorded is None:
        found = msgspec.structs.replace(begin(difference, "added"), why="new among the data")
    elif difference.planned is None:
        found = msgspec.structs.replace(begin(difference, "removed"), why="the run read it")
    elif difference.counts:
        found = msgspec.structs.replace(begin(difference, "changed"), why=_sizes(one, other))
    else:
        moved = difference.planned not in _KINDS
        found = msgspec.structs.replace(
            begin(difference, "moved" if moved else "kind"), why="the same content"
        )
    item = one or other
    note = ""
    if one is not None and not one.digest and difference.counts:
        note = "The run overwrote what it had read."
    kind = _KINDS.get(item.kind, item.kind) if item else ""
    return msgspec.structs.replace(found, kind=kind, note=note)


def _sizes(one: DataInput | None, other: DataInput | None) -> str:
    """Return how much more or less there is, where that is known."""
    if one is None or other is None or not (one.size or one.files):
        return "other content"
    grown = other.size - one.size
    more = other.files - one.files
    said = [f"{grown:+,} bytes"] if grown else []
    said += [f"{more:+,} {'file' if abs(more) == 1 else 'files'}"] if more else []
    return ", ".join(said) or "other content of the same size"


def _part(difference: Difference, recorded: PartitionInput, present: PartitionInput) -> Detail:
    one, other = recorded.parts.get(difference.name), present.parts.get(difference.name)
    if one is None or other is None:
        change = "added" if one is None else "removed"
        count = (one or other or PartInput(0, "")).count
        return msgspec.structs.replace(begin(difference, change), why=f"{count:,} examples")
    if one.count != other.count:
        more = other.count - one.count
        why = f"{more:+,} {'example' if abs(more) == 1 else 'examples'}"
    elif one.digest != other.digest:
        why = "as many examples, but others"
    elif one.groups != other.groups:
        why = "the same examples in other groups"
    else:
        why = "the same ids with other content"
    return msgspec.structs.replace(
        begin(difference, "changed"), kind=present.source or recorded.source, why=why
    )


def _library(difference: Difference, recorded: Manifest) -> Detail:
    name, was, now = difference.name, difference.recorded, difference.planned
    if name in recorded.code.editable and was == recorded.code.editable[name]:
        return msgspec.structs.replace(
            begin(difference, "sources"),
            kind="editable install",
            why="the run imported it from a folder",
            note="Only a digest of its sources is recorded.",
        )
    step = step_of(None if was is None else str(was), None if now is None else str(now))
    kind = "interpreter" if name in ("python", "implementation") else "library"
    why = "" if kind == "interpreter" else "the run imported it"
    return msgspec.structs.replace(begin(difference, step), kind=kind, why=why)
