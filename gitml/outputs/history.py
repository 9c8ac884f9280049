"""Metrics over steps: `history.jsonl`, one JSON object a line, and series from several places.

A line is `{"step": 1, "time": 1764000000.5, "loss": 0.5}`. `step` (an integer) and `time`
(seconds since 1970) are optional, every other key is a metric. Strict JSON: NaN and infinities are
the strings "NaN", "Infinity" and "-Infinity". A metric that is itself called `step`, `time` or
`values` is inside an object `values`.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from gitml.errors import RecordError
from gitml.outputs.metrics import read_bounded, read_text
from gitml.outputs.printed_numbers import parse_cell
from gitml.outputs.table import STEP_COLUMNS, read_rows
from gitml.values import NON_FINITE, Scalar, flatten, to_json

MAX_BYTES = 1 << 30
_RESERVED = frozenset({"step", "time", "values"})


class HistoryLine(msgspec.Struct, frozen=True):
    """What was measured at one moment.

    Attributes:
        step: The training step (or epoch), None when it isn't known.
        values: Metric name → value.
        time: Seconds since 1970, None when it isn't known.
    """

    step: int | None
    values: dict[str, Scalar]
    time: float | None = None


def render(lines: Iterable[HistoryLine]) -> bytes:
    """Return the bytes of `history.jsonl`, one line for each of `lines`."""
    encoder = msgspec.json.Encoder()
    return b"".join(_encode(encoder, _plain(line)) + b"\n" for line in lines)


def parse(data: bytes, where: str = "history.jsonl") -> list[HistoryLine]:
    """Return the lines of a `history.jsonl`.

    A line that was torn by a kill (the last one, or one that a resumed run went on after) is left
    out. Non-finite values come back as floats.

    Raises:
        RecordError: if another line is no JSON object; the message names file and line.
    """
    decoder = msgspec.json.Decoder()
    found = []
    raw_lines = data.split(b"\n")
    for number, raw in enumerate(raw_lines, start=1):
        raw = raw.strip()
        if not raw:
            continue
        tree = _decode(decoder, raw)
        if tree is None and not _is_torn(raw, last=number == len(raw_lines)):
            raise RecordError(
                f"{where}, line {number}: no JSON object.",
                hint='Every line holds one, such as {"step": 1, "loss": 0.5}.',
            )
        if tree is not None:
            found.append(_line(tree))
    return found


def read_file(path: Path) -> list[HistoryLine]:
    """Return the history in a file: JSON lines, or a table (CSV, TSV) with one row a step.

    In a table a column `step`, `global_step`, `iteration`, `iter` or `epoch` is the step.

    Raises:
        NotFoundError: if there is no such file.
        RecordError: if it is malformed or too large.
    """
    separator = {".csv": ",", ".tsv": "\t"}.get(path.suffix.lower())
    if separator is None:
        return parse(read_bounded(path, MAX_BYTES), str(path))
    found = []
    for row in read_rows(read_text(path), separator, str(path)):
        values = {name: parse_cell(cell) for name, cell in row.items()}
        column = next((name for name in STEP_COLUMNS if name in values), None)
        step = whole_number(values[column]) if column else None
        if column and step is not None:
            del values[column]
        found.append(HistoryLine(step, values))
    return found


def merge(sources: Iterable[Iterable[HistoryLine]]) -> list[HistoryLine]:
    """Return the lines of all sources by step, each source's own order kept.

    Lines with the same step become one, unless they measured the same metric: a run that went
    back to an earlier step has that step twice.
    """
    merged: list[HistoryLine] = []
    group: dict[int, int] = {}
    latest: dict[str, int] = {}
    current = -math.inf
    streams = [_keyed(source) for source in sources]
    for key, line in heapq.merge(*streams, key=lambda pair: pair[0]):
        if key != current:
            current = key
            group.clear()
            latest.clear()
        at = group.get(line.step, -1) if line.step is not None else -1
        # Joining an earlier line must not move a value before another one of the same metric.
        if at >= 0 and all(latest.get(name, -1) < at for name in line.values):
            merged[at] = _joined(merged[at], line)
        else:
            at = len(merged)
            merged.append(line)
            if line.step is not None:
                group[line.step] = at
        latest.update(dict.fromkeys(line.values, at))
    return merged


def last_values(lines: Iterable[HistoryLine]) -> dict[str, Scalar]:
    """Return metric name → the last value that `lines` have for it."""
    last: dict[str, Scalar] = {}
    for line in lines:
        last.update(line.values)
    return last


def _keyed(source: Iterable[HistoryLine]) -> Iterator[tuple[float, HistoryLine]]:
    """Yield each line with the largest step so far, so that every source is in order."""
    highest = -math.inf
    for line in source:
        if line.step is not None:
            highest = max(highest, line.step)
        yield highest, line


def _joined(one: HistoryLine, other: HistoryLine) -> HistoryLine:
    time = one.time if one.time is not None else other.time
    return HistoryLine(one.step, {**one.values, **other.values}, time)


def _plain(line: HistoryLine) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    if line.step is not None:
        tree["step"] = line.step
    if line.time is not None and math.isfinite(line.time):
        tree["time"] = line.time
    hidden: dict[str, Scalar] = {}
    for name, value in line.values.items():
        (hidden if name in _RESERVED else tree)[name] = to_json(value)
    if hidden:
        tree["values"] = hidden
    return tree


def _encode(encoder: msgspec.json.Encoder, tree: dict[str, Any]) -> bytes:
    try:
        return encoder.encode(tree)
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 doesn't have
        text = json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def _decode(decoder: msgspec.json.Decoder[Any], raw: bytes) -> dict[str, Any] | None:
    """Return the object on one line, or the whole one after a torn one, or None."""
    tree = _value_of(decoder, raw)
    start = raw.rfind(b'{"')
    # After a colon it would be an object within the torn one.
    if not isinstance(tree, dict) and start > 0 and raw[start - 1 : start] != b":":
        tree = _value_of(decoder, raw[start:])
    return tree if isinstance(tree, dict) else None


def _value_of(decoder: msgspec.json.Decoder[Any], text: bytes) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _lenient(text)


def _lenient(text: bytes) -> Any:
    """Return the value of a line that other programs wrote with bare NaN or Infinity."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_torn(raw: bytes, *, last: bool) -> bool:
    return last or (raw.startswith(b"{") and not raw.endswith(b"}"))


def _line(tree: dict[str, Any]) -> HistoryLine:
    hidden = tree.pop("values", {})
    step, time = tree.pop("step", None), tree.pop("time", None)
    if not isinstance(hidden, dict):
        hidden = {"values": hidden}
    values = {name: value for name, value in tree.items() if _is_scalar(value)}
    if len(values) != len(tree):
        values = flatten(tree)
    values |= flatten(hidden)
    return HistoryLine(
        whole_number(step),
        {name: _value(value) for name, value in values.items()},
        _seconds(time),
    )


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _value(value: Scalar) -> Scalar:
    return NON_FINITE.get(value, value) if isinstance(value, str) else value


def whole_number(value: Any) -> int | None:
    """Return a step as an integer (`3` and `3.0` are 3), or None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value)


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -1e15 < value < 1e15 else None
