"""Does the environment that would run have what the project's own lock asks for?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from gitml.errors import ExecutionError, UsageError
from gitml.inputs.distribution import Distribution, build_of
from gitml.inputs.project_lock import (
    Pin,
    ProjectLock,
    differing,
    find_project_lock,
    read_project_lock,
)
from gitml.inputs.versions import step_of, with_build
from gitml.operations.plan import Plan
from gitml.operations.project import Project

_SHOWN = 3
_CACHE = "project-locks.json"
_LOCKS = "uv.lock, pylock.toml, poetry.lock, Pipfile.lock or requirements.txt with `==`"
_WORDS = {
    "local": "only the local label differs",
    "source": "from another source",
    "commit": "another commit",
}
_MENDING = {
    "uv.lock": "uv sync",
    "poetry.lock": "poetry sync",
    "Pipfile.lock": "pipenv sync",
}


class DriftRow(msgspec.Struct, frozen=True):
    """A distribution that isn't what the lock asks for.

    Attributes:
        name: Normalised.
        locked: Version that the lock has; several are joined by ` or `.
        installed: Version that is installed, or empty.
        kind: `missing`, `source`, `commit`, or the step between the versions: `local`, `patch`,
            `minor`, `major`, `other`.
    """

    name: str
    locked: str
    installed: str
    kind: str

    def __str__(self) -> str:
        """Return a phrase: `numpy 2.1.0 is locked, 2.2.0 is installed`."""
        if not self.installed:
            return f"{self.name} {self.locked} is locked and not installed"
        word = f" ({_WORDS[self.kind]})" if self.kind in _WORDS else ""
        return f"{self.name} {self.locked} is locked, {self.installed} is installed{word}"


class Drift(msgspec.Struct, frozen=True):
    """How an environment differs from the project's lock.

    Attributes:
        file: The lock's path in the repository; empty when there is none.
        python: Path of the interpreter; empty when none is known.
        rows: What differs.
        problem: Why the two can't be compared; empty when they can.
    """

    file: str
    python: str = ""
    rows: tuple[DriftRow, ...] = ()
    problem: str = ""

    def sentence(self) -> str:
        """Return one sentence or two for people, empty when nothing differs."""
        if self.problem:
            return self.problem
        if not self.rows:
            return ""
        shown = "; ".join(map(str, self.rows[:_SHOWN]))
        more = len(self.rows) - _SHOWN
        rest = f"; and {more:,} more" if more > 0 else ""
        return f"The environment differs from {self.file}: {shown}{rest}."

    @property
    def hint(self) -> str:
        """What brings the environment in line."""
        name = os.path.basename(self.file)
        if name.startswith("pylock."):
            return f"uv pip sync {self.file}"
        return _MENDING.get(name, f"pip install -r {self.file}")


def library_drift(project: Project, plan: Plan) -> Drift:
    """Compare the interpreter of a plan with the project's lock; nothing is run or written.

    What is installed besides is no drift, nor are extras and development groups that aren't there.
    """
    path = _lock_path(project)
    if path is None:
        return Drift("")
    file = os.path.relpath(path, project.repository.root)
    if plan.interpreter is None:
        problem = f"No Python interpreter is known that {file} could be compared with."
        return Drift(file, problem=problem)
    version, implementation = plan.interpreter.version, plan.interpreter.implementation
    lock = _lock(project, path, version, implementation)
    python = plan.interpreter.executable
    if lock.problem:
        return Drift(file, python, problem=f"{file} can't be read: {lock.problem}.")
    return Drift(file, python, tuple(_row(*found) for found in differing(lock, plan.installed)))


def with_drift(project: Project, plan: Plan, *, strict: bool = False) -> Plan:
    """Return the plan with a warning if its interpreter isn't what the project's lock asks for.

    Nothing is said of a command whose interpreter is only guessed, nor of `uv run`, which brings
    the environment in line by itself: there the lock tells what the run will have.

    Args:
        project: Where.
        plan: What would run.
        strict: Refuse instead of warning, and also where nothing can be compared.

    Raises:
        ExecutionError: if it is asked strictly, and they differ or can't be compared.
        UsageError: if it is asked strictly, and there is no lock.
    """
    if strict and (error := _violation(library_drift(project, plan))) is not None:
        raise error
    if _syncs(plan.argv):
        plan = with_lock(project, plan)
        if plan.synced:
            return plan
    if plan.interpreter is None or plan.guessed:
        return plan
    return _saying(plan, library_drift(project, plan))


def drift_as_it_ran(project: Project, before: Plan, after: Plan) -> Plan:
    """Return the plan of a run that ended with the drift that it really had.

    Args:
        project: Where.
        before: The plan as it was before the run.
        after: The same, with the interpreter that it really had.
    """
    if (before.interpreter, before.guessed) == (after.interpreter, after.guessed):
        if not after.synced:
            return after
    elif after.interpreter is None:
        return _saying(after, Drift(""))
    return _saying(after, library_drift(project, after))


def _saying(plan: Plan, drift: Drift) -> Plan:
    said = drift.sentence()
    if said and drift.rows:
        said += f" `{drift.hint}` brings it in line."
    warnings = tuple(text for text in plan.warnings if text != plan.drift)
    more = (said,) if said else ()
    return msgspec.structs.replace(plan, drift=said, warnings=(*warnings, *more))


def _syncs(argv: Sequence[str]) -> bool:
    """Whether a command is uv's, which makes the environment what `uv.lock` says before it runs."""
    if {"--no-sync", "--no-project", "--isolated"} & set(argv) or os.environ.get("UV_NO_SYNC"):
        return False
    return any(
        os.path.basename(word) == "uv" and following == "run"
        for word, following in pairwise(argv[:8])
    )


