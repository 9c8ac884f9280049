"""The command of a rerun: the recorded words with another Python, in another work tree."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from gitml.config import Config
from gitml.errors import UsageError
from gitml.execution.virtualenv import environment_variables
from gitml.experiment.record import Record
from gitml.inputs.secrets import MASK
from gitml.values import Scalar

_PYTHON = re.compile(r"(?:python|pypy)w?[0-9.]*t?\Z")
_RUNNERS = ("uv", "poetry", "pdm", "hatch", "rye", "pipenv", "pixi")
# Programs that run the rest of their words, after options of their own.
_WRAPPERS = frozenset(
    """
    env nohup nice ionice time timeout stdbuf setsid taskset caffeinate numactl xvfb-run mpirun
    mpiexec srun
    """.split()  # noqa: SIM905
)
_ENVIRONMENT = "env."
_PATHS = "PYTHONPATH"


def refuse_masked(record: Record, environ: Mapping[str, str]) -> None:
    """Refuse an experiment whose command can't be known, since credentials were masked in it.

    A masked environment variable is taken from the present environment.

    Raises:
        UsageError: if a word of the command is masked, or a masked variable isn't set now.
    """
    unset = [
        name.removeprefix(_ENVIRONMENT)
        for name in record.inputs.masked
        if name.startswith(_ENVIRONMENT) and name.removeprefix(_ENVIRONMENT) not in environ
    ]
    if unset:
        raise UsageError(
            f"{record.name} ran with a credential in {unset[0]}, which no record holds.",
            hint=f"Set {unset[0]} in the environment, then try again.",
        )
    if any(MASK in word for word in record.argv):
        named = [name for name in record.inputs.masked if name.startswith("args.")]
        what = named[0].removeprefix("args.") if named else "it"
        raise UsageError(
            f"The command of {record.name} held a credential ({what}), which no record holds, so "
            "it can't be run again.",
            hint="Give credentials in environment variables: those are never a part of the "
            "command.",
        )


def refuse_masked_settings(
    record: Record, params: Mapping[str, Scalar], masked: Collection[str]
) -> None:
    """Refuse an experiment that had a credential from `-S`, which the tree has as a mask.

    Args:
        record: Of the experiment.
        params: The settings of the rerun.
        masked: Names of those that are masked now, so that the tree has their values.

    Raises:
        UsageError: if a parameter file of the tree has a mask in the place of a value.
    """
    lost = [
        name
        for name in record.inputs.masked
        if params.get(name) == MASK
        and name not in masked
        and not name.startswith((_ENVIRONMENT, "args."))
    ]
    if lost:
        raise UsageError(
            f"{record.name} ran with a credential in the setting {lost[0]}, which no record holds.",
            hint="Run it by hand: gitml exp apply, then gitml exp run with the setting.",
        )


def needs_activation(record: Record) -> bool:
    """Whether the command got its environment from a tool such as `uv run`."""
    return os.path.basename(record.argv[0]) in _RUNNERS if record.argv else False


def words_for(record: Record, python: Path | None, before: Path, root: Path) -> tuple[str, ...]:
    """Return the words that run an experiment again.

    Args:
        record: Of the experiment.
        python: The interpreter to use; None where the command starts none.
        before: The user's work tree: absolute paths into it lead into `root` instead.
        root: The work tree of the rerun.
    """
    words = list(record.argv)
    if python is not None:
        words = _with_python(_without_runner(words, record), python)
    return (words[0], *(_moved(word, before, root) for word in words[1:]))


def environment_of(
    record: Record,
    config: Config,
    python: Path | None,
    before: Path,
    root: Path,
    environ: Mapping[str, str],
) -> dict[str, str]:
    """Return the environment of a rerun: declared variables as recorded, the Python first.

    Args:
        record: Of the experiment.
        config: Of the experiment's project, as it was.
        python: An interpreter whose programs come first on the path; None leaves the path alone.
        before: The user's work tree.
        root: The work tree of the rerun.
        environ: The present environment.
    """
    env = dict(environ) if python is None else environment_variables(python, environ)
    for name in config.env:
        value = record.params.get(_ENVIRONMENT + name)
        if _ENVIRONMENT + name in record.inputs.masked:
            continue
        if isinstance(value, str):
            env[name] = value
        else:
            env.pop(name, None)
    given = [_moved(path, before, root) for path in env.get(_PATHS, "").split(os.pathsep)]
    own = [str(root / folder) for folder in _import_roots(record, root)]
    paths = [*(given if any(given) else ()), *own]
    if paths:
        env[_PATHS] = os.pathsep.join(paths)
    return env


@contextmanager
def in_environment(env: Mapping[str, str]) -> Iterator[None]:
    """Have the process's own environment be `env` for a while, for what looks at it there."""
    before = dict(os.environ)
    try:
        _become(env)
        yield
    finally:
        _become(before)


