"""Which experiment a work tree was brought from: `gitml exp apply --commit` leaves its record.

A squash merge loses the commit and its trailer, and keeps the tree; the record in it says which
experiment the settings and the code came from. What that experiment scored is read from its own
commit, never from the record in the tree, which anybody may have edited.
"""

from __future__ import annotations

from gitml.errors import RecordError
from gitml.experiment.message import FROM, parse
from gitml.experiment.record import PATH, Record, decode
from gitml.git.log import read_commit
from gitml.git.objects import read_object
from gitml.history.index import Index, Row
from gitml.inputs import sameness
from gitml.inputs.sameness import LEVELS
from gitml.operations.candidate import compare_with
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.operations.seen import Verdict

# Further away, the tree is no longer what the experiment was.
_STILL = LEVELS[: LEVELS.index("re-environment") + 1]


def find_applied(
    project: Project, index: Index, plan: Plan, verdict: Verdict, notes: list[str]
) -> tuple[Verdict, Row | None]:
    """Return the verdict, about the applied experiment if none is nearer, and that experiment.

    Args:
        project: Where.
        index: What is recorded.
        plan: The inputs as far as they are known before a run.
        verdict: What was found without looking for a record in the tree.
        notes: Takes sentences that users should see.
    """
    row = _origin(project, index, plan, notes)
    if row is None or not row.reusable:
        return verdict, None
    if verdict.nearest is None or verdict.nearest.commit != row.commit:
        own = _against(project, index, plan, row)
        if LEVELS.index(own.level) > LEVELS.index(verdict.level):
            return verdict, None
        verdict = own
    return verdict, row if verdict.level in _STILL else None


def _origin(project: Project, index: Index, plan: Plan, notes: list[str]) -> Row | None:
    """Return the recorded experiment that the tree says it is from."""
    oid = next((entry.oid for entry in plan.entries if entry.path == PATH), "")
    if not oid:
        return _from_trailer(project, index)
    try:
        record = decode(read_object(project.repository.git, oid) or b"")
    except RecordError:
        notes.append(f"{PATH} in the work tree can't be read, so it doesn't count.")
        return None
    found = [row for row in index.by_name(record.name) if row.fingerprint == record.fingerprint]
    if not found:
        notes.append(
            f"{PATH} says that the work tree is from {record.name}, which no study here has."
        )
        return None
    return _same(index, found, record, notes)


def _same(index: Index, found: list[Row], record: Record, notes: list[str]) -> Row:
    for row in found:
        if index.record(row.commit) == record:
            return row
    row = found[0]
    notes.append(f"{PATH} in the work tree is not what was recorded as {row.experiment}.")
    return row


def _from_trailer(project: Project, index: Index) -> Row | None:
    if not project.repository.head:
        return None
    commit = read_commit(project.repository.git, project.repository.head)
    origin = parse(commit.message).trailers.get(FROM, "") if commit else ""
    return index.find(origin) if origin else None


def _against(project: Project, index: Index, plan: Plan, row: Row) -> Verdict:
    record = index.record(row.commit)
    differences = compare_with(project, record, row.commit, plan, index.output_paths())
    recorded = record.inputs
    level = sameness.level_of(
        differences, {*recorded.seeds, *plan.seeds}, sameness.cap_of(recorded.data, plan.data)
    )
    return Verdict(level, row, tuple(differences))
