"""One recorded experiment against the present: what would differ if it ran again now."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from gitml.experiment.record import Record
from gitml.git.trees import Change, diff_trees
from gitml.inputs import sameness
from gitml.inputs.arguments import PREFIX, could_be_output
from gitml.inputs.code_change import which_changed
from gitml.inputs.folding import paths_of
from gitml.inputs.manifest import Manifest
from gitml.inputs.partition import expected_partition
from gitml.inputs.sameness import Difference
from gitml.operations.candidate_data import compare_data
from gitml.operations.code import SyntaxReader, code_rules, import_context, import_folders
from gitml.operations.libraries import planned_libraries
from gitml.operations.newcomers import ignored_modules, package_folders
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.operations.search_path import compare_search_path
from gitml.operations.surroundings import compare_surroundings, with_folders
from gitml.values import Scalar

_MAX_FILES = 1_000


def compare_with(
    project: Project, record: Record, commit: str, plan: Plan, outputs: Collection[str]
) -> list[Difference]:
    """Return every input that differs between a recorded experiment and what is planned.

    Args:
        project: Where.
        record: Of the experiment.
        commit: Its commit.
        plan: The inputs as far as they are known before a run.
        outputs: Paths that recorded runs wrote: no inputs, unless the experiment read them.
    """
    recorded = record.inputs
    settings = _compare_settings(project, record, plan, outputs)
    expected = expected_partition(recorded.partition, plan.partition)
    partition = sameness.compare_partition(recorded.partition, expected)
    unchanged = () if settings else plan.params_files
    if not partition and project.config.partition:
        unchanged = (*unchanged, project.in_repository(project.config.partition))
    data = compare_data(project, recorded, plan, outputs)
    names = {difference.name for difference in data}
    around = _compare_surroundings(project, recorded, plan, outputs)
    around += compare_search_path(project.repository.root, recorded, plan, os.environ)
    return [
        *sameness.compare_command(recorded.command, plan.reading.component),
        *settings,
        *_compare_code(project, record, commit, plan, outputs, unchanged),
        *data,
        *(difference for difference in around if difference.name not in names),
        *partition,
        *_compare_libraries(project, recorded, plan),
    ]


def _compare_settings(
    project: Project, record: Record, plan: Plan, outputs: Collection[str]
) -> list[Difference]:
    """Compare all settings; those that don't count are said, too."""
    then, now = record.inputs.settings, plan.settings
    named = {
        name
        for name, value in record.params.items()
        if name.startswith(PREFIX)
        and name not in then
        and could_be_output(name, value)
        and _is_free(project, plan, now.get(name), value, outputs)
    }
    idle = named | (plan.params.keys() - now.keys())
    return sameness.compare_settings(
        {**then, **{name: record.params[name] for name in idle if name in record.params}},
        {**now, **{name: plan.params[name] for name in idle if name in plan.params}},
        idle=idle,
    )


def _is_free(
    project: Project, plan: Plan, planned: Scalar, recorded: Scalar, outputs: Collection[str]
) -> bool:
    """Whether a run that writes elsewhere than the recorded one would find nothing to start from.

    A checkpoint there, for example, that no recorded run wrote.
    """
    if planned == recorded or not isinstance(planned, str):
        return True
    root = project.repository.root
    place = Path(os.path.normpath(root / plan.folder / planned))
    if place.is_dir():
        files = [path for _, path in zip(range(_MAX_FILES), place.rglob("*"), strict=False)]
    else:
        files = [place]
    return not any(path.is_file() and os.path.relpath(path, root) not in outputs for path in files)


