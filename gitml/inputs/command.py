"""The command: what program runs, and which of its arguments are settings.

`/venv/bin/python3.11 train.py --lr 1e-3 --amp` is the program `python train.py` with the settings
`args.lr` (0.001) and `args.amp` (true). The words of a launcher (`torchrun --nproc-per-node 2`)
and of a shell command (`sh -c "…"`) belong to the program.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

import msgspec

from gitml.inputs.arguments import could_be_path, read_arguments
from gitml.inputs.manifest import CommandInput
from gitml.values import Scalar

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*t?(?:\.exe)?\Z")
_SHELLS = {"sh", "bash", "zsh", "dash", "ksh", "fish"}
_SCRIPT_LAUNCHERS = {"torchrun", "deepspeed", "horovodrun", "ipython", "coverage", "kernprof"}
_LAUNCHER_MODULES = {
    "torch.distributed.run",
    "torch.distributed.launch",
    "accelerate.commands.launch",
    "deepspeed.launcher.runner",
}
_WORD_LAUNCHERS = {("accelerate", "launch"), ("lightning", "run"), ("fabric", "run")}
# Programs that start the program named after their own options.
_WRAPPERS = {
    "mpirun",
    "mpiexec",
    "srun",
    "nohup",
    "nice",
    "ionice",
    "time",
    "stdbuf",
    "numactl",
    "taskset",
    "xvfb-run",
}
_RUNNERS = {"uv", "poetry", "pdm", "pipenv", "hatch", "rye", "pixi"}
# Options of `uv run` and its kin that take a value as the next word.
_RUNNER_VALUES = re.compile(
    r"--(?:with(?:-requirements|-editable)?|extra|group|only-group|no-group|python|project|"
    r"directory|package|env-file|index(?:-url)?|default-index|find-links|environment|manifest-path"
    r"|refresh-package|cache-dir|config-file|link-mode|color|active-env)\Z|-[pePCn]\Z"
)
# Options of the interpreter itself: with a value, and those that can't change a result.
_PYTHON_VALUES = {"-X", "-W", "--check-hash-based-pycs"}
_PYTHON_HARMLESS = re.compile(r"-[uBqv]+\Z")


class CommandReading(msgspec.Struct, frozen=True):
    """An argument vector, taken apart.

    Attributes:
        program: What is left without the settings; see `CommandInput`.
        folder: Where the command runs, relative to the repository's root.
        args: `args.<name>` → value, typed: numbers, text, and booleans for bare flags.
        path_args: Names in `args` whose value could be a path.
        script: The Python script, relative to the project's root, whatever its suffix.
    """

    program: tuple[str, ...]
    folder: str
    args: dict[str, Scalar]
    path_args: frozenset[str]
    script: str = ""

    @property
    def component(self) -> CommandInput:
        """The manifest's command component."""
        return CommandInput(program=self.program, folder=self.folder)

    @property
    def scripts(self) -> tuple[str, ...]:
        """The Python script that the command names, relative to the project; empty if none.

        Data and shell scripts among the words are not here: what is no Python file counts
        whether the run was seen to open it or not.
        """
        return (self.script,) if self.script else ()


def read_command(
    argv: Sequence[str], folder: str = "", project_prefix: str = "", root: str = ""
) -> CommandReading:
    """Take an argument vector apart.

    Args:
        argv: The command's words.
        folder: Where it runs, relative to the repository's root (`""` is the root).
        project_prefix: The project's folder, relative to the repository's root.
        root: Absolute path of the repository's root, so that absolute paths in it become relative.
    """
    rebase = _Rebase(folder, project_prefix, root)
    program, rest = _split_program([str(word) for word in argv], rebase)
    args, positional = read_arguments(rest)
    paths = frozenset(name for name, value in args.items() if could_be_path(value))
    return CommandReading((*program, *positional), folder, args, paths, _script(program))


def _script(program: list[str]) -> str:
    """Return the Python script among the program's own words: it is always the last of them."""
    if not program or program[-1].endswith(".py"):
        return program[-1] if program else ""
    named = "python" in program[:-1] and not {"-m", "-c", "-"} & set(program)
    return program[-1] if named and not program[-1].startswith("-") else ""


