"""The one error boundary: whatever happens below becomes a line or two and an exit status."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from gitml.cli import output
from gitml.errors import GitmlError
from gitml.views.values import escape, paint

DONE = 0
FOUND = 1
MENDABLE = 2
BUG = 70
INTERRUPTED = 130

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_HINTS = {
    errno.EMFILE: "Too many files are open: raise the limit with `ulimit -n`.",
    errno.ENFILE: "Too many files are open on this machine.",
    errno.ENOMEM: "Close other programs, or use a machine with more memory.",
    errno.EIO: "The disk or network file system failed; look at the system's log.",
    errno.ESTALE: "The network file system lost the file; try again.",
    errno.ENAMETOOLONG: "Use a shorter name.",
    errno.ELOOP: "Symbolic links point at each other.",
}


def guard(work: Callable[[], int], *, debug: Callable[[], bool], start: Callable[[], Path]) -> int:
    """Run `work` and return its exit status, or the one of the error that ended it.

    Args:
        work: Returns the exit status of the command.
        debug: Whether tracebacks are wanted.
        start: Folder whose repository takes the report of a bug.
    """
    try:
        return work()
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except (KeyboardInterrupt, click.Abort):
        _show_traceback(debug())
        output.note("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        output.silence(sys.stdout)
        return 128 + 13
    except click.ClickException as error:
        return _usage(error)
    except GitmlError as error:
        _show_traceback(debug())
        report(error.message, error.hint)
        return MENDABLE
    except MemoryError:
        _show_traceback(debug())
        report("There is not enough memory.", _HINTS[errno.ENOMEM])
        return MENDABLE
    except OSError as error:
        _show_traceback(debug())
        if (told := _describe(error)) is not None:
            report(*told)
            return MENDABLE
        return _bug(error, debug(), start)
    except Exception as error:
        _show_traceback(debug())
        return _bug(error, debug(), start)


def report(message: str, hint: str = "") -> None:
    """Write `error: …`, and `hint: …` if there is one, to standard error.

    Each is one line, except a message that points at a place in an expression with a caret.
    """
    colour = output.colour(sys.stderr)
    for word, text in (("error", message), ("hint", hint)):
        if text:
            parts = [escape(part) for part in text.splitlines() if part.strip()]
            pointing = len(parts) == 3 and parts[2].strip() == "^"
            line = "\n".join(parts) if pointing else " ".join(part.strip() for part in parts)
            label = paint(f"{word}:", "bad" if word == "error" else "strong", colour=colour)
            output.plain_note(f"{label} {line}")


def _usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        output.plain_note(error.format_message())
        return MENDABLE
    path = context.command_path if context is not None else "gitml"
    report(error.format_message(), f"`{path} --help` shows the options and examples.")
    return MENDABLE


def _describe(error: OSError) -> tuple[str, str] | None:
    """Return (message, hint) for what a user can mend, else None."""
    name = error.filename
    place = os.fsdecode(name) if isinstance(name, str | bytes) else ""
    where = f" ({place})" if place else ""
    if error.errno in _FULL:
        return f"There is no space left to write{where}.", "Free some space, then try again."
    if error.errno in _FORBIDDEN:
        said = os.strerror(error.errno or 0)
        return f"{said}{where}.", "Check who owns it, and whether it is mounted read-only."
    if error.errno in _HINTS:
        return f"{os.strerror(error.errno or 0)}{where}.", _HINTS[error.errno or 0]
    return None


def _show_traceback(wanted: bool) -> None:
    if wanted:
        import traceback

        traceback.print_exc()


def _bug(error: BaseException, debug: bool, start: Callable[[], Path]) -> int:
    kind = type(error).__name__
    said = " ".join(str(error).split())[:200]
    kept = _keep(error, start)
    place = f" The details are in {kept}." if kept else ""
    how = "" if debug else " Run it again with `gitml --debug …` for the traceback."
    report(f"This is a bug in gitml: {kind}: {said}.{how}{place}")
    return BUG


def _keep(error: BaseException, start: Callable[[], Path]) -> str:
    """Write the traceback into the repository's `.git/gitml/`, if there is one."""
    import platform
    import time

    from gitml.git.repository import discover

    try:
        folder = discover(start()).state_dir / "bugs"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}.txt"
        import traceback

        lines = traceback.format_exception(error)
        head = f"gitml on Python {platform.python_version()}, {platform.platform()}\n\n"
        path.write_text(head + "".join(lines), "utf-8", "backslashreplace")
    except Exception:  # Whatever keeps the report from being written must not hide the bug.
        return ""
    return str(path)
