"""What is known of an experiment before it runs: the planned inputs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from gitml.errors import ConfigError, UsageError
from gitml.execution.interpreter import describe, find_interpreter
from gitml.execution.trace import Interpreter, Trace
from gitml.git.command import split_nul
from gitml.git.snapshot import Snapshot, WorkTreeStatus, take_snapshot
from gitml.inputs.code import TreeEntry
from gitml.inputs.command import CommandReading, read_command
from gitml.inputs.distribution import Distribution
from gitml.inputs.libraries import installed
from gitml.inputs.manifest import DataInput, PartitionInput
from gitml.inputs.overrides import Override, apply, parse_override
from gitml.inputs.partition import read_partition
from gitml.inputs.project_lock import ProjectLock
from gitml.inputs.sameness import lookup_digest
from gitml.inputs.secrets import MASK, looks_secret, mask_settings, secret_values
from gitml.inputs.settings import environment_settings, matching, merge, parse_file, read_files
from gitml.operations.data import planned_data
from gitml.operations.project import Project
from gitml.values import Scalar, to_json

_MAX_BITS = 4096


class Plan(msgspec.Struct, frozen=True):
    """The inputs of an experiment as far as they are known before it runs.

    Attributes:
        argv: The command.
        folder: Where it runs, relative to the repository's root.
        reading: The command, taken apart.
        params: All settings, flat, credentials masked.
        settings: Those that count.
        seeds: Names of the settings that are seeds.
        masked: Names of settings that are masked.
        secrets: The values that were masked, to keep them out of the log.
        overridden: Parameter files that `-S` changes: path in the repository → new bytes.
        recorded: The same files as they are recorded: without credentials.
        params_files: Parameter files, as paths in the repository.
        snapshot: The work tree.
        entries: Files of the snapshot.
        interpreter: The Python that the command starts, if it starts one.
        guessed: Whether that is only likely, since the command is a program of another kind.
        installed: Distributions in that interpreter.
        data: Inputs of data that are known before a run.
        partition: The declared partition.
        lookup: Digest that finds candidates for "seen before?".
        warnings: Sentences that users should see.
        drift: The one of them that says how the interpreter differs from the project's lock.
        lock: What that lock asks for, where it may stand in for libraries that aren't installed.
        synced: Whether the command first brings the environment in line with that lock.
    """

    argv: tuple[str, ...]
    folder: str
    reading: CommandReading
    params: dict[str, Scalar]
    settings: dict[str, Scalar]
    seeds: tuple[str, ...]
    masked: tuple[str, ...]
    secrets: tuple[str, ...]
    overridden: dict[str, bytes]
    recorded: dict[str, bytes]
    params_files: tuple[str, ...]
    snapshot: Snapshot
    entries: tuple[TreeEntry, ...]
    interpreter: Interpreter | None
    guessed: bool
    installed: dict[str, Distribution]
    data: dict[str, DataInput]
    partition: PartitionInput
    lookup: str
    warnings: tuple[str, ...] = ()
    drift: str = ""
    lock: ProjectLock | None = None
    synced: bool = False


def make_plan(
    project: Project,
    argv: tuple[str, ...],
    overrides: tuple[str, ...],
    index_file: Path,
    written_before: Collection[str],
    status: WorkTreeStatus | None = None,
) -> Plan:
    """Read everything that determines the result and can be known before a run.

    Args:
        project: Where.
        argv: The command as the user gave it; empty for the configured one.
        overrides: `-S` arguments, `key=value`.
        index_file: A private index file for the snapshot.
        written_before: Paths that recorded runs wrote: they are outputs, no inputs.
        status: How the work tree differs from HEAD, if that was asked already.

    Raises:
        UsageError: if there is no command, or an override names an unknown key.
        ConfigError: if a parameter file can't be read.
    """
    argv, folder = _command(project, argv)
    snapshot = take_snapshot(
        project.repository,
        index_file,
        large=project.config.large,
        leave_out=written_before,
        status=status,
    )
    entries = tuple(TreeEntry(path=e.path, mode=e.mode, oid=e.oid) for e in snapshot.entries)
    files = _params_files(project, overrides)
    reading = read_command(argv, folder, project.folder, str(project.repository.root))
    plain = _all_params(project, {**files.originals, **files.edited}, reading)
    params, masked = mask_settings(plain)
    inert = matching(params, project.config.inert)
    settings = {name: value for name, value in params.items() if name not in inert}
    data, warnings = planned_data(project, entries, written_before)
    partition = _partition(project)
    seeds = tuple(sorted(matching(settings, project.config.seeds)))
    interpreter, libraries, guessed = _interpreter(project, argv, folder)
    return Plan(
        argv=argv,
        folder=folder,
        reading=reading,
        params=params,
        settings=settings,
        seeds=seeds,
        masked=masked,
        secrets=tuple(sorted(secret_values(argv, plain))),
        overridden={project.in_repository(path): text for path, text in files.edited.items()},
        recorded={project.in_repository(path): text for path, text in files.recorded.items()},
        params_files=tuple(project.in_repository(path) for path in files.originals),
        snapshot=snapshot,
        entries=entries,
        interpreter=interpreter,
        guessed=guessed,
        installed=libraries,
        data=data,
        partition=partition,
        lookup=lookup_digest(reading.component, settings, data, partition, seeds),
        warnings=(*warnings, *_large_warnings(snapshot)),
    )


class _ParamsFiles(msgspec.Struct, frozen=True):
    """Parameter files: as they are, those that `-S` changes, and these without credentials."""

    originals: dict[str, bytes]
    edited: dict[str, bytes]
    recorded: dict[str, bytes]


def _params_files(project: Project, overrides: tuple[str, ...]) -> _ParamsFiles:
    optional = "params" not in project.config.declared
    _refuse_outside(project, project.config.params)
    originals = read_files(project.root, project.config.params, optional=optional)
    changes = [parse_override(text) for text in overrides]
    edited = apply(originals, changes)
    shown = apply(originals, [_without_secret(change) for change in changes])
    recorded = {path: shown.get(path, originals[path]) for path in edited}
    return _ParamsFiles(originals, edited, recorded)


def _command(project: Project, argv: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    if argv:
        return argv, project.start
    if project.config.command:
        return project.config.command, project.folder
    raise UsageError(
        "There is no command to run.",
        hint="Give one (gitml exp run -- python train.py), or set `command:` in gitml.yaml.",
    )


def _all_params(
    project: Project, files: Mapping[str, bytes], reading: CommandReading
) -> dict[str, Scalar]:
    by_file = {path: parse_file(data, path) for path, data in files.items()}
    for path, flat in by_file.items():
        _check_numbers(flat, path)
    params = merge(by_file)
    params.update(reading.args)
    params.update(environment_settings(project.config.env, os.environ))
    return {name: to_json(value) for name, value in params.items()}


def _refuse_outside(project: Project, files: Iterable[str]) -> None:
    for path in files:
        if project.in_repository(path).startswith("../"):
            raise ConfigError(
                f"The parameter file {path} lies outside of the repository, so no commit has it.",
                hint="Move it into the repository, or leave it out of `params` in gitml.yaml.",
            )


def _without_secret(override: Override) -> Override:
    if looks_secret(override.key, override.value):
        return msgspec.structs.replace(override, value=MASK)
    return override


def _check_numbers(settings: Mapping[str, Scalar], path: str) -> None:
    """Refuse integers that Python won't spell in decimal, and no digest could hold."""
    for name, value in settings.items():
        if isinstance(value, int) and value.bit_length() > _MAX_BITS:
            raise ConfigError(
                f"{path}: the number {name} has more than {_MAX_BITS} bits.",
                hint="Put quotes around it if it is meant as text.",
            )


