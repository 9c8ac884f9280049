"""The manifest of a run: its planned inputs, narrowed and widened by what it was seen to do."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from gitml.execution.trace import Trace
from gitml.experiment.record import Nearest
from gitml.history.index import Index
from gitml.inputs.arguments import written_only
from gitml.inputs.data import inside_reads, outside_reads
from gitml.inputs.libraries import imported_versions
from gitml.inputs.manifest import (
    CodeInput,
    CommandInput,
    DataInput,
    LibrariesInput,
    Manifest,
)
from gitml.inputs.secrets import mask_settings
from gitml.inputs.settings import parse_file
from gitml.operations.code import code_rules
from gitml.operations.code_seen import (
    code_as_seen,
    places_of,
    relative,
    unversioned_modules,
    with_surroundings,
)
from gitml.operations.data import hash_path, open_hashes, planned_data
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.operations.unversioned import unversioned_warnings
from gitml.operations.written import Written
from gitml.values import Scalar


class Seen(msgspec.Struct, frozen=True):
    """What a run turned out to depend on.

    Attributes:
        manifest: All inputs.
        resolved: Settings that the run itself wrote down (Hydra).
        environment: Variables of the environment that the run had.
        init_from: Experiments whose outputs it started from.
        changed: Inputs that changed on disk while it ran.
        warnings: Sentences that users should see.
    """

    manifest: Manifest
    resolved: dict[str, Scalar]
    environment: dict[str, str]
    init_from: tuple[Nearest, ...]
    changed: tuple[str, ...]
    warnings: tuple[str, ...]


def inputs_as_seen(
    project: Project,
    index: Index,
    plan: Plan,
    root: Path,
    trace: Trace,
    written: Written,
    known_outputs: Collection[str],
    since: int,
) -> Seen:
    """Return the manifest of a run that ended.

    Args:
        project: Where.
        index: What was recorded before; tells where a checkpoint came from.
        plan: The inputs as far as they were known before.
        root: Work tree that it ran in.
        trace: What it was seen to do.
        written: What it wrote.
        known_outputs: Paths that recorded runs wrote.
        since: Change time (nanoseconds) of a file made just before it started.
    """
    roots = (str(root), str(project.repository.root))
    read = {relative(path, roots): first for path, first in trace.read.items()}
    wrote = frozenset(path for path in trace.written if not trace.read.get(path, False))
    read_first = {path for path, first in trace.read.items() if first}
    outputs_only = written_only(plan.reading.args, wrote, str(root / plan.folder), read=read_first)
    data, init_from, warnings = _observed_data(
        project, index, plan, root, trace, roots, read, written, known_outputs, since
    )
    own = {path for path in written.outputs if not read.get(path, False)}
    code = code_as_seen(project, plan, trace, roots, own, known_outputs, data)
    if root == project.repository.root:  # an isolated run sees less than the next one may
        outputs = {*known_outputs, *written.outputs}
        code = with_surroundings(code, plan, trace, roots, data, outputs)
    settings = {name: value for name, value in plan.settings.items() if name not in outputs_only}
    changed, more = _changed(project, plan, code, written, known_outputs)
    manifest = Manifest(
        command=CommandInput(plan.reading.program, plan.folder),
        settings=settings,
        code=code,
        data=data,
        libraries=_libraries(plan, trace),
        partition=plan.partition,
        seeds=tuple(name for name in plan.seeds if name in settings),
        masked=plan.masked,
    )
    return Seen(
        manifest=manifest,
        resolved=_resolved(root, written.outputs),
        environment=dict(os.environ),
        init_from=init_from,
        changed=changed,
        warnings=(*warnings, *unversioned_modules(plan, code), *more),
    )


def _observed_data(
    project: Project,
    index: Index,
    plan: Plan,
    root: Path,
    trace: Trace,
    roots: tuple[str, ...],
    read: Mapping[str, bool],
    written: Written,
    known_outputs: Collection[str],
    since: int,
) -> tuple[dict[str, DataInput], tuple[Nearest, ...], list[str]]:
    """Add the files that were read and that neither Git nor DVC knows."""
    data = dict(plan.data)
    covered = tuple(f"{name.rstrip('/')}/" for name in data)
    init_from: dict[str, Nearest] = {}
    warnings: list[str] = []
    unversioned: list[str] = []
    own = {*written.outputs, *(relative(path, roots) for path in trace.written)}
    oids = {entry.path: entry.oid for entry in plan.entries}
    with open_hashes(project) as hashes:
        for path in _data_read(root, trace, read, since):
            if path in data or path in plan.params_files:
                continue
            if path in oids:
                if path in own:
                    data[path] = DataInput("git", oids[path], declared=False, restorable=False)
                continue
            if covered and path.startswith(covered):
                continue
            if path in own:
                # What it held is gone, so nothing will ever be equal to it.
                warnings.append(f"{path} was read and then overwritten by the run.")
                data[path] = _gone()
                continue
            absolute = Path(path) if os.path.isabs(path) else root / path
            if not absolute.is_file():
                continue
            if absolute.stat().st_ctime_ns >= since and root == project.repository.root:
                warnings.append(f"{path} was read, and changed while the run went on.")
                data[path] = _gone()
                continue
            item = hash_path(absolute, hashes)
            maker = index.maker_of(item.digest)
            if maker is not None:
                init_from[maker.commit] = Nearest(maker.experiment, maker.commit, "")
                item = msgspec.structs.replace(item, restorable=True)
            elif path not in known_outputs:
                unversioned.append(path)
            data[path] = item
    warnings += unversioned_warnings(unversioned, oids, project.start)
    return data, tuple(init_from.values()), warnings


def _gone() -> DataInput:
    """Return an input that held something that nobody knows."""
    return DataInput("unversioned", "", declared=False, restorable=False)


def _data_read(root: Path, trace: Trace, read: Mapping[str, bool], since: int) -> list[str]:
    """Return the files that may be data: those of the repository by their path from its root."""
    places = places_of(root, trace)
    absolute = {
        path if os.path.isabs(path) else f"{root}/{path}": first for path, first in read.items()
    }

    def appeared(path: str) -> bool:
        try:
            return os.lstat(path).st_ctime_ns >= since
        except OSError:
            return True

    return [*inside_reads(absolute, places), *outside_reads(absolute, places, appeared)]


def _libraries(plan: Plan, trace: Trace) -> LibrariesInput:
    first = trace.interpreters[0] if trace.interpreters else plan.interpreter
    if first is None:
        return LibrariesInput()
    if trace.observed:
        imported = imported_versions(trace.imported, plan.installed)
    else:
        imported = {name: item.version for name, item in plan.installed.items()}
    return LibrariesInput(
        python=first.version, implementation=first.implementation, imported=imported
    )


def _changed(
    project: Project,
    plan: Plan,
    code: CodeInput,
    written: Written,
    known_outputs: Collection[str],
) -> tuple[tuple[str, ...], list[str]]:
    """Return inputs that somebody changed while the run went on, and sentences about it."""
    rules = code_rules(project, plan.params_files, plan.reading.scripts)
    counts = rules.counts()
    changed = [
        path
        for path in written.edited
        if path in code.modules
        or path in code.opened
        or (counts(path) and (not rules.is_module(path) or not code.observed))
    ]
    sentences = [f"{path} was edited while the run went on." for path in written.edited]
    if written.edited:
        sentences.append("What is recorded is what was there when the run started.")
    now, _ = planned_data(project, plan.entries, known_outputs)
    for name, item in plan.data.items():
        if name in now and now[name].digest != item.digest:
            changed.append(name)
            sentences.append(f"The data {name} changed while the run went on.")
    return tuple(changed), sentences


def _resolved(root: Path, outputs: Iterable[str]) -> dict[str, Scalar]:
    """Return the settings that Hydra resolved, when it wrote them down."""
    for path in outputs:
        if path.endswith(".hydra/config.yaml"):
            return mask_settings(parse_file((root / path).read_bytes(), path))[0]
    return {}
