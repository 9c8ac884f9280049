"""Does a record agree with itself, with its commit's message, and with its place in history?"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from gitml import __version__
from gitml.experiment.message import compose, parse
from gitml.experiment.names import is_name
from gitml.experiment.record import Record
from gitml.inputs.manifest import COMPONENTS
from gitml.inputs.sameness import lookup_digest
from gitml.inputs.settings import same
from gitml.operations.soundness import Evidence, Policy, Problem, Severity, name_of
from gitml.storage.paths import is_digest, why_unsafe

_LINE = ("experiment", "event", "root")


def check_record(evidence: Evidence) -> Iterator[Problem]:
    """Yield where the record contradicts itself or the commit's message."""
    record = evidence.record
    if not is_name(record.name):
        yield _wrong(f"Its name, {name_of(record.name)}, can't name an experiment.")
    if (record.status == "failed") != (record.exit_status != 0):
        yield _wrong(f"It {record.status} with exit status {record.exit_status}.")
    yield from _digests(record)
    yield from _settings(record)
    yield from _trailers(evidence)
    yield from _artifacts(record)


def check_place(evidence: Evidence, *, shallow: bool) -> Iterator[Problem]:
    """Yield what is wrong with the commit's parents: the study's line, then the base."""
    parents, record = evidence.commit.parents, evidence.record
    if shallow and not parents:
        return
    if not 1 <= len(parents) <= 2:
        yield _odd(f"The commit has {len(parents)} parents, not the study's line and the base.")
        return
    if evidence.before is not None and evidence.before.kind not in _LINE:
        yield _odd("The first parent of the commit is not on a study's line.")
    base = parents[1] if len(parents) == 2 else ""
    if base != record.base:
        said = name_of(record.base[:12]) if record.base else "none"
        yield _odd(f"Its base is {base[:12] or 'none'}, and the record says {said}.")


def check_policy(evidence: Evidence, policy: Policy) -> Iterator[Problem]:
    """Yield what a project may forbid, and what makes a result worthless."""
    record = evidence.record
    if record.status == "failed":
        yield Problem("failed", "warning", f"The run ended with status {record.exit_status}.")
    if record.changed:
        some = ", ".join(name_of(path) for path in record.changed[:3])
        more = f" and {len(record.changed) - 3} more" if len(record.changed) > 3 else ""
        yield Problem("changed", "error", f"Inputs changed while it ran: {some}{more}.")
    if policy.require_lock and record.libraries.state != "complete":
        some = ", ".join(name_of(name) for name in record.libraries.unlocked[:5])
        what = f"partial: {some} have no source with a hash" if some else record.libraries.state
        yield Problem("lock", "error", f"The lock of the libraries is {what}.")


def _wrong(message: str) -> Problem:
    return Problem("record", "error", message)


def _odd(message: str) -> Problem:
    return Problem("tree", "error", message)


def _digests(record: Record) -> Iterator[Problem]:
    digests = record.inputs.digests()
    for name in COMPONENTS:
        if record.digests.get(name) != digests[name]:
            yield _wrong(f"The digest of its {name} is not that of the {name} in the record.")
    if record.fingerprint != record.inputs.fingerprint():
        yield _wrong("Its fingerprint is not that of the inputs in the record.")
    inputs = record.inputs
    lookup = lookup_digest(
        inputs.command, inputs.settings, inputs.data, inputs.partition, inputs.seeds
    )
    if record.lookup != lookup:
        # Another gitml may look things up by something else.
        severity: Severity = "error" if record.gitml == __version__ else "warning"
        yield Problem(
            "record", severity, "Its look-up digest is not that of the inputs in the record."
        )


def _settings(record: Record) -> Iterator[Problem]:
    params, settings = record.params, record.inputs.settings
    for name, value in settings.items():
        if name not in params or not same(params[name], value):
            yield _wrong(f"The setting {name_of(name)} is not the parameter of that name.")
    for name in record.inputs.seeds:
        if name not in settings:
            yield _wrong(f"The seed {name_of(name)} is no setting of it.")


def _trailers(evidence: Evidence) -> Iterator[Problem]:
    if not set(COMPONENTS) <= evidence.record.digests.keys():
        return  # said above
    expected = parse(compose(evidence.record)).trailers
    found = parse(evidence.commit.message).trailers
    for name, value in expected.items():
        if found.get(name) != value:
            yield _wrong(f"The trailer {name} of the commit's message is not what the record says.")


def _artifacts(record: Record) -> Iterator[Problem]:
    for artifact in record.artifacts:
        # Git takes names with a backslash, and bytes that aren't UTF-8 are spelled with one.
        path = artifact.path.replace("\\", "_") if artifact.storage == "git" else artifact.path
        reason = why_unsafe(path) or _why_odd(path)
        if reason:
            yield _wrong(f"It lists the artifact {name_of(artifact.path)}: {reason}.")
        if artifact.storage == "dvc" and not is_digest(artifact.digest):
            yield _wrong(f"The digest of {name_of(artifact.path)} is none of DVC's.")
    for name, item in record.inputs.data.items():
        if item.kind == "dvc" and not is_digest(item.digest):
            yield _wrong(f"The digest of the data {name_of(name)} is none of DVC's.")


def _why_odd(path: str) -> str:
    return "" if posixpath.normpath(path) == path else "it is not the shortest way to say it"
