"""A check starts no program of the repository: an interpreter is looked at before it is asked.

What a pull request brings must not run before somebody decided that it may. An interpreter is asked
what is installed in it, and a file named `bin/python`, a virtual environment or a start-up file in
one could be anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gitml.errors import ExecutionError
from gitml.execution.interpreter import find_interpreter, find_program
from gitml.git.command import Git
from gitml.operations.project import Project

_LIKELY = ("python", "python3")  # asked for a command whose interpreter isn't known
_MAX_LINKS = 40
_IN_ENVIRONMENT = ("pyvenv.cfg", "lib/python*/**", "lib64/python*/**", "lib/pypy*/**")


def refuse_own_programs(project: Project, argv: tuple[str, ...]) -> None:
    """Make sure that asking the command's interpreter runs nothing that the repository holds.

    Args:
        project: Where.
        argv: The command as the user gave it; empty for the configured one.

    Raises:
        ExecutionError: if it would.
    """
    words, folder = (argv, project.start) if argv else (project.config.command, project.folder)
    cwd = project.repository.root / folder
    for command in (tuple(words), *((name,) for name in _LIKELY)):
        program = find_program(command, cwd, os.environ)
        if program is None:
            continue
        _refuse(project, program)
        behind = find_interpreter(command, cwd, os.environ)  # starts a shim, which is not ours
        if behind is not None and behind != program:
            _refuse(project, behind)
        return


def _refuse(project: Project, program: Path) -> None:
    if str(program) == sys.executable:  # runs already
        return
    for place in _places(program):
        if _is_inside(place, project.repository.root) and (own := _tracked(place)):
            raise ExecutionError(
                f"To know its libraries, a check would have to start {program}, and {own} is a "
                "file of this repository.",
                hint="A check runs nothing of the repository. Let the command begin with an "
                "interpreter that is installed outside of it, or that Git doesn't track.",
            )


def _places(program: Path) -> Iterator[Path]:
    """Yield a path, and every path that it leads to through symbolic links."""
    place = program
    for _ in range(_MAX_LINKS):
        yield place
        if not place.is_symlink():
            break
        place = Path(os.path.normpath(place.parent / os.readlink(place)))
    yield Path(os.path.realpath(program))


def _is_inside(place: Path, root: Path) -> bool:
    return place.is_relative_to(root) or Path(os.path.realpath(place.parent)).is_relative_to(
        os.path.realpath(root)
    )


def _tracked(program: Path) -> str:
    """Return a tracked file that starting an interpreter would run or obey, or empty."""
    for folder, patterns in (
        (program.parent, [f":(literal){program.name}"]),
        (program.parent.parent, [f":(glob){pattern}" for pattern in _IN_ENVIRONMENT]),
    ):
        # Asked where it lies, which may be a submodule.
        output = Git(folder).run("ls-files", "-z", "--full-name", "--", *patterns)
        if output:
            return os.fsdecode(output.split(b"\0", 1)[0])
    return ""
