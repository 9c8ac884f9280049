"""Asking `uv` which archives some pins stand for, by what is in its cache; never by the network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

_PATIENCE = 10.0  # seconds for all that is asked
_TRIES = 8
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PIN = re.compile(r"[a-z0-9][a-z0-9-]*==[A-Za-z0-9][A-Za-z0-9.!_-]*\Z")
_ARGUMENTS = (
    "pip", "compile", "-", "--offline", "--no-deps", "--no-build", "--no-header", "--no-annotate",
    "--format", "pylock.toml", "--color", "never", "--no-progress", "--quiet",
)  # fmt: skip


def archives_from_cache(pins: Mapping[str, str], python: str, folder: Path) -> bytes:
    """Return a `pylock.toml` with the archives of those pins that uv's cache knows.

    Versions with a local label (`+cu121`) are on indexes of their own, which nothing here names,
    and are left out.

    Args:
        pins: Normalised name → version.
        python: Path of the interpreter that they are installed in.
        folder: The project's; its configuration of uv says which indexes there are.

    Returns:
        Its bytes; empty without uv, without a cache, or when none of the pins is in it.
    """
    program = _program()
    known = _known_names() if program else set()
    wanted = {
        name: f"{name}=={version}"
        for name, version in pins.items()
        if name in known and _PIN.match(f"{name}=={version}")
    }
    until = time.monotonic() + _PATIENCE
    for _ in range(_TRIES):
        left = until - time.monotonic()
        if not wanted or left <= 0:
            break
        done = _ask([program, *_ARGUMENTS, "--python", python], wanted, folder, left)
        if done is None:
            return b""
        if done.returncode == 0:
            return done.stdout
        # What can't be found is named, a few at a time; the rest may be there.
        said = {word.lower() for word in _WORD.findall(done.stderr.decode("utf-8", "replace"))}
        lost = wanted.keys() & {word.partition("==")[0].rstrip(".") for word in said}
        if not lost:
            return b""
        wanted = {name: pin for name, pin in wanted.items() if name not in lost}
    return b""


def _ask(
    argv: list[str], wanted: Mapping[str, str], folder: Path, patience: float
) -> subprocess.CompletedProcess[bytes] | None:
    lines = "".join(f"{pin}\n" for pin in wanted.values())
    try:
        return subprocess.run(
            argv,
            cwd=folder,
            env={**os.environ, "UV_OFFLINE": "1", "UV_PYTHON_DOWNLOADS": "never"},
            input=lines.encode(),
            capture_output=True,
            timeout=patience,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None


def _program() -> str:
    beside = Path(sys.executable).with_name("uv")
    return shutil.which("uv") or (str(beside) if beside.is_file() else "")


def _known_names() -> set[str]:
    """Return the names that uv's cache holds answers of an index about.

    uv names what it can't find one by one, so it is asked only for what may be there. Folders of
    its cache that are laid out otherwise are as good as empty.
    """
    named = os.environ.get("UV_CACHE_DIR")
    above = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(named) if named else Path(above) / "uv"
    try:
        answers = [*folder.glob("simple-v*/*/*.rkyv"), *folder.glob("simple-v*/*/*/*.rkyv")]
    except OSError:
        return set()
    return {path.stem for path in answers}
