"""The Python interpreter that a command would start, and what it says about itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from gitml.errors import ExecutionError, GitmlError
from gitml.execution.trace import Interpreter
from gitml.storage.durable import write_durably

_PYTHON = re.compile(r"(python|pypy)w?(\d+(\.\d+)*t?)?$")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SITES = ("/site-packages", "/dist-packages")
_POLYGLOT = re.compile(rb"""^#!/bin/sh\n'''exec' (?:"([^"\n]+)"|(\S+)) """)
_PATIENCE = 30  # seconds that an interpreter may take to say what it is

# Programs that run the rest of their arguments: their options that take a value, and how many
# words of their own stand before the command.
_WRAPPERS: dict[str, tuple[frozenset[str], int]] = {
    "env": (frozenset({"-u", "-C", "--unset", "--chdir"}), 0),
    "nohup": (frozenset(), 0),
    "nice": (frozenset({"-n", "--adjustment"}), 0),
    "ionice": (frozenset({"-c", "-n", "--class", "--classdata"}), 0),
    "time": (frozenset({"-f", "-o", "--format", "--output"}), 0),
    "timeout": (frozenset({"-k", "-s", "--kill-after", "--signal"}), 1),
    "stdbuf": (frozenset({"-i", "-o", "-e"}), 0),
    "setsid": (frozenset(), 0),
    "taskset": (frozenset(), 1),
    "caffeinate": (frozenset({"-t", "-w"}), 0),
}
# Tools that run a command in the environment of the project.
_RUNNERS = ("uv", "poetry", "pdm", "hatch", "rye", "pipenv")
# Tools that are themselves Python programs, but run the command in an environment that they know.
_ELSEWHERE = frozenset({"conda", "mamba", "micromamba", "pipx", "tox", "nox", "uvx"})

# Asked with -E, so that it says what the interpreter is by itself. `sys.path[0]` may hold anything.
_PROBE = """
import sys
sys.path[:1] = []
import json, site
try:
    sites = site.getsitepackages()
except AttributeError:
    sites = []
if site.ENABLE_USER_SITE:
    sites.append(site.getusersitepackages())
version = "%d.%d.%d" % sys.version_info[:3]
if sys.version_info[3] != "final":
    stage = {"alpha": "a", "beta": "b"}.get(sys.version_info[3], "rc")
    version += "%s%d" % (stage, sys.version_info[4])
json.dump({
    "executable": sys.executable,
    "version": version,
    "implementation": sys.implementation.name,
    "prefix": sys.prefix,
    "base_prefix": sys.base_prefix,
    "sites": [path for path in sys.path if path in sites or path.endswith(%r)],
}, sys.stdout)
""".replace("%r", repr(_SITES))


class _Known(msgspec.Struct, frozen=True):
    """What an interpreter said, and the state of the files that it depends on."""

    state: list[list[int]]
    interpreter: Interpreter