def _partition(project: Project) -> PartitionInput:
    name = project.config.partition
    if not name:
        return PartitionInput()
    place = project.root / name
    said = f"The partition file {name} that gitml.yaml names"
    # A pipe would be waited for, and a device read for ever.
    if place.exists() and not place.is_file():
        raise UsageError(f"{said} is no file.")
    try:
        data = place.read_bytes()
    except OSError as error:
        raise UsageError(f"{said} can't be read: {error.strerror}.") from error
    return read_partition(data, name)


def _interpreter(
    project: Project, argv: tuple[str, ...], folder: str
) -> tuple[Interpreter | None, dict[str, Distribution], bool]:
    """Return the Python of the command, what is installed in it, and whether it is guessed."""
    cwd = project.repository.root / folder
    executable = find_interpreter(argv, cwd, os.environ)
    guessed = executable is None
    if executable is None:
        # What a shell script calls `python` is most likely the one that is found here.
        candidates = (find_interpreter((name,), cwd, os.environ) for name in ("python", "python3"))
        executable = next((found for found in candidates if found), None)
    if executable is None:
        return None, {}, False
    interpreter = describe(executable, project.state_dir / "interpreters")
    return interpreter, _installed(project, interpreter), guessed


def _installed(project: Project, interpreter: Interpreter) -> dict[str, Distribution]:
    return installed(interpreter.sites, project.state_dir / "libraries.json")


def as_it_ran(project: Project, plan: Plan, trace: Trace) -> Plan:
    """Return the plan with the interpreter that was seen to run instead of the expected one."""
    if not trace.interpreters:
        if not plan.guessed:
            return plan
        return msgspec.structs.replace(plan, interpreter=None, installed={}, guessed=False)
    first, expected = trace.interpreters[0], plan.interpreter
    same = expected and (first.prefix, first.version) == (expected.prefix, expected.version)
    if same and not plan.synced:
        return msgspec.structs.replace(plan, guessed=False)
    return msgspec.structs.replace(
        plan, interpreter=first, installed=_installed(project, first), guessed=False
    )


def _large_warnings(snapshot: Snapshot) -> list[str]:
    return [
        f"{path} ({size / 1e6:.0f} MB) is untracked and too large for Git, so it is not in the "
        f"snapshot; `dvc add {path}` would track it."
        for path, size in sorted(snapshot.too_large.items())[:5]
    ]


def ignored_among(project: Project, paths: Iterable[str]) -> set[str]:
    """Return those of `paths` (relative to the repository) that Git would ignore."""
    request = b"".join(os.fsencode(path) + b"\0" for path in paths)
    if not request:
        return set()
    done = project.repository.git.attempt(
        "check-ignore", "-z", "--no-index", "--stdin", stdin=request
    )
    return set(split_nul(done.stdout))
