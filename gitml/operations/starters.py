"""The starter projects: which there are, what they need, and what a new project gets from one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gitml.errors import ExecutionError, UsageError

FOLDER = Path(__file__).parent.parent / "templates"

# Made by a starter's `prepare_data.py`; the rest of a starter is plain files.
DATA = "data"
_PREPARE = "prepare_data.py"

# Prints the distributions that an interpreter lacks, one a line.
_PROBE = """
import sys
from importlib.metadata import PackageNotFoundError, version
for name in sys.argv[1:]:
    try:
        version(name)
    except PackageNotFoundError:
        print(name)
"""
_PROBE_SECONDS = 60
_PREPARE_SECONDS = 600


class Starter(msgspec.Struct, frozen=True):
    """A complete small project that `gitml init --template` copies.

    Attributes:
        name: What the user calls it.
        folder: Where its files are shipped.
        requirements: Distributions that its scripts import.
    """

    name: str
    folder: Path
    requirements: tuple[str, ...]

    def files(self) -> dict[str, bytes]:
        """Return the content of its files by path relative to the project."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }


def names() -> tuple[str, ...]:
    """Return the names of the starters."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/gitml.yaml")))


def find(name: str) -> Starter:
    """Return the starter called `name`.

    Raises:
        UsageError: if there is none; the hint has the nearest name.
    """
    known = names()
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"There is no template {name!r}.", hint=f"{meant}There are: {', '.join(known)}."
        )
    folder = FOLDER / name
    lines = (folder / "requirements.txt").read_text("utf-8").splitlines()
    return Starter(name, folder, tuple(line for line in lines if line))


def interpreter_for(starter: Starter) -> str:
    """Return a Python that has what the starter imports: gitml's own, or the one on PATH.

    Raises:
        UsageError: if neither has; the hint is the command that installs what is missing.
    """
    missing: list[str] = []
    on_path = shutil.which("python") or shutil.which("python3")
    for python in dict.fromkeys(filter(None, (sys.executable, on_path))):
        lacks = _missing(python, starter.requirements)
        if not lacks:
            return python
        missing = missing or lacks
    raise UsageError(
        f"The template {starter.name} needs {' and '.join(missing)}, which Python doesn't have.",
        hint=f"pip install {' '.join(missing)}",
    )


def _missing(python: str, distributions: tuple[str, ...]) -> list[str]:
    try:
        done = subprocess.run(
            [python, "-c", _PROBE, *distributions],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return list(distributions)
    return done.stdout.split() if done.returncode == 0 else list(distributions)


@contextmanager
def prepared(starter: Starter, python: str) -> Iterator[Path]:
    """Run the starter's `prepare_data.py` in a temporary folder, which is yielded.

    Raises:
        ExecutionError: if the script fails.
    """
    with tempfile.TemporaryDirectory(prefix="gitml-init-") as name:
        try:
            done = subprocess.run(
                [python, str(starter.folder / _PREPARE)],
                cwd=name,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PREPARE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ExecutionError(
                f"The data of the template {starter.name} could not be prepared: {error}"
            ) from error
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise ExecutionError(
                f"The data of the template {starter.name} could not be prepared: {said}",
                hint=f"Does `{python} {starter.folder / _PREPARE}` run in an empty folder?",
            )
        yield Path(name)
