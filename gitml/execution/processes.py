"""Which process is which: identities that survive the reuse of process numbers, and descendants."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_LINUX = sys.platform.startswith("linux")


@cache
def boot_id() -> str:
    """Return what tells this start of the machine from every other, or empty."""
    if _LINUX:
        return _read(_PROC / "sys/kernel/random/boot_id").strip()
    return _ask("sysctl", "-n", "kern.boottime")


@cache
def machine() -> str:
    """Return what tells this machine, and this container on it, from others.

    Process numbers mean something only within it.
    """
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return f"{os.uname().nodename} {space}".strip()


def start_time(pid: int) -> str:
    """Return when the process `pid` started, in the system's own unit, or empty if it's gone."""
    if pid <= 0:
        return ""
    if _LINUX:
        fields = _stat(pid)
        return fields[19] if len(fields) > 19 and fields[0] not in ("Z", "X") else ""
    return _ask("ps", "-o", "lstart=", "-p", str(pid))


def descendants(pid: int) -> list[int]:
    """Return the processes that `pid` started, directly or not, as far as they can be found."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    todo = [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            if child not in found:
                found.append(child)
                todo.append(child)
    return found


def _parents() -> list[tuple[int, int]]:
    if _LINUX:
        pids = [int(name) for name in os.listdir(_PROC) if name.isdigit()]
        pairs = [(pid, _stat(pid)) for pid in pids]
        return [(pid, int(fields[1])) for pid, fields in pairs if len(fields) > 1]
    lines = _ask("ps", "-axo", "pid=,ppid=").splitlines()
    return [(int(words[0]), int(words[1])) for line in lines if len(words := line.split()) == 2]


def _stat(pid: int) -> list[str]:
    """Return the fields of `/proc/<pid>/stat` from the third on (proc(5)).

    The second, the program's name in brackets, may hold spaces and brackets itself.
    """
    return _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _ask(*argv: str) -> str:
    """Return what a system tool prints, or empty."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
