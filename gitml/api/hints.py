"""What to do now, where no command line says it: in the traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gitml.errors import GitmlError


@contextmanager
def hints_shown() -> Iterator[None]:
    """Let errors have their hint as a note, which tracebacks and notebooks show."""
    try:
        yield
    except GitmlError as error:
        if error.hint and error.hint not in getattr(error, "__notes__", ()):
            error.add_note(error.hint)
        raise