def _compare_code(
    project: Project,
    record: Record,
    commit: str,
    plan: Plan,
    outputs: Collection[str],
    unchanged: Collection[str],
) -> list[Difference]:
    """Compare the experiment's commit with the present snapshot, file by file.

    Files among `unchanged` have the same values as before, however they are written.
    """
    code = record.inputs.code
    differing = diff_trees(project.repository.git, commit, plan.snapshot.tree)
    respelled = [
        Difference("code", change.path, "before", "formatting", counts=False)
        for change in differing
        if change.path in unchanged and change.path not in plan.overridden and change.new
    ]
    # That a module may be executed, too, says nothing about what it does when it runs.
    touched = [
        change
        for change in differing
        if change.old != change.new or change.path not in code.modules
    ]
    changes = [(change.path, change.old or None, change.new or None) for change in touched]
    with SyntaxReader(project) as syntax:
        changes += _changed_beside(project, plan, record.inputs, syntax, touched)
        fresh = _newly_ignored(project, plan, record.inputs, outputs)
        changes += fresh
        if not changes:
            return respelled
        own = {artifact.path for artifact in record.artifacts}
        own |= {f"{artifact.path}.dvc" for artifact in record.artifacts}
        excluded = {*own, *plan.params_files, *paths_of(record.inputs.data)}
        rules = code_rules(project, excluded, plan.reading.scripts, outputs)
        context = msgspec.structs.replace(
            import_context(project, record.inputs, plan.installed, syntax),
            folders=lambda: _folders_before(plan, touched),
        )
        links = [change.path for change in touched if _is_link(change)]
        found = which_changed(changes, code, rules, syntax.digest, context, links)
    # A file that is inert by rule is no code, so its change is not worth a word.
    silent = {path for path, _, _ in fresh}
    return respelled + sameness.compare_code(
        change
        for change in found
        if change.counts
        or change.path in code.modules
        or (rules.is_module(change.path) and change.path not in silent)
    )


def _folders_before(plan: Plan, differing: Collection[Change]) -> Collection[str]:
    """Return the folders of the recorded snapshot."""
    new = {change.path for change in differing if not change.old}
    kept = (entry.path for entry in plan.entries if entry.path not in new)
    return with_folders([*kept, *(change.path for change in differing if not change.new)])


def _is_link(change: Change) -> bool:
    return bool({change.old_mode, change.new_mode} & {"120000", "160000"})


def _changed_beside(
    project: Project,
    plan: Plan,
    recorded: Manifest,
    syntax: SyntaxReader,
    differing: Collection[Change],
) -> list[tuple[str, str | None, str | None]]:
    """Return the changes of modules that were reached outside of the snapshot."""
    known = {entry.path for entry in plan.entries} | {change.path for change in differing}
    changes: list[tuple[str, str | None, str | None]] = []
    for path, module in recorded.code.modules.items():
        if path not in known:
            now = syntax.module(project.repository.root / path)
            if now is None or now.content != module.content:
                changes.append((path, module.content, now.content if now else None))
    return changes


def _newly_ignored(
    project: Project, plan: Plan, recorded: Manifest, outputs: Collection[str]
) -> list[tuple[str, None, str]]:
    """Return the Python files that Git ignores and that came up since, as changes."""
    code = recorded.code
    if code.ignored is None:
        return []
    folders = import_folders(project, recorded.command.program, code.modules)
    known = {*(entry.path for entry in plan.entries), *outputs, *code.modules, *code.ignored}
    found = ignored_modules(
        project.repository.root, {*folders, *package_folders(code)}, {*known, *recorded.data}
    )
    return [(path, None, "new") for path in found]


def _compare_surroundings(
    project: Project, recorded: Manifest, plan: Plan, outputs: Collection[str]
) -> list[Difference]:
    code = recorded.code
    if not code.absent and not code.names:
        return []
    known = with_folders([*(entry.path for entry in plan.entries), *outputs, *plan.data])
    return compare_surroundings(project.repository.root, code, recorded.data, known)


def _compare_libraries(project: Project, recorded: Manifest, plan: Plan) -> list[Difference]:
    if (plan.interpreter is None or plan.guessed) and not recorded.libraries.python:
        return []
    versions = sameness.compare_libraries(
        recorded.libraries, planned_libraries(plan, recorded.libraries)
    )
    return versions + _compare_editable(project, recorded, plan)


def _compare_editable(project: Project, recorded: Manifest, plan: Plan) -> list[Difference]:
    """Compare the sources of distributions that are installed from a folder."""
    if not recorded.code.editable:
        return []
    now: dict[str, str | None] = {}
    with SyntaxReader(project) as syntax:
        for name, files in recorded.code.sources.items():
            one = plan.installed.get(name)
            now[name] = syntax.editable(one.folder, files) if one and one.folder else None
    return [
        Difference("libraries", name, before, now.get(name))
        for name, before in recorded.code.editable.items()
        if now.get(name) != before
    ]