class _Rebase(msgspec.Struct, frozen=True):
    """Turns a script's path as given into one relative to the project's root."""

    folder: str
    project: str
    root: str

    def path(self, word: str) -> str:
        inside = word
        if posixpath.isabs(word):
            if not self.root or not (word + "/").startswith(self.root.rstrip("/") + "/"):
                return word
            inside = posixpath.relpath(word, self.root)
        else:
            inside = posixpath.normpath(posixpath.join(self.folder, word))
            if inside.startswith("../"):
                return word
        return posixpath.relpath(inside, self.project or ".") if self.project else inside


def _split_program(words: list[str], rebase: _Rebase) -> tuple[list[str], list[str]]:
    """Return (the program's words, the words that are its arguments)."""
    if not words:
        return [], []
    words = _without_runner(words)
    name = posixpath.basename(words[0])
    if _PYTHON.match(name):
        return _split_python(words, rebase)
    if name in _SHELLS:
        return _split_shell(name, words, rebase)
    if name in _SCRIPT_LAUNCHERS or (name, *words[1:2]) in _WORD_LAUNCHERS:
        return _split_launcher([name], words[1:], rebase)
    if name in _WRAPPERS:
        for position, word in enumerate(words):
            if _PYTHON.match(posixpath.basename(word)):
                program, rest = _split_program(words[position:], rebase)
                return [name, *words[1:position], *program], rest
    if name == "env" and len(words) > 1:
        count = 1
        while count < len(words) and "=" in words[count]:
            count += 1
        program, rest = _split_program(words[count:], rebase)
        return ["env", *words[1:count], *program], rest
    first = rebase.path(words[0]) if "/" in words[0] else words[0]
    # A program of the project keeps its slash, so that it can't be mistaken for one on PATH.
    if "/" in words[0] and "/" not in first:
        first = f"./{first}"
    return [first], words[1:]


def _without_runner(words: list[str]) -> list[str]:
    """Drop `uv run …`: which libraries it chose is seen in what the run imports."""
    if posixpath.basename(words[0]) not in _RUNNERS or "run" not in words[1:]:
        return words
    start = words.index("run") + 1
    before = words[1 : start - 1]
    if any(not word.startswith("-") for word in before):
        return words
    position = start
    while position < len(words) and words[position].startswith("-"):
        word = words[position]
        if word in ("-m", "--module"):
            return ["python", "-m", *words[position + 1 :]]
        position += 1
        if word == "--":
            break
        if _RUNNER_VALUES.match(word):
            position += 1
    rest = words[position:]
    if not rest:
        return words
    return ["python", *rest] if rest[0].endswith(".py") else rest


def _split_python(words: list[str], rebase: _Rebase) -> tuple[list[str], list[str]]:
    program, position = ["python"], 1
    while position < len(words):
        word = words[position]
        if word == "-c":
            return [*program, *words[position : position + 2]], words[position + 2 :]
        if word == "-m" or (word.startswith("-m") and not word.startswith("--")):
            module = words[position + 1 : position + 2] if word == "-m" else [word[2:]]
            rest = words[position + (2 if word == "-m" else 1) :]
            program += ["-m", *module]
            if module and module[0] in _LAUNCHER_MODULES:
                return _split_launcher(program, rest, rebase)
            return program, rest
        if not word.startswith("-") or word == "-":
            return [*program, word if word == "-" else rebase.path(word)], words[position + 1 :]
        if word in _PYTHON_VALUES:
            program += words[position : position + 2]
            position += 1
        elif not _PYTHON_HARMLESS.match(word):
            program.append(word)
        position += 1
    return program, []


def _split_shell(name: str, words: list[str], rebase: _Rebase) -> tuple[list[str], list[str]]:
    position = 1
    while position < len(words) and words[position].startswith("-"):
        if not words[position].startswith("--") and "c" in words[position]:
            return [name, *words[1:]], []
        position += 1
    if position == len(words):
        return [name, *words[1:]], []
    script = rebase.path(words[position])
    return [name, *words[1:position], script], words[position + 1 :]


def _split_launcher(
    program: list[str], words: list[str], rebase: _Rebase
) -> tuple[list[str], list[str]]:
    """Keep a launcher's own words; the arguments after its script are the script's settings."""
    for position, word in enumerate(words):
        if word in ("-m", "--module") and position + 1 < len(words):
            return [*program, *words[: position + 2]], words[position + 2 :]
        if word.endswith(".py") and not word.startswith("-"):
            return [*program, *words[:position], rebase.path(word)], words[position + 1 :]
    return [*program, *words], []
