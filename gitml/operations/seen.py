"""Was this experiment recorded before? Asked the way a compiler cache asks it.

The look-up digest, made of what is known before a run, finds candidates; everything that a
candidate turned out to depend on is then verified against the present.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from gitml.errors import GitmlError
from gitml.experiment.record import Record
from gitml.history.index import Index, Row
from gitml.inputs import sameness
from gitml.inputs.arguments import PREFIX, could_be_output
from gitml.inputs.sameness import LEVELS, Difference
from gitml.inputs.settings import same
from gitml.operations.candidate import compare_with
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.values import Scalar, digest

_CANDIDATES = 25
_NEIGHBOURS = 200
_OVERLOOKED = 2
_NEAREST = 3


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
    known = {row.commit for row in _candidates(index, plan)}
    outputs = index.output_paths()
    for place, row in enumerate(neighbours(index, plan, study)):
        if row.commit in known or _is_no_nearer(row, plan, verdict):
            continue
        try:
            found = _verify(project, index.record(row.commit), row, plan, outputs)
        except GitmlError:
            if place == 0:
                raise
            continue  # the likeliest one was compared; this one a partial clone may not have
        verdict = _better(verdict, found)
    return verdict


def find_several(
    project: Project, index: Index, plan: Plan, study: str, verdict: Verdict, limit: int
) -> tuple[list[Verdict], list[str]]:
    """Return the few recorded experiments that are nearest to what is planned, the nearest first.

    They are what the look-up digest finds, what has the same settings, and the nearest of the
    study by settings (of all studies, where it has none). What `verdict` names comes first.

    Args:
        project: Where.
        index: What is recorded.
        plan: What is planned.
        study: Whose experiments are neighbours.
        verdict: What is known to be the nearest.
        limit: At most so many.

    Returns:
        What is near, and a sentence for each experiment that may be but can't be read.
    """
    candidates = _candidates(index, plan)
    rows = [*candidates[:_CANDIDATES], *_overlooked(index, plan, candidates)]
    rows += neighbours(index, plan, study)
    first = verdict.nearest.commit if verdict.nearest else ""
    others = {row.commit: row for row in rows if row.commit != first}
    outputs = index.output_paths()
    found: list[Verdict] = []
    problems: list[str] = []
    for row in others.values():
        try:
            found.append(_verify(project, index.record(row.commit), row, plan, outputs))
        except GitmlError as error:
            name = row.experiment or row.commit[:12]
            problems.append(f"{name} may be near as well, but can't be compared: {error.message}")
    return [*([verdict] if verdict.nearest else []), *sorted(found, key=_rank)][:limit], problems


def _candidates(index: Index, plan: Plan) -> list[Row]:
    return [row for row in index.by_lookup(plan.lookup) if row.reusable]


def _overlooked(index: Index, plan: Plan, candidates: Collection[Row]) -> list[Row]:
    """Return recent experiments with the same settings and command that the digest didn't find."""
    known = {row.commit for row in candidates}
    command = digest([plan.reading.program, plan.folder])
    counting = _sure(plan)
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


def _sure(plan: Plan) -> dict[str, Scalar]:
    """Return the settings that count whatever a run turns out to do."""
    return {
        name: value
        for name, value in plan.settings.items()
        if not (name.startswith(PREFIX) and could_be_output(name, value))
    }


def _is_no_nearer(row: Row, plan: Plan, verdict: Verdict) -> bool:
    """Whether the settings alone say that an experiment isn't nearer than one that is near."""
    if verdict.level != "near":
        return False
    differing = sum(
        not same(row.params.get(name), value)
        for name, value in _sure(plan).items()
        if name not in plan.seeds
    )
    return differing >= max(1, sum(one.counts for one in verdict.differences))


def _better(first: Verdict, second: Verdict) -> Verdict:
    return min(first, second, key=_rank)


def _rank(verdict: Verdict) -> tuple[bool, int, int]:
    counting = sum(difference.counts for difference in verdict.differences)
    return verdict.nearest is None, LEVELS.index(verdict.level), counting


def neighbours(index: Index, plan: Plan, study: str) -> list[Row]:
    """Return the recent experiments whose settings differ in the fewest places.

    A branch without a study of its own, or a pull request's merge commit, has those of all studies.
    """
    return _by_settings(index, plan, study) or _by_settings(index, plan, None)


def _by_settings(index: Index, plan: Plan, study: str | None) -> list[Row]:
    rows = [row for row in index.rows(study=study, limit=_NEIGHBOURS) if row.reusable]
    mine = plan.params.items()
    counting = {(name, plan.settings[name]) for name in plan.settings.keys() - {*plan.seeds}}

    def distance(row: Row) -> tuple[int, int]:
        theirs = row.params.items()
        return len(counting - theirs), len(mine ^ theirs)

    return sorted(rows, key=distance)[:_NEAREST]


def _verify(
    project: Project, record: Record, row: Row, plan: Plan, outputs: Collection[str]
) -> Verdict:
    recorded = record.inputs
    differences = compare_with(project, record, row.commit, plan, outputs)
    level = sameness.level_of(
        differences, {*recorded.seeds, *plan.seeds}, sameness.cap_of(recorded.data, plan.data)
    )
    return Verdict(level, row, tuple(differences))
