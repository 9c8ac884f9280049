"""Virtual environments built from exact pins, and kept for the next time.

`uv` builds them where it is present, else `venv` and `pip`. Both get the same files: one pin a
line, with its hashes where they are known. An environment is good once its marker is there, which
is written last; whatever a killed build left is built anew.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gitml.errors import ExecutionError, GitmlError
from gitml.execution.interpreter import describe
from gitml.execution.trace import Interpreter
from gitml.storage.durable import disk_errors, write_durably

_MARKER = "gitml-ready"
_HERE = "`--here` uses the Python at hand instead, and says what differs."
# What points an installer at another environment than the one that is named.
_MISLEADING = re.compile(
    r"(?:VIRTUAL_ENV|CONDA_PREFIX|PYTHONPATH|PYTHONHOME|PYTHONSAFEPATH|__PYVENV_LAUNCHER__"
    r"|UV_PROJECT_ENVIRONMENT|UV_SYSTEM_PYTHON|UV_PYTHON|UV_TARGET|UV_PREFIX"
    r"|PIP_(?:TARGET|PREFIX|ROOT|USER|PYTHON|REQUIRE_HASHES|NO_DEPS|REQUIREMENT|CONSTRAINT)"
    r"|GITML_.*)\Z"
)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]*\Z")
_ADDRESS = re.compile(r"(?:git\+|hg\+|svn\+|bzr\+)?(?:https?|ssh|file)://[!-~]+\Z")
_HASH = re.compile(r"sha(?:256|384|512):[0-9a-f]{64,128}\Z")
_PREFIX = re.compile(r"(?:error|cause):\s*", re.IGNORECASE)
_CHATTER = re.compile(r"(?:warning|hint)\b|\[notice\]", re.IGNORECASE)
_SAID = 6
_TAIL_BYTES = 20_000


class Pin(msgspec.Struct, frozen=True):
    """A distribution as it was installed.

    Attributes:
        name: Normalised name.
        version: Exact, local label included.
        hashes: `sha256:<hex>` of the archives that it may be installed from.
        address: Where its archive or its commit is, for what comes from no index.
    """

    name: str
    version: str
    hashes: tuple[str, ...] = ()
    address: str = ""

    @property
    def label(self) -> str:
        """The local label of the version (`cpu`, `cu121`), or empty."""
        return self.version.partition("+")[2]


def installer() -> Path | None:
    """Return the `uv` that builds environments here, or None where only `pip` can."""
    found = shutil.which("uv")
    beside = Path(sys.executable).with_name("uv")
    return Path(found) if found else beside if beside.is_file() else None


def ready(folder: Path) -> Path | None:
    """Return the interpreter of an environment that is complete, or None."""
    python = folder / "bin" / "python"
    return python if (folder / _MARKER).is_file() and python.exists() else None


def check_pins(pins: Iterable[Pin]) -> None:
    """Make sure that pins say nothing but names, versions and addresses.

    Raises:
        ExecutionError: for one that would be read as something else; a lock comes from outside.
    """
    for pin in pins:
        sound = [
            _NAME.match(pin.name),
            _VERSION.match(pin.version),
            not pin.address or _ADDRESS.match(pin.address),
            *(_HASH.match(one) for one in pin.hashes),
        ]
        if not all(sound):
            raise ExecutionError(
                f"The lock file names {pin.name[:80]!r} {pin.version[:80]!r} in a way that no "
                "installer should be given.",
                hint=_HERE,
            )


def build(
    folder: Path,
    python: str,
    implementation: str,
    pins: Sequence[Pin],
    bases: Sequence[Path],
    cache: Path,
    say: Callable[[str], None],
) -> Path:
    """Return the interpreter of an environment with exactly these distributions, built if needed.

    Several processes may ask for the same one at once: one builds it, the others wait.

    Args:
        folder: Where it is, or goes.
        python: Exact version, such as `3.11.7`.
        implementation: `cpython`, `pypy` …
        pins: What goes in.
        bases: Interpreters that may have the wanted version, the likeliest first.
        cache: Where what interpreters say about themselves is remembered.
        say: Takes one line for the user.

    Raises:
        ExecutionError: if there is no such Python, or something can't be installed.
        StorageError: if there is no space.
    """
    check_pins(pins)
    with disk_errors(f"build an environment in {folder}", folder.parent):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(folder.with_name(f"{folder.name}.lock"), say):
            found = ready(folder)
            if found is not None:
                return found
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, python, implementation, bases, cache)
            _install(folder, pins)
            write_durably(folder / _MARKER, b"")
    return folder / "bin" / "python"


def requirements(pins: Iterable[Pin]) -> str:
    """Return pins as lines that both installers read."""
    lines = []
    for pin in sorted(pins, key=lambda pin: pin.name):
        what = f"{pin.name} @ {pin.address}" if pin.address else f"{pin.name}=={pin.version}"
        lines.append(" ".join([what, *(f"--hash={one}" for one in pin.hashes)]) + "\n")
    return "".join(lines)


@contextmanager
def _alone(lock: Path, say: Callable[[str], None]) -> Iterator[None]:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process is building this environment; waiting for it.")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(
    folder: Path, python: str, implementation: str, bases: Sequence[Path], cache: Path
) -> None:
    base = _base(python, implementation, bases, cache)
    uv = installer()
    if uv is not None:
        plain = implementation in ("", "cpython")
        wanted = str(base) if base else python if plain else f"{implementation}@{python}"
        argv = [str(uv), "venv", "--quiet", "--no-project", "--python", wanted, str(folder)]
    elif base is not None:
        argv = [str(base), "-I", "-m", "venv", str(folder)]
    else:
        raise _no_python(python)
    said = _run(argv, folder.parent)
    if said is not None:
        if "No interpreter found" in said or "No download found" in said:
            raise _no_python(python)
        message = f"An environment with Python {python} can't be made: {said}"
        raise ExecutionError(message, hint=_HERE)


def _no_python(python: str) -> ExecutionError:
    return ExecutionError(
        f"Python {python}, which the experiment ran with, is not on this machine and could not "
        "be fetched.",
        hint=f"`uv python install {python}` gets it. {_HERE}",
    )


def _base(python: str, implementation: str, bases: Sequence[Path], cache: Path) -> Path | None:
    """Return an interpreter of the wanted version, if one is at hand."""
    short = ".".join(python.split(".")[:2])
    named = (shutil.which(name) for name in (f"python{short}", f"pypy{short}", "python3"))
    for path in (*bases, *(Path(name) for name in named if name), Path(sys.executable)):
        try:
            found: Interpreter = describe(path, cache)
        except GitmlError:
            continue
        if (found.version, found.implementation) == (python, implementation or "cpython"):
            return path
    return None


def _install(folder: Path, pins: Sequence[Pin]) -> None:
    """Install what has hashes first, since installers then insist on hashes for all of it."""
    for number, group in enumerate(
        ([pin for pin in pins if pin.hashes], [pin for pin in pins if not pin.hashes])
    ):
        if not group:
            continue
        file = folder / f"requirements-{number}.txt"
        file.write_text(requirements(group), "utf-8")
        said = _run([*_installing(folder), "--no-deps", "-r", str(file)], folder.parent)
        if said is not None:
            raise _not_installed(group, said)


def _installing(folder: Path) -> list[str]:
    python = str(folder / "bin" / "python")
    uv = installer()
    if uv is not None:
        return [str(uv), "pip", "install", "--quiet", "--python", python]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-warn-script-location"]
    return [python, "-I", "-m", "pip", "install", *quiet]


def _not_installed(pins: Sequence[Pin], said: str) -> ExecutionError:
    named = [pin for pin in pins if re.search(rf"(?<![\w-]){re.escape(pin.name)}(?![\w-])", said)]
    labelled = [pin for pin in named or pins if pin.label]
    what = ", ".join(f"{pin.name} {pin.version}" for pin in named[:3]) or "The libraries"
    hint = "UV_INDEX or UV_FIND_LINKS" if installer() else "PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS"
    more = f"{hint} name more places to look in. {_HERE}"
    if labelled:
        pin = labelled[0]
        more = f"Builds labelled +{pin.label} are on an index of their own. {more}"
    return ExecutionError(f"{what} can't be installed: {said}", hint=more)


def _run(argv: Sequence[str], folder: Path) -> str | None:
    """Run an installer; returns what it said when it failed, on one line, else None."""
    env = {name: value for name, value in os.environ.items() if not _MISLEADING.match(name)}
    env |= {"NO_COLOR": "1", "PIP_NO_PYTHON_VERSION_WARNING": "1"}
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        return f"{argv[0]} could not be started ({error.strerror})"
    if done.returncode == 0:
        return None
    text = done.stdout[-_TAIL_BYTES:].decode("utf-8", "replace")
    lines = [" ".join(line.split()).lstrip("× ╰─▶│├") for line in text.splitlines()]
    telling = [_PREFIX.sub("", line) for line in lines if line and not _CHATTER.match(line)]
    return " ".join(telling[-_SAID:])[:600] or f"it ended with status {done.returncode}"


def environment_variables(python: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` with an interpreter's folder first on the path, as if it had been activated."""
    folder = python.parent
    found = dict(env)
    found["PATH"] = os.pathsep.join([str(folder), env.get("PATH", os.defpath)])
    found.pop("PYTHONHOME", None)
    if (folder.parent / "pyvenv.cfg").is_file():
        found["VIRTUAL_ENV"] = str(folder.parent)
    else:
        found.pop("VIRTUAL_ENV", None)
    return found
