"""The code that a run was seen to reach, in the snapshot and beside it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from gitml.execution.trace import Trace
from gitml.inputs.code import code_input
from gitml.inputs.data import Places, outside_reads
from gitml.inputs.libraries import OWN
from gitml.inputs.manifest import CodeInput, DataInput
from gitml.operations.code import (
    SyntaxReader,
    code_rules,
    editable_sources,
    import_folders,
)
from gitml.operations.newcomers import ignored_modules, package_folders
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.operations.surroundings import missed, names_beside, with_folders

_MOST_IGNORED = 1_000


def code_as_seen(
    project: Project,
    plan: Plan,
    trace: Trace,
    roots: tuple[str, ...],
    own: Collection[str],
    known_outputs: Collection[str],
    data: Mapping[str, DataInput],
) -> CodeInput:
    """Return the code component of a run that ended.

    Args:
        project: Where.
        plan: The inputs as far as they were known before.
        trace: What the run was seen to do.
        roots: The work tree that it ran in, and the user's own.
        own: Files that it wrote without reading them first.
        known_outputs: Files that recorded runs wrote: they count only where this run read them.
        data: Inputs of data, which don't count as code.
    """
    reached = {relative(path, roots) for path in trace.modules}
    opened = {relative(path, roots) for path in trace.read}
    excluded = {*own, *plan.params_files, *data}
    left = frozenset(known_outputs) - excluded
    sources = editable_sources(project, plan.installed, trace)
    with SyntaxReader(project) as syntax:
        code = code_input(
            plan.entries,
            rules=code_rules(project, excluded, plan.reading.scripts, left),
            reached=reached,
            opened={path for path in opened if not os.path.isabs(path)},
            observed=trace.observed,
            listed=[path for path in _listed(trace, roots) if not os.path.isabs(path)],
            syntax_of=syntax.digest,
        )
        beside = {
            path: syntax.module(Path(roots[0]) / path)
            for path in sorted(_beside(plan, trace, roots[0], reached, excluded, sources))
        }
        sources.pop(OWN, None)
        editable = {
            name: syntax.editable(plan.installed[name].folder, files)
            for name, files in sources.items()
        }
    modules = {**code.modules, **{path: module for path, module in beside.items() if module}}
    return msgspec.structs.replace(code, modules=modules, editable=editable, sources=sources)


def with_surroundings(
    project: Project,
    code: CodeInput,
    plan: Plan,
    trace: Trace,
    roots: tuple[str, ...],
    data: Collection[str],
    outputs: Collection[str],
) -> CodeInput:
    """Return the code component with what could come up beside the snapshot.

    Args:
        project: Where.
        code: The component without.
        plan: The inputs as far as they were known before.
        trace: What the run was seen to do.
        roots: The work tree that it ran in, and the user's own.
        data: Names of all inputs of data.
        outputs: Files that this run and recorded ones wrote.
    """
    known = with_folders([*(entry.path for entry in plan.entries), *outputs, *plan.data])
    observed = [path for path in data if path not in plan.data]
    observed += [path for path in code.modules if os.path.isabs(path)]
    for name, files in code.sources.items():
        observed += [os.path.join(plan.installed[name].folder, file) for file in files]
    folders = {*import_folders(project, plan.reading.program, code.modules), *package_folders(code)}
    ignored = ignored_modules(Path(roots[0]), folders, {*known, *code.modules})
    return msgspec.structs.replace(
        code,
        ignored=ignored if len(ignored) <= _MOST_IGNORED else None,
        absent=missed((relative(path, roots) for path in trace.missing), {*outputs, *data}),
        names=names_beside(Path(roots[0]), _listed(trace, roots), observed, known),
    )


def unversioned_modules(plan: Plan, code: CodeInput) -> list[str]:
    """Return sentences about modules that were reached and that no snapshot holds."""
    tracked = {entry.path for entry in plan.entries}
    beside = [path for path in code.modules if path not in tracked]
    more = f" and {len(beside) - 1} more are" if len(beside) > 1 else " is"
    if not beside:
        return []
    return [f"{beside[0]}{more} imported but not versioned, so nothing can bring it back."]


def relative(path: str, roots: Iterable[str]) -> str:
    """Return a path from the first of `roots` that it is in, or as it is."""
    for root in roots:
        if path.startswith(root + os.sep):
            return path[len(root) + 1 :]
    return path


def places_of(root: Path, trace: Trace) -> Places:
    """Return where things are on this machine, to tell data from what belongs to it."""
    return Places(
        root=str(root),
        prefixes=tuple(
            folder
            for one in trace.interpreters
            for folder in (one.prefix, one.base_prefix, *one.sites)
        ),
        temporary=tuple({tempfile.gettempdir(), "/tmp", "/var/tmp"}),
        home=os.path.expanduser("~"),
        ignored=(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),),
    )


def _beside(
    plan: Plan,
    trace: Trace,
    root: str,
    reached: Iterable[str],
    excluded: Collection[str],
    sources: Mapping[str, Iterable[str]],
) -> set[str]:
    """Return the modules that were reached and that are neither in the snapshot nor installed."""
    known = {*excluded, *(entry.path for entry in plan.entries)}
    for name, files in sources.items():
        known |= {os.path.join(plan.installed[name].folder, file) for file in files}
    data = tuple(f"{path}/" for path in plan.data)
    paths = {path for path in reached if path not in known and not path.startswith(data)}
    outside = outside_reads(dict.fromkeys(paths, True), places_of(Path(root), trace))
    return {path for path in paths if not os.path.isabs(path)} | {
        path for path in outside if os.path.isabs(path)
    }


def _listed(trace: Trace, roots: Collection[str]) -> set[str]:
    return {"" if path in roots else relative(path, roots) for path in trace.listed}
