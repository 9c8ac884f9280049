"""Was this experiment recorded before? Asked the way a compiler cache asks it.

The look-up digest, made of what is known before a run, finds candidates; everything that a
candidate turned out to depend on is then verified against the present.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from gitml.experiment.record import Record
from gitml.history.index import Index, Row
from gitml.inputs import sameness
from gitml.inputs.arguments import PREFIX, could_be_output
from gitml.inputs.sameness import LEVELS, Difference
from gitml.inputs.settings import same
from gitml.operations.candidate import compare_with
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.values import digest

_CANDIDATES = 25
_NEIGHBOURS = 200
_OVERLOOKED = 2


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
        if not self.differences:
            return f"{self.level}: the same inputs as {self.nearest.experiment}"
        what = sameness.describe(self.differences)
        return f"{self.level}: nearest is {self.nearest.experiment} ({what})"


def find_seen(project: Project, index: Index, plan: Plan) -> Verdict:
    """Return the recorded experiment that running the plan would repeat, or one that is alike.

    Only what the look-up digest finds is compared, and what has the same settings but is known
    otherwise (data that was only observed then and is tracked now); `find_nearest` asks further.
    """
    best = Verdict("new", None, ())
    outputs = index.output_paths()
    candidates = _candidates(index, plan)
    for row in candidates[:_CANDIDATES]:
        best = _better(best, _verify(project, index.record(row.commit), row, plan, outputs))
        if best.level == "identical":
            return best
    if best.level != "equivalent":
        for row in _overlooked(index, plan, candidates):
            best = _better(best, _verify(project, index.record(row.commit), row, plan, outputs))
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
    return _better(verdict, _verify(project, record, neighbour, plan, index.output_paths()))


def _candidates(index: Index, plan: Plan) -> list[Row]:
    return [row for row in index.by_lookup(plan.lookup) if row.reusable]


def _overlooked(index: Index, plan: Plan, candidates: Collection[Row]) -> list[Row]:
    """Return recent experiments with the same settings and command that the digest didn't find."""
    known = {row.commit for row in candidates}
    command = digest([plan.reading.program, plan.folder])
    counting = {
        name: value
        for name, value in plan.settings.items()
        if not (name.startswith(PREFIX) and could_be_output(name, value))
    }
    found = [
        row
        for row in index.rows(limit=_NEIGHBOURS, hidden=True)
        if row.reusable
        and row.commit not in known
        and row.digests.get("command") == command
        and all(name in row.params for name in counting)
        and all(same(row.params[name], value) for name, value in counting.items())
    ]
    return found[:_OVERLOOKED]


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


def _verify(
    project: Project, record: Record, row: Row, plan: Plan, outputs: Collection[str]
) -> Verdict:
    recorded = record.inputs
    differences = compare_with(project, record, row.commit, plan, outputs)
    level = sameness.level_of(
        differences, {*recorded.seeds, *plan.seeds}, sameness.cap_of(recorded.data, plan.data)
    )
    return Verdict(level, row, tuple(differences))
