"""Everything that the command line writes: results to standard output, notes to standard error."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from gitml.views.values import escape


def emit(text: str) -> None:
    """Write a result to standard output; a reader that went away (`| head`) is no error."""
    _write(sys.stdout, text + "\n")


def emit_json(value: Any, *, pretty: bool = True) -> None:
    """Write a JSON document to standard output: ASCII only, strict numbers."""
    import json

    line = json.dumps(value, ensure_ascii=True, allow_nan=False)
    if pretty:
        import msgspec

        line = msgspec.json.format(line, indent=2)
    emit(line)


def note(text: str) -> None:
    """Write one line to standard error, without what a terminal would obey."""
    _write(sys.stderr, escape(text) + "\n")


def plain_note(text: str) -> None:
    """Write text that was escaped already (and may be coloured) to standard error."""
    _write(sys.stderr, text + "\n")


def notes(texts: Iterable[str]) -> None:
    """Write lines to standard error."""
    for text in texts:
        note(text)


def width() -> int:
    """Return the columns that a table may take; 0 (unlimited) when nobody looks at a terminal."""
    if os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty():
        return max(shutil.get_terminal_size().columns, 20)
    return 0


def unicode() -> bool:
    """Whether standard output can take the characters that curves and bars are drawn with."""
    try:
        "⣿█─".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def colour(stream: TextIO | None = None) -> bool:
    """Whether colours are wanted: on a terminal, unless NO_COLOR (or TERM=dumb) says no."""
    stream = stream or sys.stdout
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def _write(stream: TextIO, text: str) -> None:
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            # A terminal of another encoding gets escapes instead of a traceback.
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        silence(stream)


def silence(stream: TextIO) -> None:
    """Send what is still written to `stream` nowhere, so that Python's exit doesn't complain."""
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    except (OSError, ValueError):
        pass
