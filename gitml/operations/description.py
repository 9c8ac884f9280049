"""The description of a run that ended: its record, and the texts that go with it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gitml import __version__
from gitml.execution import journal
from gitml.execution.environment import facts
from gitml.execution.journal import Entry
from gitml.execution.trace import Trace
from gitml.experiment.record import (
    HISTORY_PATH,
    LOCK_PATH,
    LOG_PATH,
    PARTITION_PATH,
    PATH,
    Lock,
    Record,
    Segment,
    encode,
)
from gitml.inputs.lock import LockFile
from gitml.inputs.secrets import mask_argv, mask_text
from gitml.operations.artifacts import StoredOutputs
from gitml.operations.inputs_seen import Seen
from gitml.operations.locking import lock_of
from gitml.operations.measurements import Measurements
from gitml.operations.pending import Run
from gitml.operations.plan import Plan
from gitml.operations.project import Project
from gitml.outputs import history
from gitml.outputs.artifact import Artifact
from gitml.storage.objects import store_bytes


class Findings(msgspec.Struct, frozen=True):
    """What was found out about a run.

    Attributes:
        plan: Its planned inputs, with the interpreter that it really used.
        trace: What it was seen to do.
        seen: What it turned out to depend on.
        measured: Its metrics and their history.
        stored: What it made, and where that is now.
    """

    plan: Plan
    trace: Trace
    seen: Seen
    measured: Measurements
    stored: StoredOutputs


class Description(msgspec.Struct, frozen=True):
    """A record, and what goes into the tree besides the outputs.

    Attributes:
        record: The record.
        texts: Path in the tree → bytes, the record's own included.
        large: The log, the history and the ids of the partition, when they are large and went to
            DVC storage.
    """

    record: Record
    texts: dict[str, bytes]
    large: tuple[Artifact, ...]


def describe(project: Project, entry: Entry, run: Run, findings: Findings) -> Description:
    """Return the description of a run.

    Raises:
        StorageError: if a large log or history can't be stored.
    """
    plan = run.plan
    lock = lock_of(project, plan, findings.seen.manifest.libraries.python)
    texts = {**findings.stored.texts, **plan.recorded}
    if plan.installed:
        texts[LOCK_PATH] = lock.data
    log = mask_text(_read(entry.path / journal.LOG), plan.secrets)
    for path, data in (
        (HISTORY_PATH, history.render(findings.measured.history)),
        (LOG_PATH, log),
    ):
        if data:
            texts[path] = data
    large = _through_storage(project, texts)
    record = _record(project, entry, run, findings, large)
    if plan.installed:
        record = msgspec.structs.replace(record, libraries=_lock_summary(lock))
    texts[PATH] = encode(record)
    return Description(record, texts, large)


def _record(
    project: Project, entry: Entry, run: Run, findings: Findings, large: tuple[Artifact, ...]
) -> Record:
    plan, seen, manifest = run.plan, findings.seen, findings.seen.manifest
    segments = tuple(msgspec.convert(segment, Segment) for segment in entry.segments)
    status = (segments[-1].exit_status if segments else 0) or 0
    return Record(
        name=run.name,
        study=run.study,
        status="failed" if status else "completed",
        created=run.created,
        seconds=round(entry.seconds, 3),
        exit_status=status,
        argv=mask_argv(plan.argv),
        params={**seen.resolved, **plan.params},
        metrics=findings.measured.metrics,
        inputs=manifest,
        digests=manifest.digests(),
        fingerprint=manifest.fingerprint(),
        lookup=plan.lookup,
        base=entry.base,
        branch=entry.branch,
        snapshot=plan.snapshot.tree,
        project=project.folder,
        goals={name: goal.goal for name, goal in project.config.metrics.items() if goal.goal},
        primary=project.config.primary,
        artifacts=(*findings.stored.artifacts, *large),
        environment=facts(findings.trace, dict(seen.environment)),
        segments=segments,
        init_from=seen.init_from,
        changed=seen.changed,
        unstored=findings.stored.unstored,
        network=findings.trace.network,
        warnings=_warnings(entry, plan, findings),
        nearest=run.nearest,
        run=entry.id,
        gitml=__version__,
    )


def _warnings(entry: Entry, plan: Plan, findings: Findings) -> tuple[str, ...]:
    return (
        *plan.warnings,
        *findings.seen.warnings,
        *findings.measured.warnings,
        *findings.stored.warnings,
        *entry.options.get("trouble", ()),
    )


def _lock_summary(lock: LockFile) -> Lock:
    return Lock(
        state=lock.state,
        digest=lock.digest,
        packages=lock.packages,
        unlocked=lock.unlocked,
        sources=lock.sources,
    )


def _through_storage(project: Project, texts: dict[str, bytes]) -> tuple[Artifact, ...]:
    """Move the log, the history and the ids of a partition to DVC storage when they are large."""
    moved: list[Artifact] = []
    roles = {HISTORY_PATH: "history", LOG_PATH: "log", PARTITION_PATH: "other"}
    for path, role in roles.items():
        data = texts.get(path, b"")
        if len(data) < project.config.large or project.storage is None:
            continue
        stored = store_bytes(project.storage, data)
        del texts[path]
        fields = {"path": path, "role": role, "storage": "dvc", "digest": stored.digest}
        moved.append(msgspec.convert({**fields, "size": stored.size}, Artifact))
    return tuple(moved)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
