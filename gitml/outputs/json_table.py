"""Tables in JSON files: one object a line, a list of objects, or one list a column."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gitml.errors import RecordError
from gitml.outputs.column_store import Chunk
from gitml.outputs.table_limits import (
    CELLS_AT_ONCE,
    MOST_COLUMNS,
    MOST_JSON_BYTES,
    Notes,
    check_size,
    opening,
)

_LONGEST_LINE = 1 << 22
_HINT = "Write one object an example, or one list a column."


def read_json_lines(path: Path, where: str, notes: Notes) -> Iterator[Chunk]:
    """Yield the columns of some lines at a time; a key that a line lacks is None there.

    A last line that is torn is left out, with a note.

    Raises:
        RecordError: if the file is too large, or another line is no JSON object.
    """
    check_size(path, where)
    with opening(where):
        yield from _chunks(_objects(path, where, notes), where)


def read_json(path: Path, where: str) -> Iterator[Chunk]:
    """Yield the columns of a JSON file.

    It holds a list of objects, a list a column, one object an example by its id, one of these
    under a name of its own, or what pandas makes of a data frame.

    Raises:
        RecordError: if it is too large, malformed, or holds something else.
    """
    yield from table_of(read_tree(path, where), where)


def read_tree(path: Path, where: str) -> Any:
    """Return the value in a JSON file; bare NaN and infinities are taken.

    Raises:
        RecordError: if it is too large or malformed.
    """
    check_size(path, where, MOST_JSON_BYTES, "CSV, JSON lines and Parquet may be larger.")
    with opening(where):
        return _decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"), where)


def table_of(tree: Any, where: str, *, wrapped: bool = False) -> Iterator[Chunk]:
    """Yield the columns of a table that is held as plain values.

    Args:
        tree: The value of a JSON file.
        where: What to call it in messages.
        wrapped: Whether it was found under a name of its own.

    Raises:
        RecordError: if there is none.
    """
    if isinstance(tree, list):
        records = (_record(one, number, where) for number, one in enumerate(tree, 1))
        yield from _chunks(records, where)
        return
    if not isinstance(tree, dict) or not tree:
        raise RecordError(f"{where} holds no table.", hint=_HINT)
    if {"columns", "data"} <= tree.keys() and isinstance(tree["data"], list):
        yield from _split(tree, where)
    elif not wrapped and _is_wrapped(tree):
        yield from table_of(next(iter(tree.values())), where, wrapped=True)
    elif all(isinstance(value, dict) for value in tree.values()):
        yield from _nested(tree, where)
    else:
        yield _lists(tree, where)


def _is_wrapped(tree: Mapping[str, Any]) -> bool:
    """Whether a mapping only gives a table its name: one object an example isn't that."""
    inner = next(iter(tree.values()))
    if len(tree) > 1 or not isinstance(inner, dict | list):
        return False
    within = inner if isinstance(inner, list) else list(inner.values())
    return any(isinstance(one, dict | list) for one in within)


def _decode(data: bytes, where: str) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _lenient(data, where)
    except RecursionError as error:
        raise RecordError(f"{where} is nested too deeply.") from error


def _lenient(data: bytes, where: str) -> Any:
    """Return what other programs write with bare NaN and Infinity."""
    try:
        return json.loads(data.decode())
    except UnicodeDecodeError as error:
        raise RecordError(f"{where} is not UTF-8 text.", hint="Save it as UTF-8.") from error
    except json.JSONDecodeError as error:
        raise RecordError(f"{where}, line {error.lineno}: malformed JSON: {error.msg}.") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{where} is malformed: nested too deeply, or a huge number.") from error


def _objects(path: Path, where: str, notes: Notes) -> Iterator[dict[str, Any]]:
    decode = msgspec.json.Decoder().decode
    number = 0
    with path.open("rb") as file:
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            if len(line) == _LONGEST_LINE:
                raise RecordError(f"{where}, line {number} is longer than 4 MiB.")
            try:
                record = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                try:
                    record = _lenient(line, where)
                except RecordError as error:
                    if not line.endswith(b"\n"):
                        notes.append(f"The last line of {where} is torn and left out.")
                        return
                    raise RecordError(f"{where}, line {number} is no JSON.") from error
            yield _record(record, number, where)


def _record(value: Any, number: int, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RecordError(f"{where}: entry {number:,} is no JSON object.", hint=_HINT)
    return value


def _chunks(records: Iterator[dict[str, Any]], where: str) -> Iterator[Chunk]:
    held: list[dict[str, Any]] = []
    names: dict[str, None] = {}
    for record in records:
        held.append(record)
        if record.keys() - names.keys():
            names |= dict.fromkeys(record)
            if len(names) > MOST_COLUMNS:
                raise RecordError(f"{where} has more than {MOST_COLUMNS:,} columns.")
        if len(held) * len(names) >= CELLS_AT_ONCE:
            yield {name: [one.get(name) for one in held] for name in names}
            held = []
    if held:
        yield {name: [one.get(name) for one in held] for name in names}


def _split(tree: Mapping[str, Any], where: str) -> Iterator[Chunk]:
    """Yield what pandas writes with `orient="split"`."""
    names, rows = tree["columns"], tree["data"]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or not isinstance(names, list) or len(row) != len(names):
            raise RecordError(f"{where}: row {number:,} has not one value a column.", hint=_HINT)
    yield from _chunks((dict(zip(map(str, names), row, strict=True)) for row in rows), where)


def _nested(tree: Mapping[str, Mapping[str, Any]], where: str) -> Iterator[Chunk]:
    """Yield objects by the id of their example, or the columns of pandas by row number."""
    columns = list(tree.values())
    rows = list(columns[0])
    numbered = [str(number) for number in range(len(rows))]
    if rows == numbered and all(list(column) == rows for column in columns):
        yield {name: list(column.values()) for name, column in tree.items()}
        return
    yield from _chunks(({"id": name, **record} for name, record in tree.items()), where)


def _lists(tree: Mapping[str, Any], where: str) -> Chunk:
    lists: dict[str, Sequence[Any]] = {n: v for n, v in tree.items() if isinstance(v, list)}
    lengths = {len(column) for name, column in lists.items() if name != "classes"}
    if not lists or not lengths:
        raise RecordError(f"{where} holds no table.", hint=_HINT)
    if len(lengths) > 1:
        named = ", ".join(f"{name} {len(column):,}" for name, column in list(lists.items())[:6])
        raise RecordError(f"{where}: its columns differ in length ({named}).")
    return lists
