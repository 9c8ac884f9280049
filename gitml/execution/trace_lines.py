"""One line of a trace file: what the observer in a process of the run appended.

The format is in `observer/_gitml_observer.py`. Whoever runs as the user can write into the folder,
so nothing here is trusted: a line that isn't what the observer writes is passed over.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec

FORMAT = "1"
_LONGEST = 64 * 1024
_MOST = 20_000_000
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t"}
_KINDS = ("spawn", "exec", "spawn-hidden", "exec-hidden", "hidden", "shown")
_PATHS = {"W": 1, "E": 1, "I": 1, "M": 1, "L": 1, "B": 1, "N": 2, "X": 0, "Z": 0}


class Line(msgspec.Struct):
    """One thing that a process did.

    Attributes:
        operation: A letter; `H` stands for the whole header of a process.
        time: Nanoseconds of the machine's monotonic clock.
        fields: Paths and names.
        value: Of a fact; of a file that is read, when it was modified.
        header: Of a process: name → value.
        sites: Of a process: its site folders.
        file: Name of the file that the line is from.
    """

    operation: str
    time: int
    fields: tuple[str, ...] = ()
    value: Any = None
    header: dict[str, str] = {}
    sites: list[str] = []
    file: str = ""


def read_lines(file: Path) -> Iterator[Line]:
    """Yield what one process wrote; nothing for a file that isn't a trace."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return
    with os.fdopen(descriptor, "rb") as stream:
        header: Line | None = None
        for number, fields in enumerate(_split(stream)):
            if number > _MOST:
                return
            if fields[0] == "H" and len(fields) == 3:
                header = yield from _header(header, fields[1], fields[2], file.name)
            elif header is not None and (line := _parse(fields)):
                line.file = file.name
                yield line


def _header(
    header: Line | None, name: str, value: str, file: str
) -> Generator[Line, None, Line | None]:
    """Add to the header of a process; a new one begins with its format."""
    if name == "format":
        if value != FORMAT:
            return None
        header = Line("H", 0, file=file, header={}, sites=[])
    elif header is None:
        return None
    elif name == "time":
        header.time = as_number(value)
        yield header
    elif name == "site":
        header.sites.append(value)
    else:
        header.header[name] = value
    return header


def _split(stream: Any) -> Iterator[list[str]]:
    """Yield the fields of whole lines; a torn or overlong one is left out."""
    while line := stream.readline(_LONGEST):
        if not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = stream.readline(_LONGEST)
            continue
        text = line[:-1].decode("utf-8", "surrogateescape")
        fields = text.split("\t")
        yield [_unescaped(field) for field in fields] if "\\" in text else fields


def _parse(fields: list[str]) -> Line | None:
    operation, time = fields[0], as_number(fields[1]) if len(fields) > 1 else 0
    rest = tuple(fields[2:])
    if time <= 0:
        return None
    if operation == "F":
        return _fact(time, rest)
    if operation == "R":
        modified = as_number(rest[1]) if len(rest) == 2 else 0
        return Line("R", time, rest[:1], value=modified) if rest and _is_path(rest[0]) else None
    if operation == "P":
        good = len(rest) > 2 and _is_path(rest[1]) and rest[0] in _KINDS
    elif operation == "S":
        good = len(rest) == 2 and _is_path(rest[0]) and "/" not in rest[1]
    else:
        good = len(rest) == _PATHS.get(operation, -1) and all(_is_path(path) for path in rest)
    return Line(operation, time, rest) if good else None


def _fact(time: int, rest: tuple[str, ...]) -> Line | None:
    if len(rest) < 2:
        return None
    name, kind, *values = rest
    value: Any
    if kind == "l":
        value = values
    elif len(values) != 1:
        return None
    elif kind == "b":
        value = values[0] == "1"
    elif kind == "i":
        value = as_number(values[0], -1)
    else:
        value = values[0]
    return Line("F", time, (name,), value=value)


def _is_path(text: str) -> bool:
    return text.startswith("/") and "\0" not in text


def as_number(text: str, otherwise: int = 0) -> int:
    """Return the number that `text` spells, if it is one that the observer would write."""
    # Digits only and few of them: `int` also takes spaces, underscores and a million digits.
    return int(text) if len(text) < 20 and text.isascii() and text.isdigit() else otherwise


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), text)
