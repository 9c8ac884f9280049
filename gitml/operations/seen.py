"""Was this experiment recorded before? Asked the way a compiler cache asks it.

The look-up digest, made of what is known before a run, finds candidates; everything that a
candidate turned out to depend on is then verified against the present.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gitml.experiment.record import Record
from gitml.git.trees import diff_trees
from gitml.history.index import Index, Row
from gitml.inputs import sameness
from gitml.inputs.code_change import which_changed
from gitml.inputs.manifest import CommandInput, DataInput, Manifest
from gitml.inputs.sameness import LEVELS, Difference
from gitml.operations.code import SyntaxReader, code_rules, import_context
from gitml.operations.data import hash_path, open_hashes
from gitml.operations.plan import Plan
from gitml.operations.project import Project

_CANDIDATES = 25
_NEIGHBOURS = 200


class Verdict(msgspec.Struct, frozen=True):
    """How planned inputs relate to what is recorded.

    Attributes:
        level: One of `LEVELS`.
        nearest: The nearest recorded experiment, if there is any.
        differences: The inputs that differ from it.
    """

    level: str
    nearest: Row | None
    differences: tuple[Difference, ...]

    def sentence(self) -> str:
        """Return one line for people, empty when nothing is near."""
        if self.nearest is None:
            return ""
        what = sameness.describe(self.differences)
        return f"{self.level}: nearest is {self.nearest.experiment} ({what})"


def find_seen(project: Project, index: Index, plan: Plan) -> Verdict:
    """Return the recorded experiment that running the plan would repeat, or one that is alike.

    Only what the look-up digest finds is compared; `find_nearest` asks further.
    """
    best = Verdict("new", None, ())
    for row in _candidates(index, plan)[:_CANDIDATES]:
        best = _better(best, _verify(project, index.record(row.commit), row, plan))
        if best.level == "identical":
            break
    return best


def find_nearest(
    project: Project, index: Index, plan: Plan, study: str, verdict: Verdict
) -> Verdict:
    """Return `verdict`, or the nearest experiment with other settings if that is nearer."""
    if verdict.level not in ("new", "near"):
        return verdict
    neighbour = _nearest_by_settings(index, plan, study)
    if neighbour is None or neighbour.commit in {row.commit for row in _candidates(index, plan)}:
        return verdict
    record = index.record(neighbour.commit)
    return _better(verdict, _verify(project, record, neighbour, plan))


def _candidates(index: Index, plan: Plan) -> list[Row]:
    return [row for row in index.by_lookup(plan.lookup) if row.reusable]


def _better(first: Verdict, second: Verdict) -> Verdict:
    def rank(verdict: Verdict) -> tuple[bool, int, int]:
        counting = sum(difference.counts for difference in verdict.differences)
        return verdict.nearest is None, LEVELS.index(verdict.level), counting

    return min(first, second, key=rank)


def _nearest_by_settings(index: Index, plan: Plan, study: str) -> Row | None:
    """Return the recent experiment whose settings differ in the fewest places."""
    rows = [row for row in index.rows(study=study, limit=_NEIGHBOURS) if row.reusable]
    mine = plan.params.items()
    return min(rows, key=lambda row: len(mine ^ row.params.items()), default=None)


def _verify(project: Project, record: Record, row: Row, plan: Plan) -> Verdict:
    recorded = record.inputs
    planned = _as_if_it_ran(record, plan)
    differences = [
        *sameness.compare_command(recorded.command, planned.command),
        *sameness.compare_settings(recorded.settings, planned.settings),
        *_compare_code(project, record, row, plan),
        *_compare_data(project, recorded, plan),
        *sameness.compare_partition(recorded.partition, plan.partition),
        *_compare_libraries(recorded, plan),
    ]
    level = sameness.level_of(
        differences, {*recorded.seeds, *plan.seeds}, sameness.cap_of(recorded.data, plan.data)
    )
    return Verdict(level, row, tuple(differences))


def _as_if_it_ran(record: Record, plan: Plan) -> Manifest:
    """Return the planned inputs without the arguments that only named an output back then."""
    names = {
        name
        for name in plan.reading.path_args
        if name in record.params and name not in record.inputs.settings
    }
    settings = {name: value for name, value in plan.settings.items() if name not in names}
    return msgspec.structs.replace(
        record.inputs,
        command=CommandInput(plan.reading.program, plan.folder),
        settings=settings,
    )


def _compare_code(project: Project, record: Record, row: Row, plan: Plan) -> Sequence[Difference]:
    """Compare the candidate's commit with the present snapshot, file by file."""
    outputs = {artifact.path for artifact in record.artifacts}
    outputs |= {f"{artifact.path}.dvc" for artifact in record.artifacts}
    differing = diff_trees(project.repository.git, row.commit, plan.snapshot.tree)
    changes = [(change.path, change.old or None, change.new or None) for change in differing]
    links = [
        change.path
        for change in differing
        if {change.old_mode, change.new_mode} & {"120000", "160000"}
    ]
    if not changes:
        return ()
    excluded = {*outputs, *plan.params_files, *record.inputs.data}
    rules = code_rules(project, excluded, plan.reading.scripts)
    with SyntaxReader(project) as syntax:
        context = import_context(project, record.inputs, plan.installed, syntax)
        found = which_changed(changes, record.inputs.code, rules, syntax.digest, context, links)
    # A file that is inert by rule is no code, so its change is not worth a word.
    return sameness.compare_code(
        change for change in found if change.counts or rules.is_module(change.path)
    )


def _compare_data(project: Project, recorded: Manifest, plan: Plan) -> Sequence[Difference]:
    planned: dict[str, DataInput] = dict(plan.data)
    with open_hashes(project) as hashes:
        for name, item in recorded.data.items():
            if item.declared or name in planned:
                continue
            path = Path(name) if os.path.isabs(name) else project.repository.root / name
            if path.exists():
                planned[name] = hash_path(path, hashes)
    return sameness.compare_data(recorded.data, planned)


def _compare_libraries(recorded: Manifest, plan: Plan) -> Sequence[Difference]:
    present = {
        name: plan.installed[name].version
        for name in recorded.libraries.imported
        if name in plan.installed
    }
    python = plan.interpreter
    if python is None and not recorded.libraries.python:
        return ()
    return sameness.compare_libraries(
        recorded.libraries,
        msgspec.structs.replace(
            recorded.libraries,
            python=python.version if python else "",
            implementation=python.implementation if python else "",
            imported=present,
        ),
    )