def blocking_drift(project: Project, plan: Plan) -> str:
    """Return why an environment isn't known to be what the project's lock asks for, or empty."""
    error = _violation(library_drift(project, plan))
    return f"{error.message} {error.hint}" if error is not None else ""


def _violation(drift: Drift) -> UsageError | ExecutionError | None:
    """Return what is wrong where a lock is binding, or None if the environment is as it says."""
    if not drift.file:
        return UsageError(
            "The project has no lock that the environment could be held to.",
            hint=f"Commit one ({_LOCKS}), or leave out --strict-lock and `strict_lock`.",
        )
    if drift.problem:
        return ExecutionError(
            drift.problem, hint="Mend or remove it, or leave out --strict-lock and `strict_lock`."
        )
    if drift.rows:
        return ExecutionError(drift.sentence(), hint=f"`{drift.hint}` brings it in line.")
    return None


def with_lock(project: Project, plan: Plan) -> Plan:
    """Return the plan with what the project's lock asks for.

    A job that only asks whether a run would be a repeat needn't have the libraries of a run.
    """
    path = _lock_path(project)
    if path is None:
        return plan
    python = plan.interpreter
    version = python.version if python else _own_python()
    lock = _lock(project, path, version, python.implementation if python else "cpython")
    if lock.python and not _is_release(version, lock.python):
        lock = _lock(project, path, _full(lock.python), "cpython")
    synced = lock.name == "uv.lock" and _syncs(plan.argv)
    return msgspec.structs.replace(plan, lock=lock, synced=synced)


def _lock_path(project: Project) -> Path | None:
    return find_project_lock(dict.fromkeys([project.root, project.repository.root]))


def _lock(project: Project, path: Path, python: str, implementation: str) -> ProjectLock:
    member = os.path.relpath(project.root, path.parent)
    return read_project_lock(
        path,
        python,
        implementation,
        root=project.repository.root,
        member="" if member == "." else member,
        cache=project.state_dir / _CACHE,
    )


def _row(name: str, pin: Pin, present: Distribution | None) -> DriftRow:
    commit = f" @{pin.commits[0][:12]}" if pin.commits else ""
    versions = pin.versions or ("",)
    locked = f"{' or '.join(versions)}{commit}".strip()
    if present is None:
        return DriftRow(name, locked, "", "missing")
    installed = with_build(present.version, build_of(present))
    if present.source in ("editable", "local"):
        installed = f"{present.version} ({present.source})"
        return DriftRow(name, locked, installed, "source")
    steps = [step_of(version, present.version) for version in versions]
    kind = "commit" if "same" in steps else steps[0]
    return DriftRow(name, locked, installed, kind)


def _own_python() -> str:
    import sys

    return ".".join(map(str, sys.version_info[:3]))


def _is_release(version: str, wanted: str) -> bool:
    """Whether `3.11.7` is a `3.11`."""
    return f"{version}.".startswith(f"{wanted}.")


def _full(version: str) -> str:
    return ".".join([*version.split("."), "0", "0"][:3])
