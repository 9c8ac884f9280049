"""Would running this repeat a recorded experiment?"""

from __future__ import annotations

from pathlib import Path

import msgspec

from gitml.errors import UsageError
from gitml.execution import journal
from gitml.git.repository import require_work_tree
from gitml.history.index import Row, open_index
from gitml.inputs.sameness import LEVELS, Difference
from gitml.operations.plan import make_plan
from gitml.operations.project import open_project
from gitml.operations.seen import find_nearest, find_seen

BLOCKING = LEVELS[: LEVELS.index("near") + 1]


class CheckRequest(msgspec.Struct, frozen=True):
    """What `gitml check` was asked.

    Attributes:
        start: Folder where the user stands.
        argv: The command, empty for the configured one.
        overrides: `key=value` settings.
        level: The loosest sameness that blocks.
        study: Study whose experiments count as neighbours; empty for the branch's own.
    """

    start: Path
    argv: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    level: str = "equivalent"
    study: str = ""


class CheckResult(msgspec.Struct, frozen=True):
    """The answer.

    Attributes:
        level: How the planned inputs relate to the nearest recorded experiment.
        blocked: Whether that is as strict as the level asked for, or stricter.
        nearest: The nearest recorded experiment.
        differences: The inputs that differ from it.
        notes: Sentences that users should see.
    """

    level: str
    blocked: bool
    nearest: Row | None = None
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()


def check(request: CheckRequest) -> CheckResult:
    """Compare what would run with what is recorded; nothing is run and nothing is written.

    Raises:
        UsageError: if the level is unknown or there is no command.
    """
    if request.level not in BLOCKING:
        raise UsageError(
            f"There is no level {request.level!r} to block at.",
            hint=f"Levels, from strict to loose: {', '.join(BLOCKING)}.",
        )
    project = open_project(request.start)
    require_work_tree(project.repository)
    with open_index(project.repository) as index, journal.scratch_folder(project.runs_dir) as place:
        plan = make_plan(
            project, request.argv, request.overrides, place / "index", index.output_paths()
        )
        study = project.study(request.study)
        verdict = find_nearest(project, index, plan, study, find_seen(project, index, plan))
    notes = list(plan.warnings)
    if not plan.seeds and verdict.level in ("identical", "equivalent"):
        notes.append("No seed is declared, so a repeat may give another result.")
    return CheckResult(
        level=verdict.level,
        blocked=LEVELS.index(verdict.level) <= LEVELS.index(request.level),
        nearest=verdict.nearest,
        differences=verdict.differences,
        notes=tuple(notes),
    )
