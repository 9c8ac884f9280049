"""Which examples are in train, validation and test: digests over the ids of each part.

The result of a split is what counts, not the function and seed that made it: the same seed on
data that grew puts half of the old test set into training.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from gitml.errors import ConfigError
from gitml.inputs.examples import counted, ids_digest, overlaps, some
from gitml.inputs.manifest import PartInput, PartitionInput
from gitml.values import digest

LOG_SPLIT = "log_split"

_ID_COLUMNS = ("id", "ids", "example", "example_id", "sample", "sample_id", "key", "name", "index")
_PART_COLUMNS = ("part", "split", "set", "subset", "fold", "partition")
_GROUP_COLUMNS = ("group", "groups", "group_id")

# Part → id → group (empty where there are none).
_Parts = dict[str, dict[str, str]]


class _Read(NamedTuple):
    """A file: its parts, and all that it says, in its order."""

    parts: _Parts
    content: object


def read_partition(data: bytes, name: str) -> PartitionInput:
    """Return the partition that a CSV or JSON file holds.

    CSV has a header with an id, a part and maybe a group column (`id,part,group`). JSON is
    `{"train": [ids], "test": [ids]}`, or a list of `{"id": …, "part": …}`.

    Args:
        data: The file's bytes.
        name: Its path; `.json` is JSON, everything else CSV.

    Raises:
        ConfigError: if it has neither form, a part is empty, or an id or a group is in two parts;
            the message names some of them.
    """
    parts, content = _parse(data, name)
    _refuse_overlaps(parts, "id", name)
    groups = {part: {group for group in ids.values() if group} for part, ids in parts.items()}
    _refuse_overlaps(groups, "group", name)
    return PartitionInput(
        source=name,
        parts={part: part_input(ids, groups[part]) for part, ids in sorted(parts.items())},
        rows=digest(json.dumps(content)),
    )


def part_input(ids: Iterable[str], groups: Iterable[str] = ()) -> PartInput:
    """Return the count and digest of one part; order and repetition of ids don't matter."""
    unique = set(ids)
    present = set(groups)
    return PartInput(
        count=len(unique), digest=ids_digest(unique), groups=ids_digest(present) if present else ""
    )


def ids_in(data: bytes, name: str) -> dict[str, set[str]]:
    """Return part → ids of a CSV or JSON file; arguments and errors as of `read_partition`."""
    return {part: set(ids) for part, ids in _parse(data, name).parts.items()}


def expected_partition(recorded: PartitionInput, planned: PartitionInput) -> PartitionInput:
    """Return the partition that a planned run will have, if all else is as it was recorded.

    A split that a run logs is a function of its code, data and settings.
    """
    logs = recorded.source == LOG_SPLIT and not planned.source
    return recorded if logs else planned


def _parse(data: bytes, name: str) -> _Read:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: a partition is a UTF-8 text.") from error
    found = _from_json(text, name) if name.lower().endswith(".json") else _from_csv(text, name)
    if not found.parts:
        raise ConfigError(
            f"{name} names no examples.", hint="A partition has a line `id,part` an example."
        )
    return found


def _from_csv(text: str, name: str) -> _Read:
    import csv
    import io

    parts: _Parts = {}
    try:
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = [next(rows, [])]
        header = [cell.strip().lower() for cell in lines[0]]
        id_column, part_column, group_column = _columns(header, name)
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise ConfigError(
                    f"{name}, line {rows.line_num}: {len(row)} columns instead of {len(header)}."
                )
            group = row[group_column] if group_column is not None else ""
            where = f"{name}, line {rows.line_num}"
            _place(parts, row[part_column].strip(), row[id_column], group, where)
            lines.append(row)
    except csv.Error as error:
        raise ConfigError(f"{name}: {error}.") from error
    return _Read(parts, lines)


def _columns(header: list[str], name: str) -> tuple[int, int, int | None]:
    def column(names: tuple[str, ...]) -> int | None:
        return next((header.index(known) for known in names if known in header), None)

    part = column(_PART_COLUMNS)
    identifier = column(_ID_COLUMNS)
    if part is None or identifier is None:
        raise ConfigError(
            f"{name}, line 1: the header must name an id and a part column.",
            hint="Such as `id,part` or `id,part,group`.",
        )
    return identifier, part, column(_GROUP_COLUMNS)


def _from_json(text: str, name: str) -> _Read:
    try:
        tree = json.loads(text, object_pairs_hook=_unique)
    except RecursionError as error:
        raise ConfigError(f"{name}: nested too deeply.") from error
    except ValueError as error:
        raise ConfigError(f"{name}: {error}.") from error
    parts: _Parts = {}
    if isinstance(tree, dict):
        for part, ids in tree.items():
            if not isinstance(ids, list):
                raise ConfigError(f"{name}: `{part}` must be a list of ids.")
            parts.setdefault(part, {})
            for identifier in ids:
                _place(parts, part, _text(identifier, name), "", name)
    elif isinstance(tree, list):
        for number, entry in enumerate(tree, 1):
            where = f"{name}, entry {number}"
            if not isinstance(entry, dict):
                raise ConfigError(f'{where}: must be `{{"id": …, "part": …}}`.')
            lowered = {str(key).lower(): value for key, value in entry.items()}
            id_column, part_column, group_column = _columns(list(lowered), where)
            values = [_text(value, where) for value in lowered.values()]
            group = values[group_column] if group_column is not None else ""
            _place(parts, values[part_column], values[id_column], group, where)
    else:
        raise ConfigError(f"{name}: a partition is a mapping of parts, or a list of examples.")
    for part, ids in parts.items():
        if not ids:
            raise ConfigError(f"{name}: the part `{part}` is empty.")
    return _Read(parts, tree)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key is there twice")
    return tree


def _text(value: Any, where: str) -> str:
    """Return an id as text: `7` and `"7"` are one id, as they are in CSV."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigError(f"{where}: ids and parts are text or integers, not {value!r:.50}.")
    return str(value)


def _place(parts: _Parts, part: str, identifier: str, group: str, where: str) -> None:
    if not part or not identifier or "\n" in identifier or "\n" in part:
        raise ConfigError(f"{where}: an id or part is empty or has a line break.")
    ids = parts.setdefault(part, {})
    if ids.setdefault(identifier, group) != group:
        raise ConfigError(f"{where}: the id {identifier!r} is in two groups.")


def _refuse_overlaps(parts: Mapping[str, Collection[str]], what: str, name: str) -> None:
    for one, other, shared in overlaps(parts):
        raise ConfigError(
            f"{name}: {counted(len(shared), what)} in both {one} and {other}: {some(shared)}.",
            hint="An example that was trained on can't test; put each into one part.",
        )
