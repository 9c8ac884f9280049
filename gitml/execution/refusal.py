"""Why a command could not be started, and what helps."""

from __future__ import annotations

from pathlib import Path

from gitml.errors import ExecutionError


def not_started(name: str, cwd: Path, error: Exception) -> ExecutionError:
    """Return the error for a command that could not be started, with what helps.

    Args:
        name: The first word of the command.
        cwd: Folder that it was to run in.
        error: What the system said.
    """
    quoted = repr(name)
    if not cwd.is_dir():
        return ExecutionError(f"The folder {cwd} to run in doesn't exist.")
    if isinstance(error, FileNotFoundError):
        hint = "Is it installed, and is its environment active?"
        if (cwd / name).is_file():
            hint = f"Write `python {name}` or `./{name}` to run the file of this name."
        return ExecutionError(f"The command {quoted} was not found.", hint=hint)
    if isinstance(error, PermissionError):
        hint = f"Make it executable (`chmod +x {name}`), or name the interpreter before it."
        return ExecutionError(f"The command {quoted} may not be executed.", hint=hint)
    if isinstance(error, OSError) and error.errno == 8:  # ENOEXEC
        hint = f"Name the interpreter before it, as in `bash {name}` or `python {name}`."
        return ExecutionError(f"The system can't tell how to run {quoted}.", hint=hint)
    return ExecutionError(f"The command {quoted} could not be started: {error}.")
