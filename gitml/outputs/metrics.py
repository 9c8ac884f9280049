"""Metrics files as a run wrote them (JSON, YAML, TOML, CSV, TSV), read into flat values.

What a run writes is not vouched for by anybody, so everything is bounded: size, nesting, number
of values. A file beyond the bounds is an error that names it; nothing is dropped silently.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gitml.errors import NotFoundError, RecordError
from gitml.outputs.printed_numbers import parse_cell
from gitml.outputs.table import STEP_COLUMNS, read_rows
from gitml.values import Scalar, flatten

MAX_BYTES = 64 << 20
MAX_DEPTH = 64
MAX_VALUES = 10_000
MAX_TEXT = 100_000

# tomllib needs quadratic time for some inputs, and is written in Python.
_MAX_TOML_BYTES = 1 << 20


def read_metrics(path: Path) -> dict[str, Scalar]:
    """Return the flat values of a metrics file, whose suffix says what it is.

    Nested names are joined with dots (`{"val": {"loss": 0.1}}` is `val.loss`). `NaN` and
    `Infinity` in JSON become floats; numbers in quotes stay strings. Of a table the last row
    counts; a cell that is empty there has the last value of its column, since loggers write one
    row for training and one for validation. Where a table has several rows, the columns that
    number them (`step`, `epoch`) are no metrics.

    Raises:
        NotFoundError: if there is no such file.
        RecordError: if it can't be read, is malformed, has a key twice, a number that no float
            can hold, no names, or goes beyond the bounds; the message names the file.
    """
    readers: dict[str, Callable[[Path], Any]] = {
        ".json": _read_json,
        ".yaml": _read_yaml,
        ".yml": _read_yaml,
        ".toml": _read_toml,
        ".csv": lambda place: _last_values(place, ","),
        ".tsv": lambda place: _last_values(place, "\t"),
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise RecordError(
            f"{path} is no metrics file that gitml can read.",
            hint="Metrics are JSON, YAML, TOML, CSV or TSV, and the file has that suffix.",
        )
    tree = reader(path)
    if tree is None:
        return {}
    if not isinstance(tree, dict | list):
        raise RecordError(
            f"{path} holds a single value without a name.",
            hint='Write metrics as names and values, such as {"accuracy": 0.97}.',
        )
    leaves = _check(tree, path)
    flat = flatten(tree)
    if tree and len(flat) != leaves:
        raise RecordError(
            f"{path}: two values have the same dotted name, as `a.b` and `b` under `a` would.",
            hint="Rename one of them.",
        )
    return flat


def read_bounded(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Return the bytes of a file that must not be larger than `limit`.

    Raises:
        NotFoundError: if there is no such file.
        RecordError: if it is too large or can't be read.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{path} doesn't exist.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecordError(f"{path} can't be read: {reason}.") from error
    if len(data) > limit:
        raise RecordError(
            f"{path} has more than the {limit:,} bytes that gitml reads as metrics.",
            hint="Write large tables into a file of their own and list it under outputs.other.",
        )
    return data


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """Return the UTF-8 text of a bounded file; errors as for `read_bounded`."""
    try:
        return read_bounded(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordError(f"{path} is not UTF-8 text.") from error


def decode_json(text: str) -> Any:
    """Return the value of JSON text, with NaN and infinities accepted.

    Raises:
        ValueError: if it is malformed, nested too deeply, has a key twice, or a number that no
            float can hold.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _read_json(path: Path) -> Any:
    text = read_text(path)
    if not text.strip():
        return None
    try:
        return decode_json(text)
    except ValueError as error:
        raise RecordError(f"{path} is malformed: {error}.") from error


def _read_yaml(path: Path) -> Any:
    from gitml import bounded_yaml
    from gitml.errors import ConfigError

    data = read_bounded(path, bounded_yaml.MAX_BYTES)
    try:
        return bounded_yaml.load(data, str(path))
    except ConfigError as error:
        raise RecordError(error.message, hint=error.hint) from error


def _read_toml(path: Path) -> Any:
    import tomllib

    try:
        return tomllib.loads(read_text(path, _MAX_TOML_BYTES), parse_float=_finite)
    except RecursionError as error:
        raise RecordError(f"{path} is malformed: nested too deeply.") from error
    except ValueError as error:  # TOMLDecodeError, and integers with thousands of digits
        raise RecordError(f"{path} is malformed: {error}.") from error


def _last_values(path: Path, separator: str) -> dict[str, Scalar]:
    last: dict[str, str] = {}
    count = 0
    for row in read_rows(read_text(path), separator, str(path)):
        last.update(row)
        count += 1
    values = {name: parse_cell(cell) for name, cell in last.items()}
    return without_axes(values) if count > 1 else values


def without_axes(values: dict[str, Scalar]) -> dict[str, Scalar]:
    """Return the values of a series' last row without those that only say where it stands."""
    measured = {name: value for name, value in values.items() if name not in STEP_COLUMNS}
    return measured or values


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the key {name!r} is there twice")
            seen.add(name)
    return tree


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value) and "inf" not in text.lower():
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def _check(tree: Any, path: Path) -> int:
    """Return the number of leaves; refuse what is beyond the bounds."""
    leaves = 0
    stack = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, dict | list) and node:
            if depth > MAX_DEPTH:
                raise RecordError(f"{path} is malformed: nested too deeply.")
            if isinstance(node, dict):
                for name in node:
                    _check_text(str(name), path)
            stack += [(item, depth + 1) for item in _items(node)]
        else:
            leaves += 1
            if isinstance(node, str):
                _check_text(node, path)
        if leaves + len(stack) > MAX_VALUES:
            raise RecordError(
                f"{path} holds more than {MAX_VALUES:,} values.",
                hint="Write large tables into a file of their own and list it under outputs.other.",
            )
    return leaves


def _items(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else list(node)


def _check_text(text: str, path: Path) -> None:
    if len(text) > MAX_TEXT:
        raise RecordError(f"{path} holds a text of more than {MAX_TEXT:,} characters.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecordError(
            f"{path} is malformed: half of a surrogate pair in {text[:40]!a}."
        ) from error
