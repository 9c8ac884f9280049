"""Asking what `gitml check --since` says, in this process."""

from __future__ import annotations

from gitml.operations.check_examine import Examined
from gitml.operations.check_since import SinceRequest, SinceResult, check_since
from tests.conftest import Project


def since(project: Project, revision: str, study: str = "", **changes: object) -> SinceResult:
    request = SinceRequest(project.root, revision, study, **changes)  # type: ignore[arg-type]
    return check_since(request)


def names(result: SinceResult) -> list[str]:
    return [one.row.experiment for one in result.experiments]


def codes(one: Examined) -> list[str]:
    return sorted({problem.code for problem in one.problems if problem.severity == "error"})


def judged(project: Project, study: str, **changes: object) -> Examined:
    """Return what is said of the one experiment on top of a forged study."""
    parent = project.git("rev-parse", f"exp/{study}^1")
    result = since(project, parent, study, **changes)
    (found,) = result.experiments
    return found
