"""Scalars from TensorBoard's event files, without TensorBoard.

Read are the messages `Event`, `Summary` and `TensorProto` as
https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto has them: scalars
as `simple_value` (PyTorch, TensorFlow 1) and as tensors of one element (TensorFlow 2).
"""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gitml.errors import NotFoundError, RecordError
from gitml.outputs import protobuf
from gitml.outputs.history import HistoryLine, merge
from gitml.outputs.tfrecord import Torn, masked_crc32c, read_records

PREFIX = "events.out.tfevents."
MAX_POINTS = 2_000_000

# `SummaryWriter.add_hparams` writes into a folder that is named after the time.
_TIMESTAMP = re.compile(r"\d{9,11}(?:\.\d+)?\Z")
# DataType of TensorProto → how one element of `tensor_content` is laid out.
_LAYOUTS = {1: "<f", 2: "<d", 3: "<i", 4: "<B", 5: "<h", 6: "<b", 9: "<q", 10: "<?", 19: "<e"}
_BFLOAT16 = 14
# Field of TensorProto that holds the elements → layout of one when they are packed.
_FIXED_FIELDS = {5: "<f", 6: "<d"}
_VARINT_FIELDS = frozenset({7, 10, 11, 16, 17})
_HALF_FIELD = 13


class Point(NamedTuple):
    """One scalar of an event file."""

    tag: str
    step: int
    time: float | None
    value: float | int


def read_events(folder_or_file: Path, only: Iterable[Path] | None = None) -> list[HistoryLine]:
    """Return the scalars of all event files in a folder and the folders below it, by step.

    Runs in subfolders (`add_scalars` makes them) have their tags prefixed by their folder,
    relative to the innermost folder that all of the files share. Of a file that is torn or
    damaged, everything before the damage counts. Symbolic links are not followed.

    Args:
        folder_or_file: A folder, or one event file.
        only: The files that count, when there are also those of other runs.

    Raises:
        NotFoundError: if there is no such folder or file.
        RecordError: if a file is no event file, can't be read, or there are more than two million
            scalars.
    """
    files = _event_files(folder_or_file)
    if only is not None:
        wanted = {os.path.abspath(path) for path in only}
        files = [path for path in files if os.path.abspath(path) in wanted]
    if not files:
        return []
    root = Path(os.path.commonpath([path.parent for path in files]))
    series: dict[str, list[HistoryLine]] = {}
    count = 0
    for path in files:
        prefix = _prefix(path.parent.relative_to(root))
        for point in _read_points(path):
            count += 1
            if count > MAX_POINTS:
                raise RecordError(f"{folder_or_file} holds more than {MAX_POINTS:,} scalars.")
            name = prefix + point.tag
            line = HistoryLine(point.step, {name: point.value}, point.time)
            series.setdefault(name, []).append(line)
    return merge(series.values())


def _event_files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise NotFoundError(f"{place} doesn't exist, so there are no event files.")
    found = []
    for folder, _, names in os.walk(place):
        for name in names:
            path = Path(folder, name)
            if name.startswith(PREFIX) and path.is_file() and not path.is_symlink():
                found.append(path)
    # Their names hold the time at which they were begun.
    return sorted(found)


def _prefix(folder: Path) -> str:
    parts = [part for part in folder.parts if not _TIMESTAMP.match(part)]
    return "".join(f"{part}/" for part in parts)


def _read_points(path: Path) -> Iterator[Point]:
    plugins: dict[str, str] = {}
    whole = 0
    try:
        for record, checksum in read_records(path):
            try:
                points = _points(record, plugins)
            except ValueError:
                break
            # In Python a checksum costs more than reading, so those of histograms are left out.
            if (points or not whole) and masked_crc32c(record) != checksum:
                break
            whole += 1
            yield from points
    except Torn:
        pass
    except OSError as error:
        raise RecordError(f"{path} can't be read: {error.strerror or error}.") from error
    if not whole and path.stat().st_size > 64:
        raise RecordError(f"{path} is no event file of TensorBoard, or was damaged at its start.")


