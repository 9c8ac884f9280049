"""Commits of a line become what the index holds: experiments with their records, and events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from gitml.errors import RecordError, RepositoryError
from gitml.experiment.message import EXPERIMENT, FINGERPRINT, LOOKUP, STATUS
from gitml.experiment.record import PATH, SCHEMA, Record, decode
from gitml.git.objects import ObjectReader
from gitml.git.repository import Repository
from gitml.history.rows import UNREADABLE, Progress
from gitml.history.walk import Step
from gitml.inputs.manifest import COMPONENTS

MISSING_RECORD = "the commit has no record"
NOT_HERE = "the record is not in this clone; it is fetched when it is needed"
_LARGEST = 32_000_000
_REPORT_EVERY = 200


class Experiment(msgspec.Struct, frozen=True):
    """An experiment as the index stores it; fields are named as the columns, JSON is encoded."""

    name: str
    recorded: str
    status: str
    created: str
    started: float
    committed: int
    author: str
    mail: str
    fingerprint: str
    lookup: str
    reusable: bool
    seconds: float
    base: str
    primary_metric: str
    complete: bool
    problem: str
    metrics: str
    params: str
    digests: str
    goals: str
    outputs: str
    made: tuple[str, ...] = ()


def read_records(
    repository: Repository, steps: Sequence[Step], progress: Progress | None = None
) -> Iterator[tuple[Step, Experiment]]:
    """Yield what the index stores for each experiment among the commits; nothing is fetched."""
    wanted = [f"{step.commit.tree}:{PATH}" for step in steps]
    partial = is_partial(repository) if wanted else False
    contents = _read_all(repository, wanted)
    for count, (step, data) in enumerate(zip(steps, contents, strict=True), 1):
        yield step, interpret(step, data, partial=partial)
        if progress is not None and (count % _REPORT_EVERY == 0 or count == len(steps)):
            progress(count, len(steps))


def interpret(step: Step, data: bytes | None, *, partial: bool = False) -> Experiment:
    """Return what the index stores for a commit and the bytes of its record."""
    if data is None:
        return _from_trailers(step, NOT_HERE if partial else MISSING_RECORD, readable=partial)
    if len(data) > _LARGEST:
        return _from_trailers(step, f"the record has {len(data):,} bytes", readable=False)
    try:
        return _from_record(step, decode(data))
    except RecordError as error:
        return _from_trailers(step, _clean(error.message)[:300], readable=False)


def _from_record(step: Step, record: Record) -> Experiment:
    known = record.schema <= SCHEMA
    started = _seconds(record.created)
    outputs = {
        "command": record.digests.get("command", ""),
        "paths": sorted(_written(record)),
    }
    return Experiment(
        name=record.name,
        recorded=record.study,
        status=record.status,
        created=record.created if started is not None else _utc(step.commit.authored),
        started=started if started is not None else float(step.commit.authored),
        committed=step.commit.committed,
        author=_clean(step.commit.author),
        mail=_clean(step.commit.mail),
        fingerprint=record.fingerprint,
        lookup=record.lookup,
        reusable=record.reusable and known,
        seconds=record.seconds,
        base=record.base,
        primary_metric=record.primary,
        complete=True,
        problem="" if known else f"recorded by a newer gitml (schema {str(record.schema)[:20]})",
        metrics=_json(record.metrics),
        params=_json(record.params),
        digests=_json(record.digests),
        goals=_json(record.goals) if record.goals else "",
        outputs=_json(outputs),
        made=tuple(_made(record)),
    )


def _made(record: Record) -> set[str]:
    """Return the content hashes by which an output of the experiment is recognised later."""
    stored = [artifact for artifact in record.artifacts if artifact.storage == "dvc"]
    return {digest for a in stored for digest in (a.digest, a.source_digest) if digest}


def _from_trailers(step: Step, problem: str, *, readable: bool) -> Experiment:
    """Return what can be said of an experiment without its record."""
    trailers = {name: _clean(value) for name, value in step.header.trailers.items()}
    digests = {
        name: trailers[f"Gitml-{name.title()}"]
        for name in COMPONENTS
        if f"Gitml-{name.title()}" in trailers
    }
    status = trailers.get(STATUS, "")
    lookup = trailers.get(LOOKUP, "")
    known = status if status in ("completed", "failed") else UNREADABLE
    return Experiment(
        name=trailers.get(EXPERIMENT, ""),
        recorded="",
        status=known if readable else UNREADABLE,
        created=_utc(step.commit.authored),
        started=float(step.commit.authored),
        committed=step.commit.committed,
        author=_clean(step.commit.author),
        mail=_clean(step.commit.mail),
        fingerprint=trailers.get(FINGERPRINT, ""),
        lookup=lookup,
        reusable=readable and status == "completed" and bool(lookup),
        seconds=0.0,
        base=step.commit.parents[1] if len(step.commit.parents) > 1 else "",
        primary_metric="",
        complete=not readable,
        problem=problem,
        metrics="{}",
        params="{}",
        digests=_json(digests),
        goals="",
        outputs="",
    )


def _written(record: Record) -> set[str]:
    """Return the paths that an experiment wrote, whether they are stored or not."""
    found = set(record.unstored)
    for item in record.artifacts:
        found.update({item.path, item.source} - {""})
        found.update(f"{item.path}/{member}" for member in item.members)
    return found


def is_partial(repository: Repository) -> bool:
    """Whether objects may be missing here on purpose."""
    try:
        text = (repository.common_dir / "config").read_bytes().lower()
    except OSError:
        return False
    return b"partialclone" in text or b"promisor" in text


def _read_all(repository: Repository, names: Sequence[str]) -> Iterator[bytes | None]:
    """Yield the content of each object, None for what can't be read here."""
    done = 0
    while done < len(names):
        try:
            with ObjectReader(repository.git, offline=True) as reader:
                for data in reader.read_many(names[done:]):
                    done += 1
                    yield data
        except RepositoryError:
            # Git ends at a corrupt object; the others are sound.
            done += 1
            yield None


def _seconds(text: str) -> float | None:
    """Return an RFC 3339 time in seconds since the epoch, or None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None


def _utc(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00Z"


def _clean(text: str) -> str:
    """Return `text` without the surrogates that bytes of another encoding became."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
