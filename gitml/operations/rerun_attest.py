"""Attesting a rerun: an event about the experiment that says what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gitml import __version__
from gitml.comparison.reproduction import Reproduction, Step
from gitml.errors import NotFoundError
from gitml.execution.launch import Outcome
from gitml.experiment.names import is_name, slug
from gitml.experiment.study import record_event, require_free_branch
from gitml.git.repository import require_identity
from gitml.history.attestations import KIND, Attested, Statement, body_of
from gitml.history.rows import Row
from gitml.inputs.secrets import mask_tokens
from gitml.operations.project import Project
from gitml.operations.rerun_environment import Chosen
from gitml.operations.rerun_results import Results
from gitml.values import Scalar


def check_attestable(project: Project, row: Row) -> None:
    """Make sure, before anything runs, that the verdict can be recorded.

    Raises:
        NotFoundError: if the experiment is on no study's branch.
        RepositoryError: if Git knows no identity, or the branch is checked out somewhere.
    """
    require_identity(project.repository, project.git_config)
    if row.position < 0:
        raise NotFoundError(
            f"{row.experiment} is on no study's branch any more, so no verdict can be added.",
            hint="--no-record runs it and adds none.",
        )
    require_free_branch(project.repository, row.study)


def attest(
    project: Project,
    row: Row,
    found: Reproduction,
    chosen: Chosen,
    results: Results,
    outcome: Outcome,
    log: str,
) -> str:
    """Record what came of a rerun, and return the event's commit.

    Args:
        project: Where.
        row: The experiment.
        found: The verdict and what differs.
        chosen: The Python that was used.
        results: Of the rerun.
        outcome: How its command ended.
        log: SHA-256 of what it printed, credentials masked.

    Raises:
        ContentionError: if the branch could not be won within a minute.
        RepositoryError: if Git refuses.
    """
    statement = statement_of(found, chosen, results.facts, outcome, log)
    return record_event(
        project.repository,
        row.study,
        KIND,
        row.commit,
        row.experiment if is_name(row.experiment) else slug(row.experiment),
        body_of(statement),
        sign=project.signs,
    )


def statement_of(
    found: Reproduction,
    chosen: Chosen,
    facts: Mapping[str, Any],
    outcome: Outcome,
    log: str,
) -> Statement:
    """Return what is attested."""
    platform, cpu, gpu = (_table(facts.get(name)) for name in ("platform", "cpu", "gpu"))
    names = gpu.get("names")
    return Statement(
        verdict=found.verdict,
        tolerance=found.tolerance,
        seconds=round(outcome.seconds, 3),
        exit_status=outcome.exit_status,
        interpreter=chosen.kind,
        python=str(facts.get("python") or ""),
        platform=f"{platform.get('system', '')} {platform.get('machine', '')}".strip(),
        cpu=str(cpu.get("model") or ""),
        gpu=tuple(map(str, names)) if isinstance(names, list) else (),
        host=os.uname().nodename,
        differing=tuple(map(_attested, found.steps)),
        first=mask_tokens(found.first),
        compared={"weights": found.weights, "metrics": found.metrics, "outputs": found.outputs},
        log=f"sha256:{log}",
        gitml=__version__,
    )


def _attested(step: Step) -> Attested:
    return Attested(
        step.kind, mask_tokens(step.name), _masked(step.recorded), _masked(step.rerun), step.decides
    )


def _masked(value: Scalar) -> Scalar:
    return mask_tokens(value) if isinstance(value, str) else value


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