def find_interpreter(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Path | None:
    """Return the Python interpreter that `argv`, started in `cwd`, would run; None if unknown.

    It sees through `env`, `nice` and their like, `uv run` and other runners of project
    environments, and the first line of scripts. A shell script or a program of another kind has
    no interpreter that could be known before it runs.
    """
    program = find_program(argv, cwd, env)
    return _without_shim(program, cwd, env) if program else None


def find_program(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Path | None:
    """Return what `find_interpreter` finds before it looks behind shims; nothing is started."""
    rest = _unwrapped(list(argv), cwd)
    if not rest:
        return None
    name = os.path.basename(rest[0])
    if name in _RUNNERS and rest[1:2] == ["run"]:
        return _of_project(cwd, env)
    if name in _ELSEWHERE or name in _RUNNERS:
        return None
    program = _which(rest[0], cwd, env)
    if program is None:
        return None
    return program if _PYTHON.match(program.name) else _of_script(program, cwd, env)


def describe(executable: Path, cache: Path) -> Interpreter:
    """Return what the interpreter says about itself; it is started once and remembered in `cache`.

    `PYTHONPATH` plays no part. The folder `cache` is derived and safe to delete.

    Raises:
        ExecutionError: if it can't be started, or isn't a Python interpreter.
    """
    path = os.path.abspath(executable)
    if path == sys.executable:
        return _myself()
    file = cache / f"{_digest(path)}.json"
    state = [_state(Path(path)), _state(Path(path).parent.parent / "pyvenv.cfg")]
    try:
        known = msgspec.json.decode(file.read_bytes(), type=_Known)
        if known.state == state and known.interpreter.executable:
            return known.interpreter
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    interpreter = _ask(path)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        write_durably(file, msgspec.json.encode(_Known(state, interpreter)), 0o600)
    except (OSError, GitmlError):
        pass  # it only costs time
    return interpreter


def _unwrapped(argv: list[str], cwd: Path) -> list[str]:
    """Return `argv` without the programs that only start another one."""
    for _ in range(len(argv)):
        name = os.path.basename(argv[0]) if argv else ""
        if name not in _WRAPPERS or (cwd / argv[0]).suffix:
            break
        valued, words = _WRAPPERS[name]
        argv = argv[1:]
        while argv and (argv[0].startswith("-") or (name == "env" and _ASSIGNMENT.match(argv[0]))):
            argv = argv[2:] if argv[0] in valued else argv[1:]
        argv = argv[words:]
    return argv


def _which(name: str, cwd: Path, env: Mapping[str, str]) -> Path | None:
    if "/" in name:
        path = Path(os.path.abspath(cwd / name))
        return path if path.is_file() else None
    found = shutil.which(name, path=env.get("PATH", os.defpath))
    return Path(os.path.abspath(cwd / found)) if found else None


def _of_project(cwd: Path, env: Mapping[str, str]) -> Path | None:
    """Return the interpreter of the environment that project tools keep beside the project."""
    named = env.get("UV_PROJECT_ENVIRONMENT", "")
    for folder in (cwd, *cwd.parents):
        python = folder / (named or ".venv") / "bin" / "python"
        if python.exists():
            return python
        if (folder / "pyproject.toml").exists() and not (folder.parent / "pyproject.toml").exists():
            break
    active = env.get("VIRTUAL_ENV", "")
    python = Path(active) / "bin" / "python"
    return python if active and python.exists() else None


def _of_script(program: Path, cwd: Path, env: Mapping[str, str]) -> Path | None:
    """Return the interpreter that the first line of a script names."""
    head = _head(program)
    if match := _POLYGLOT.match(head):  # what pip writes when the path is too long for a first line
        words = [os.fsdecode(match[1] or match[2])]
    elif head.startswith(b"#!"):
        words = os.fsdecode(head[2:].split(b"\n", 1)[0]).split()
    else:
        return None
    words = _unwrapped(words, cwd)
    if not words or not _PYTHON.match(os.path.basename(words[0])):
        return None
    return _which(words[0], cwd, env)


def _without_shim(python: Path, cwd: Path, env: Mapping[str, str]) -> Path | None:
    """Return the interpreter behind a script that only chooses one, as pyenv's do by folder."""
    if not _head(python).startswith(b"#!"):
        return python
    probe = [str(python), "-E", "-c", "import sys; sys.stdout.write(sys.executable)"]
    said = _output(probe, cwd, env)
    return Path(said) if said.startswith("/") else None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(1024)
    except OSError:
        return b""


def _myself() -> Interpreter:
    # What PYTHONPATH adds is no part of the interpreter.
    added = [os.path.abspath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    sites = [path for path in sys.path if path.endswith(_SITES) and path not in added]
    info = sys.version_info
    stage = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(info.releaselevel, "")
    return Interpreter(
        executable=sys.executable,
        version=f"{info.major}.{info.minor}.{info.micro}" + (f"{stage}{info.serial}" * bool(stage)),
        implementation=sys.implementation.name,
        prefix=sys.prefix,
        base_prefix=sys.base_prefix,
        sites=_real(sites),
    )


def _ask(path: str) -> Interpreter:
    said = _output([path, "-E", "-c", _PROBE], Path("/"), os.environ)
    try:
        found = msgspec.json.decode(said.encode(errors="surrogateescape"), type=Interpreter)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ExecutionError(
            f"{path} doesn't work as a Python interpreter.",
            hint=f"Try `{path} --version`; a virtual environment whose Python is gone must be "
            "made anew.",
        ) from error
    return msgspec.structs.replace(found, sites=_real(list(found.sites)))


def _output(argv: list[str], cwd: Path, env: Mapping[str, str]) -> str:
    """Return what a program prints, or empty if it fails."""
    plain = {name: value for name, value in env.items() if not name.startswith("GITML_")}
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=plain,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return ""
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else ""


def _real(sites: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(os.path.realpath(site) for site in sites if os.path.isdir(site)))


def _state(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_mtime_ns, status.st_size, status.st_ino]


def _digest(path: str) -> str:
    import hashlib

    return hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
