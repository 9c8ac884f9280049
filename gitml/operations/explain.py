"""Why is it new? The nearest recorded experiments, and every input that differs from them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec

from gitml.comparison.closing import closing
from gitml.comparison.code_details import CodeContext, code_detail, wanted_blobs
from gitml.comparison.details import Present, detail, in_order
from gitml.comparison.explanation import Detail, Explanation, Neighbour
from gitml.experiment.record import Record
from gitml.git.trees import Change, diff_trees
from gitml.history.index import Index
from gitml.inputs.difference import Difference
from gitml.inputs.manifest import DataInput
from gitml.inputs.sameness import cap_of
from gitml.operations.data import open_hashes
from gitml.operations.explain_data import Contents, with_members
from gitml.operations.explain_texts import MAX_FILES, Texts, read_texts
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.operations.seen import Verdict, find_several

_LIMIT = 3


class _Side(msgspec.Struct, frozen=True):
    """One recorded experiment, and what differs in Git's trees."""

    verdict: Verdict
    record: Record
    changes: dict[str, Change]


def explain(
    project: Project,
    index: Index,
    plan: Plan,
    study: str,
    verdict: Verdict,
    limit: int = _LIMIT,
    remote: str = "",
) -> Explanation:
    """Return the experiments that are nearest to what is planned, and all that differs.

    Args:
        project: Where.
        index: What is recorded.
        plan: What is planned.
        study: Whose experiments are neighbours.
        verdict: The answer that is explained.
        limit: At most so many experiments.
        remote: Where to fetch from, all at once, the texts that a partial clone lacks; nothing is
            fetched when empty.

    Raises:
        GitmlError: if the experiment that the verdict names can't be read.
    """
    found, problems = find_several(project, index, plan, study, verdict, limit)
    sides = [_side(project, index, plan, one) for one in found]
    wanted = [oid for side in sides for oid in _wanted(side)]
    texts = read_texts(project.repository, wanted, remote)
    neighbours = tuple(_neighbour(project, plan, side, texts) for side in sides)
    data = [plan.data, *(side.record.inputs.data for side in sides[:1])]
    cap = cap_of(*data)
    return Explanation(
        neighbours=neighbours,
        cap=cap,
        caps=caps_of(data),
        closing=closing(neighbours[0].row.experiment, cap, neighbours[0].details)
        if neighbours
        else _nothing(index),
        notes=tuple(problems),
    )


def caps_of(data: Sequence[Mapping[str, DataInput]]) -> tuple[str, ...]:
    """Return a sentence for each input of data that keeps the level from being `identical`."""
    kinds = {name: item.kind for inputs in data for name, item in inputs.items()}
    external = [name for name, kind in kinds.items() if kind == "external"]
    listed = [name for name, kind in kinds.items() if kind == "listing"]
    return (
        *(f"{name} isn't captured, so it may have changed: `near` at best." for name in external),
        *(
            f"Of {name} only names, sizes and times are compared: `equivalent` at best."
            for name in listed
        ),
    )


def _nothing(index: Index) -> str:
    count = index.count(hidden=True)
    if not count:
        return "Nothing is recorded yet, so there is nothing to repeat."
    return f"None of the {count:,} recorded experiments completed with inputs that stayed as is."


def _side(project: Project, index: Index, plan: Plan, verdict: Verdict) -> _Side:
    assert verdict.nearest is not None
    commit = verdict.nearest.commit
    record = index.record(commit)
    needed = any(item.input in ("code", "data") for item in verdict.differences)
    found = diff_trees(project.repository.git, commit, plan.snapshot.tree) if needed else []
    return _Side(verdict, record, {change.path: change for change in found})


def _wanted(side: _Side) -> list[str]:
    counting = sorted(side.verdict.differences, key=lambda difference: not difference.counts)
    return wanted_blobs(counting, side.changes)[: 2 * MAX_FILES]


def _neighbour(project: Project, plan: Plan, side: _Side, texts: Texts) -> Neighbour:
    assert side.verdict.nearest is not None
    recorded = side.record.inputs
    present = Present(
        params=plan.params,
        seeds=plan.seeds,
        files=plan.params_files,
        program=plan.reading.component.program,
        data=plan.data,
        partition=plan.partition,
    )
    partition = project.config.partition
    context = CodeContext(
        recorded=recorded.code,
        scripts=frozenset(
            os.path.normpath(os.path.join(recorded.command.folder, word))
            for word in recorded.command.program[1:]
        ),
        libraries={
            top
            for name in recorded.libraries.imported
            if name in plan.installed
            for top in plan.installed[name].top_level
        },
        changes=side.changes,
        contents=texts.contents,
        reasons=texts.reasons,
        respelled={
            *plan.params_files,
            *([project.in_repository(partition)] if partition else []),
        },
    )
    with open_hashes(project) as hashes:
        contents = Contents(project.repository.root, project.storage, hashes, side.changes)
        details = [
            _detail(difference, side.record, present, context, contents)
            for difference in side.verdict.differences
        ]
    return Neighbour(side.verdict.nearest, side.verdict.level, in_order(details))


def _detail(
    difference: Difference,
    record: Record,
    present: Present,
    context: CodeContext,
    contents: Contents,
) -> Detail:
    if difference.input == "code":
        return code_detail(difference, context)
    found = detail(difference, record.inputs, record.params, present)
    if difference.input != "data":
        return found
    was, now = record.inputs.data.get(difference.name), present.data.get(difference.name)
    return with_members(found, was, now, contents)