def _become(env: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name not in env]:
        del os.environ[name]
    for name, value in env.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _import_roots(record: Record, root: Path) -> list[str]:
    """Return the folders that the project's packages are imported from, when it is installed.

    An editable install leads to the user's work tree; these folders of the rerun's come first.
    """
    found: dict[str, None] = {}
    for path in record.inputs.code.modules:
        parent = PurePosixPath(path).parent
        if os.path.isabs(path) or not (root / parent / "__init__.py").is_file():
            continue
        while (root / parent / "__init__.py").is_file() and parent.name:
            parent = parent.parent
        if any((root / folder / "pyproject.toml").is_file() for folder in _above(parent)) or any(
            (root / folder / "setup.py").is_file() for folder in _above(parent)
        ):
            found[str(parent)] = None
    return sorted(found)


def _above(folder: PurePosixPath) -> list[PurePosixPath]:
    return [folder, *folder.parents]


def _moved(text: str, before: Path, root: Path) -> str:
    """Return a word with an absolute path into the user's work tree led into the rerun's."""
    top = str(before)
    for start in (top, os.path.realpath(top)):
        name, equals, value = text.partition("=")
        for head, path in (("", text), (f"{name}{equals}", value)):
            inside = path == start or path.startswith(start + os.sep)
            if inside and not path.startswith(str(root)):
                return head + str(root) + path[len(start) :]
    return text


def _without_runner(words: list[str], record: Record) -> list[str]:
    """Return the words without `uv run` and its like, which would choose a Python themselves."""
    if os.path.basename(words[0]) not in _RUNNERS or "run" not in words[1:]:
        return words
    rest = words[words.index("run") + 1 :]
    program = record.inputs.command.program
    for position, word in enumerate(rest):
        name = os.path.basename(word)
        if word in ("-m", "--module"):
            return ["python", "-m", *rest[position + 1 :]]
        if word.endswith(".py") and program[:1] == ("python",):
            return ["python", *rest[position:]]
        if _PYTHON.match(name) or name == os.path.basename(program[0] if program else ""):
            return rest[position:]
    return words


def _with_python(words: list[str], python: Path) -> list[str]:
    """Return the words with the interpreter, or a program of its environment, replaced."""
    limit = 1
    if os.path.basename(words[0]) in _WRAPPERS:
        limit = next((n for n, word in enumerate(words) if word.endswith(".py")), len(words))
    for position, word in enumerate(words[:limit]):
        if _PYTHON.match(os.path.basename(word)):
            return [*words[:position], str(python), *words[position + 1 :]]
    beside = python.parent / os.path.basename(words[0])
    if _is_of_environment(words[0]) and beside.is_file():
        return [str(beside), *words[1:]]
    return words


def _is_of_environment(word: str) -> bool:
    """Whether a program was named by its place in some environment (`/venv/bin/torchrun`)."""
    return "/" in word and PurePosixPath(word).parent.name in ("bin", "Scripts")