def _points(event: memoryview, plugins: dict[str, str]) -> list[Point]:
    step, time = 0, None
    summaries: list[memoryview] = []
    for number, _, value in protobuf.fields(event):
        if number == 1 and isinstance(value, memoryview):
            seconds = protobuf.unpack("<d", value)
            time = seconds if math.isfinite(seconds) else None
        elif number == 2 and isinstance(value, int):
            step = protobuf.signed(value)
        elif number == 5 and isinstance(value, memoryview):
            summaries.append(value)
    points = []
    for summary in summaries:
        for number, _, value in protobuf.fields(summary):
            if number == 1 and isinstance(value, memoryview):
                found = _scalar(value, plugins)
                if found:
                    points.append(Point(found[0], step, time, found[1]))
    return points


def _scalar(value: memoryview, plugins: dict[str, str]) -> tuple[str, float | int] | None:
    """Return (tag, number) of a `Summary.Value`, or None if it is no scalar."""
    tag, number, tensor = "", None, None
    plugin: str | None = None
    for field, kind, content in protobuf.fields(value):
        if not isinstance(content, memoryview):
            continue
        if field == 1:
            tag = bytes(content).decode("utf-8", "replace")
        elif field == 2 and kind == protobuf.FIXED32:
            number = float(protobuf.unpack("<f", content))
        elif field == 8:
            tensor = content
        elif field == 9:
            plugin = _plugin(content)
    # Writers may name the plugin with the first value of a tag only.
    plugin = plugins.setdefault(tag, plugin) if plugin is not None else plugins.get(tag, "")
    if not tag or plugin not in ("", "scalars"):
        return None
    if number is None and tensor is not None:
        return _named(tag, _element(tensor))
    return _named(tag, number)


def _named(tag: str, number: float | int | None) -> tuple[str, float | int] | None:
    return None if number is None else (tag, number)


def _plugin(metadata: memoryview) -> str:
    for field, _, content in protobuf.fields(metadata):
        if field == 1 and isinstance(content, memoryview):
            for inner, _, name in protobuf.fields(content):
                if inner == 1 and isinstance(name, memoryview):
                    return bytes(name).decode("utf-8", "replace")
    return ""


def _element(tensor: memoryview) -> float | int | None:
    """Return the only element of a `TensorProto`, or None if it has more, or is no number."""
    kind, elements = 0, 1
    found: list[tuple[int, int | memoryview]] = []
    for field, _, content in protobuf.fields(tensor):
        if field == 1 and isinstance(content, int):
            kind = content
        elif field == 2 and isinstance(content, memoryview):
            elements = _count(content)
        elif field >= 4:
            found.append((field, content))
    if elements != 1 or (kind not in _LAYOUTS and kind != _BFLOAT16):
        return None
    for field, content in found:
        value = _first(field, content, kind)
        if value is not None:
            return value
    # Writers leave out what is zero.
    return 0.0 if not found else None


def _first(field: int, content: int | memoryview, kind: int) -> float | int | None:
    if field == 4 and isinstance(content, memoryview):
        return _bfloat16(content) if kind == _BFLOAT16 else protobuf.unpack(_LAYOUTS[kind], content)
    if field in _FIXED_FIELDS and isinstance(content, memoryview):
        return protobuf.unpack(_FIXED_FIELDS[field], content)
    if field in _VARINT_FIELDS or field == _HALF_FIELD:
        raw = content if isinstance(content, int) else protobuf.read_varint(content, 0)[0]
        if field != _HALF_FIELD:
            return protobuf.signed(raw)
        bits = memoryview(struct.pack("<H", raw & 0xFFFF))
        return _bfloat16(bits) if kind == _BFLOAT16 else protobuf.unpack("<e", bits)
    return None


def _bfloat16(data: memoryview) -> float:
    return float(protobuf.unpack("<f", memoryview(b"\0\0" + bytes(data[:2]))))


def _count(shape: memoryview) -> int:
    """Return the number of elements of a `TensorShapeProto`; 0 if it isn't known."""
    count = 1
    for field, _, content in protobuf.fields(shape):
        if field == 2 and isinstance(content, memoryview):
            sizes = [size for number, _, size in protobuf.fields(content) if number == 1]
            size = sizes[0] if sizes else 0
            count = count * size if isinstance(size, int) and count < 1 << 40 else 0
        elif field == 3:
            count = 0
    return count
