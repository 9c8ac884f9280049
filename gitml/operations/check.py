"""Would running this repeat a recorded experiment?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from gitml.errors import UsageError
from gitml.execution import journal
from gitml.git.command import no_hooks
from gitml.git.repository import require_work_tree
from gitml.history.index import Goals, Row, open_index
from gitml.inputs.sameness import LEVELS, Difference
from gitml.operations.applied import find_applied
from gitml.operations.drift import blocking_drift, with_lock
from gitml.operations.fetching import Mode, bring_candidates, bring_records, bring_studies
from gitml.operations.libraries import library_notes
from gitml.operations.own_programs import refuse_own_programs
from gitml.operations.plan import Plan, make_plan
from gitml.operations.project import Project, open_project
from gitml.operations.seen import find_nearest, find_seen

if TYPE_CHECKING:
    from gitml.comparison.explanation import Explanation
    from gitml.operations.check_champion import Rivals

BLOCKING = LEVELS[: LEVELS.index("near") + 1]

Outcome = Literal["passed", "blocked", "skipped"]


class CheckRequest(msgspec.Struct, frozen=True):
    """What `gitml check` was asked.

    Attributes:
        start: Folder where the user stands.
        argv: The command, empty for the configured one.
        overrides: `key=value` settings.
        level: The loosest sameness that blocks.
        study: Study whose experiments count as neighbours; empty for the branch's own.
        on_duplicate: Whether a duplicate blocks, or only lets the job skip its training.
        champion: Whether to compare the nearest experiment with the champion of its study.
        explain: Whether to name the nearest few experiments, and all that differs.
        remote: Git remote that has the recorded experiments; empty for the usual one.
        fetch: Whether to fetch them: where this clone has only a part, always, or never.
        strict_lock: Block where the environment isn't what the project's lock asks for.
        report: File that the answer goes to, so that it is no input; None for none.
    """

    start: Path
    argv: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    level: str = "equivalent"
    study: str = ""
    on_duplicate: Literal["block", "skip"] = "block"
    champion: bool = False
    explain: bool = False
    remote: str = ""
    fetch: Mode = "auto"
    strict_lock: bool = False
    report: Path | None = None


class CheckResult(msgspec.Struct, frozen=True):
    """The answer.

    Attributes:
        level: How the planned inputs relate to the nearest recorded experiment.
        blocked: Whether the exit status is 1: it is a duplicate, and duplicates block, or the
            environment differs from a lock that is binding.
        nearest: The nearest recorded experiment.
        differences: The inputs that differ from it.
        notes: Sentences that users should see.
        duplicate: Whether the level is as strict as the one asked for, or stricter.
        applied: The experiment that the work tree was brought from (`gitml exp apply`), as far as
            it still is what that experiment was.
        rivals: The nearest experiment beside the champion of its study, if that was asked for.
        explanation: The nearest few experiments, and all that differs, if that was asked for.
        drift: How the environment differs from the project's lock, if that blocks.
    """

    level: str
    blocked: bool
    nearest: Row | None = None
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    duplicate: bool = False
    applied: Row | None = None
    rivals: Rivals | None = None
    explanation: Explanation | None = None
    drift: str = ""

    @property
    def outcome(self) -> Outcome:
        """What becomes of the job."""
        if self.blocked:
            return "blocked"
        return "skipped" if self.duplicate else "passed"


def require_level(level: str) -> None:
    """Raise `UsageError` for a level that can't block."""
    if level not in BLOCKING:
        raise UsageError(
            f"There is no level {level!r} to block at.",
            hint=f"Levels, from strict to loose: {', '.join(BLOCKING)}.",
        )


@no_hooks()
def check(request: CheckRequest, say: Callable[[str], None] = lambda _: None) -> CheckResult:
    """Compare what would run with what is recorded; nothing is run and nothing is written.

    Args:
        request: What to compare.
        say: Takes a sentence before something takes a while.

    Raises:
        UsageError: if the level is unknown or there is no command.
        RepositoryError: if what is recorded can't be had.
    """
    require_level(request.level)
    project = open_project(request.start)
    require_work_tree(project.repository)
    refuse_own_programs(project, request.argv)
    brought = bring_studies(
        project.repository, request.remote, request.fetch, say, project.git_config
    )
    notes = list(brought.notes)
    with open_index(project.repository) as index, journal.scratch_folder(project.runs_dir) as place:
        bring_records(project.repository, index, brought)
        outputs = index.output_paths() | _own_report(project, request.report)
        plan = make_plan(project, request.argv, request.overrides, place / "index", outputs)
        bring_candidates(project.repository, index, plan, brought)
        drift = blocking_drift(project, plan) if request.strict_lock else ""
        plan = with_lock(project, plan)
        notes += [*_about_command(project, plan), *plan.warnings, *filter(None, [drift])]
        study = project.study(request.study)
        verdict = find_nearest(project, index, plan, study, find_seen(project, index, plan))
        if verdict.nearest is not None:
            notes += library_notes(plan, index.record(verdict.nearest.commit).inputs.libraries)
        verdict, applied = find_applied(project, index, plan, verdict, notes)
        explanation = None
        if request.explain:
            from gitml.operations.explain import explain

            explanation = explain(
                project, index, plan, study, verdict, remote=brought.remote if brought.lean else ""
            )
        rivals = None
        if request.champion and verdict.nearest is not None:
            from gitml.operations.check_champion import against_champion

            index.declared = declared_goals(project)
            rivals = against_champion(project.repository, index, verdict.nearest)
    if not plan.seeds and verdict.level in ("identical", "equivalent"):
        notes.append("No seed is declared, so a repeat may give another result.")
    duplicate = LEVELS.index(verdict.level) <= LEVELS.index(request.level)
    return CheckResult(
        level=verdict.level,
        blocked=bool(drift) or (duplicate and request.on_duplicate == "block"),
        nearest=verdict.nearest,
        differences=verdict.differences,
        notes=tuple(notes),
        duplicate=duplicate,
        applied=applied,
        rivals=rivals,
        explanation=explanation,
        drift=drift,
    )


def _about_command(project: Project, plan: Plan) -> list[str]:
    """Return a sentence about a command that isn't there: one with a slip would always pass."""
    script = plan.reading.script
    if script and not (project.root / script).exists():
        return [f"There is no {script} here: is the command right?"]
    program = plan.argv[0]
    place = os.path.join(project.repository.root, plan.folder, program)
    if shutil.which(program) is None and not os.path.exists(place):
        return [f"{program} is not found here: is the command right?"]
    return []


def _own_report(project: Project, report: Path | None) -> set[str]:
    """Return the path in the repository of a file that an earlier check may have written."""
    if report is None:
        return set()
    return {os.path.relpath(os.path.realpath(report), project.repository.root)}


def declared_goals(project: Project) -> Goals:
    """Return what `gitml.yaml` says is better, which may be more than the records once said."""
    metrics = project.config.metrics
    return Goals(
        project.config.primary, {name: item.goal for name, item in metrics.items() if item.goal}
    )
