"""The recorded experiments that are nearest to another one, and every input that differs."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

import msgspec

from gitml.comparison.closing import closing
from gitml.comparison.code_details import CodeContext, code_detail, wanted_blobs
from gitml.comparison.details import Present, detail, in_order
from gitml.comparison.explanation import Detail, Explanation, Neighbour
from gitml.config import Config
from gitml.errors import GitmlError
from gitml.experiment.record import Record
from gitml.git.repository import Repository
from gitml.git.trees import Change, diff_trees
from gitml.history.index import Index, Row
from gitml.inputs import sameness
from gitml.inputs.difference import Difference
from gitml.inputs.sameness import LEVELS
from gitml.operations.explain import caps_of
from gitml.operations.explain_data import Contents, with_members
from gitml.operations.explain_texts import MAX_FILES, Texts, read_texts
from gitml.operations.record_files import not_code
from gitml.storage.hashes import Hashes
from gitml.storage.place import Storage
from gitml.values import Scalar

# Records that are read to find the nearest few.
_CANDIDATES = 8
_NEIGHBOURS = 200
_OTHERS = "other files"


class _Side(msgspec.Struct, frozen=True):
    """Another experiment, and what differs."""

    row: Row
    record: Record
    level: str
    differences: tuple[Difference, ...]
    changes: dict[str, Change]


def explain_record(
    repository: Repository,
    index: Index,
    row: Row,
    record: Record,
    config: Config,
    storage: Storage | None,
    limit: int,
    remote: str = "",
) -> Explanation:
    """Return the experiments that are nearest to a recorded one, and all that differs.

    Args:
        repository: Where.
        index: What is recorded.
        row: The experiment.
        record: Its record.
        config: The configuration that it ran with.
        storage: DVC storage, if it is set up.
        limit: At most so many.
        remote: Where to fetch from, all at once, the texts that a partial clone lacks; nothing is
            fetched when empty.

    Raises:
        RepositoryError: if the repository can't be read.
    """
    sides, problems = _sides(repository, index, row, record, config, limit)
    wanted = [
        oid
        for side in sides
        for oid in wanted_blobs(side.differences, side.changes)[: 2 * MAX_FILES]
    ]
    texts = read_texts(repository, wanted, remote)
    with Hashes(None) as hashes:
        neighbours = tuple(
            _neighbour(side, record, config, texts, Contents(None, storage, hashes, side.changes))
            for side in sides
        )
    data = [record.inputs.data, *(side.record.inputs.data for side in sides[:1])]
    cap = sameness.cap_of(*data)
    said = "There is no other experiment to compare it with."
    if neighbours:
        nearest = neighbours[0]
        said = closing(nearest.row.experiment, cap, nearest.details, recorded=True)
    return Explanation(neighbours, cap, caps_of(data), said, tuple(problems))


def _sides(
    repository: Repository, index: Index, row: Row, record: Record, config: Config, limit: int
) -> tuple[list[_Side], list[str]]:
    """Return the nearest experiments, and a sentence for each that can't be read."""
    found: list[_Side] = []
    problems: list[str] = []
    for other in _candidates(index, row, record):
        try:
            theirs = index.record(other.commit)
            changes = diff_trees(repository.git, other.commit, row.commit)
        except GitmlError as error:
            name = other.experiment or other.commit[:12]
            problems.append(f"{name} may be near as well, but can't be compared: {error.message}")
            continue
        known = {change.path: change for change in changes}
        found.append(
            _Side(
                row=other,
                record=theirs,
                level=sameness.compare_level(theirs.inputs, record.inputs),
                differences=tuple(_differences(theirs, record, config, known)),
                changes=known,
            )
        )
    found.sort(key=lambda side: (LEVELS.index(side.level), sum(d.counts for d in side.differences)))
    return found[:limit], problems


def _candidates(index: Index, row: Row, record: Record) -> list[Row]:
    """Return the experiments that may be nearest, by what the index knows of them."""
    near = [*index.by_lookup(record.lookup), *index.rows(row.study, limit=_NEIGHBOURS)]
    if record.nearest is not None:
        near += filter(None, [index.find(record.nearest.commit)])
    rows = {one.commit: one for one in near if one.reusable and one.commit != row.commit}
    mine = record.params.items()

    def distance(one: Row) -> tuple[int, int]:
        other = sum(one.digests.get(name) != digest for name, digest in record.digests.items())
        return other, len(mine ^ one.params.items())

    return sorted(rows.values(), key=distance)[:_CANDIDATES]


def _differences(
    theirs: Record, record: Record, config: Config, changes: Mapping[str, Change]
) -> list[Difference]:
    """Return what differs, with inert settings, and file by file what manifests sum up."""
    found = []
    for difference in sameness.compare(theirs.inputs, record.inputs):
        if difference.input == "settings":
            continue
        if difference.input == "code" and difference.name == _OTHERS:
            found += _other_files(theirs, record, config, changes) or [difference]
        else:
            found.append(difference)
    then, now = theirs.inputs.settings, record.inputs.settings
    idle = (theirs.params.keys() | record.params.keys()) - then.keys() - now.keys()
    return found + sameness.compare_settings(
        {**then, **_some(theirs.params, idle)}, {**now, **_some(record.params, idle)}, idle=idle
    )


def _some(params: Mapping[str, Scalar], names: Collection[str]) -> dict[str, Scalar]:
    return {name: params[name] for name in names if name in params}


def _other_files(
    theirs: Record, record: Record, config: Config, changes: Mapping[str, Change]
) -> list[Difference]:
    left_out = not_code([theirs, record], config)
    modules = theirs.inputs.code.modules.keys() | record.inputs.code.modules.keys()
    observed = theirs.inputs.code.observed and record.inputs.code.observed
    words = {
        (False, True): (None, "added"),
        (True, False): ("there", None),
        (True, True): ("before", "changed"),
    }
    return [
        Difference("code", path, *words[bool(change.old), bool(change.new)])
        for path, change in changes.items()
        if path not in modules
        and not left_out(path)
        and not (observed and path.endswith((".py", ".pyw")))
    ]


def _neighbour(
    side: _Side, record: Record, config: Config, texts: Texts, contents: Contents
) -> Neighbour:
    recorded, inputs = side.record.inputs, record.inputs
    present = Present(
        params=record.params,
        seeds=inputs.seeds,
        files=config.params,
        program=inputs.command.program,
        data=inputs.data,
        partition=inputs.partition,
    )
    context = CodeContext(
        recorded=recorded.code,
        scripts=scripts_of(record),
        libraries=recorded.libraries.imported.keys(),
        changes=side.changes,
        contents=texts.contents,
        reasons=texts.reasons,
        respelled=config.params,
    )
    details: list[Detail] = []
    for difference in side.differences:
        if difference.input == "code":
            details.append(code_detail(difference, context))
            continue
        found = detail(difference, recorded, side.record.params, present)
        if difference.input == "data":
            was, now = recorded.data.get(found.name), inputs.data.get(found.name)
            found = with_members(found, was, now, contents)
        details.append(found)
    return Neighbour(side.row, side.level, in_order(details))


def scripts_of(record: Record) -> frozenset[str]:
    """Return the words of a command that may name Python files, as paths in the repository."""
    command = record.inputs.command
    return frozenset(
        os.path.normpath(os.path.join(command.folder, word)) for word in command.program[1:]
    )
