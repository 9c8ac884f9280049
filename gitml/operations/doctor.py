"""What is wrong with a project and its environment, and how to mend it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from gitml.errors import GitmlError, NotFoundError
from gitml.operations import health_git, health_history, health_storage
from gitml.operations.health import Finding, Scene

Check = Callable[[Scene], Iterator[Finding]]

_CHECKS: tuple[tuple[str, Check], ...] = (
    ("repository", health_git.state),
    ("identity", health_git.identity),
    ("signing", health_git.signing),
    ("hooks", health_git.hooks),
    ("branches", health_git.branches),
    ("locks", health_git.locks),
    ("interrupted runs", health_history.interrupted),
    ("worktrees", health_history.worktrees),
    ("index", health_history.index),
    ("dvc", health_storage.setup),
    ("cache", health_storage.cache),
    ("disk", health_storage.space),
    ("network file systems", health_storage.network),
    ("remote", health_storage.remote),
    ("dvc gc", health_history.collection),
)


def diagnose(start: Path) -> list[Finding]:
    """Look at everything that an experiment depends on; nothing is changed.

    What can't be looked at is a finding, too, so that one broken part doesn't hide the others.
    """
    findings = [*health_git.version()]
    if any(finding.level == "error" for finding in findings):
        return findings
    findings += [*health_storage.version(), *_libraries()]
    try:
        scene = _open(start, findings)
    except NotFoundError as error:
        return [*findings, Finding("error", "repository", error.message, error.hint)]
    except GitmlError as error:
        return [*findings, Finding("error", "repository", error.message, error.hint)]
    for topic, check in _CHECKS:
        findings += _guarded(topic, check, scene)
    return findings


def _open(start: Path, findings: list[Finding]) -> Scene:
    """Open the project; a `gitml.yaml` or DVC configuration that is wrong is a finding."""
    from gitml import config
    from gitml.git.repository import configuration, discover
    from gitml.operations.project import open_project

    repository = discover(start)
    settings = configuration(repository)
    try:
        project = open_project(start)
    except GitmlError as error:
        findings.append(Finding("error", "configuration", error.message, error.hint))
        return Scene(repository, settings)
    named = project.root / config.FILE
    said = f"{config.FILE} is valid" if named.is_file() else f"no {config.FILE}: defaults hold"
    findings.append(Finding("ok", "configuration", said))
    return Scene(repository, settings, project)


def _guarded(topic: str, check: Check, scene: Scene) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check(scene))
    except GitmlError as error:
        found.append(Finding("warning", topic, error.message, error.hint))
    except OSError as error:
        where = f" ({os.fsdecode(error.filename)})" if error.filename else ""
        found.append(Finding("warning", topic, f"can't be looked at: {error.strerror}{where}"))
    return found


def _libraries() -> Iterator[Finding]:
    """Say whether a pickle of tensors could be converted; torch is looked for, not imported."""
    if importlib.util.find_spec("safetensors") is None:
        yield Finding(
            "error", "safetensors", "safetensors is not installed", "pip install safetensors"
        )
    if importlib.util.find_spec("torch") is None:
        yield Finding(
            "note",
            "torch",
            "torch is not installed beside gitml, so pickled weights (.pt, .pth) are stored as "
            "checkpoints instead of safetensors",
            "pip install 'gitml[torch]'",
        )
    else:
        yield Finding("ok", "torch", "pickled weights can be converted to safetensors")
