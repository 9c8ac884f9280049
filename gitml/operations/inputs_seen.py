"""The manifest of a run: its planned inputs, narrowed and widened by what it was seen to do."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from gitml.execution.children import Child, unseen_programs
from gitml.execution.trace import Trace
from gitml.experiment.record import Nearest
from gitml.history.index import Index
from gitml.inputs.arguments import written_only
from gitml.inputs.libraries import builds_of, imported_versions
from gitml.inputs.manifest import (
    CodeInput,
    CommandInput,
    LibrariesInput,
    Manifest,
)
from gitml.inputs.secrets import mask_settings
from gitml.inputs.settings import parse_file
from gitml.operations.code import code_rules
from gitml.operations.code_seen import (
    code_as_seen,
    relative,
    unversioned_modules,
    with_surroundings,
)
from gitml.operations.data import planned_data
from gitml.operations.data_seen import Observation, data_as_seen
from gitml.operations.plan import Plan
from gitml.operations.project import Project
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
    trace, unseen = _doubted(plan, root, trace)
    roots = (str(root), str(project.repository.root))
    read = {relative(path, roots): first for path, first in trace.read.items()}
    wrote = frozenset(path for path in trace.written if not trace.read.get(path, False))
    read_first = {path for path, first in trace.read.items() if first}
    outputs_only = written_only(plan.reading.args, wrote, str(root / plan.folder), read=read_first)
    observation = Observation(root, trace, roots, read, written, known_outputs, since)
    known = data_as_seen(project, index, plan, observation)
    data = known.data
    own = {path for path in written.outputs if not read.get(path, False)}
    code = code_as_seen(project, plan, trace, roots, own, known_outputs, data)
    if root == project.repository.root:  # an isolated run sees less than the next one may
        outputs = {*known_outputs, *written.outputs}
        code = with_surroundings(project, code, plan, trace, roots, data, outputs)
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
        init_from=known.init_from,
        changed=changed,
        warnings=(*known.warnings, *unversioned_modules(plan, code), *unseen, *more),
    )


def _doubted(plan: Plan, root: Path, trace: Trace) -> tuple[Trace, list[str]]:
    """Return the trace as one that nobody wrote if Python may have run unseen, and say so."""
    if not trace.observed:
        return trace, []
    place = os.path.realpath(root)
    command = Child("spawn", False, "", 0, os.path.join(place, plan.folder), plan.argv)
    reached = {*trace.modules, *trace.read}
    names = unseen_programs(command, trace.children, trace.reports, reached, place)
    if not names:
        return trace, []
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return msgspec.structs.replace(trace, observed=False), [
        f"The run started `{names[0]}`{more}, where gitml can't see what Python imports, so every "
        "tracked file counts and every installed library."
    ]


def _libraries(plan: Plan, trace: Trace) -> LibrariesInput:
    first = trace.interpreters[0] if trace.interpreters else plan.interpreter
    if first is None:
        return LibrariesInput()
    if trace.observed:
        imported = imported_versions(trace.imported, plan.installed)
    else:
        imported = {name: item.version for name, item in plan.installed.items()}
    return LibrariesInput(
        python=first.version,
        implementation=first.implementation,
        imported=imported,
        builds=builds_of(imported, plan.installed),
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
