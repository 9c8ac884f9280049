"""The record: the complete, machine-readable description of one experiment.

It is the file `.gitml/experiment.json` in the experiment's tree. Fields may be added; none is
renamed or removed within a schema version. A record of a newer schema is read for its known
fields and never rewritten.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from gitml.errors import RecordError
from gitml.inputs.manifest import Manifest
from gitml.outputs.artifact import Artifact
from gitml.values import Scalar, to_json

SCHEMA = 1
FOLDER = ".gitml"
PATH = f"{FOLDER}/experiment.json"
LOCK_PATH = f"{FOLDER}/pylock.toml"
HISTORY_PATH = f"{FOLDER}/history.jsonl"
LOG_PATH = f"{FOLDER}/log.txt"
PARTITION_PATH = f"{FOLDER}/partition.csv"
TENSORS_FOLDER = f"{FOLDER}/tensors"

Status = Literal["completed", "failed"]


class Segment(msgspec.Struct, frozen=True, omit_defaults=True):
    """One stretch of execution; a resumed run has several.

    Attributes:
        started: RFC 3339 time, UTC.
        ended: RFC 3339 time, UTC; empty when it was cut off.
        host: Name of the machine.
        exit_status: Of the command; negative for a signal, None when it was cut off.
    """

    started: str
    ended: str = ""
    host: str = ""
    exit_status: int | None = None


class Lock(msgspec.Struct, frozen=True, omit_defaults=True):
    """The lock file of the libraries.

    Attributes:
        state: `complete` (every distribution has a source with a hash), `partial`, or `none`.
        digest: Over the sorted (name, version, source, installed files) of all distributions,
            not over the bytes of the file.
        packages: Normalised name → version of every distribution in the interpreter.
        unlocked: Names that could not be pinned to a source.
        sources: Normalised name → where it came from, for what didn't come from an index:
            `editable`, `local`, `url <address>`, or `git <commit>` (and other such systems).
    """

    state: Literal["complete", "partial", "none"] = "none"
    digest: str = ""
    packages: dict[str, str] = {}
    unlocked: tuple[str, ...] = ()
    sources: dict[str, str] = {}


class Nearest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The recorded experiment that was nearest when this one ran."""

    experiment: str
    commit: str
    level: str


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One experiment.

    Attributes:
        name: Such as `brave-otter`; unique in its study as far as this clone knows.
        study: The study that it was recorded in.
        status: `completed` or `failed`.
        created: RFC 3339 time (UTC) at which the run started.
        seconds: Wall-clock duration of all segments together.
        exit_status: Of the command.
        base: Commit that the user stood on, or empty in a repository without commits.
        branch: Branch that the user stood on, or empty on a detached HEAD.
        snapshot: Tree of the work tree as it was when the run started.
        project: Folder of the project in the repository (`""` is the root).
        argv: The command as it was given, credentials masked.
        params: All settings, flat: parameter files, `args.*`, `env.*`, inert ones included.
        metrics: Flat names → last values; non-finite ones as strings.
        goals: Metric name → `max` or `min`, as configured when it ran.
        primary: Name of the primary metric, or empty.
        inputs: The manifest.
        digests: One digest per input component.
        fingerprint: One digest over the manifest.
        lookup: Digest over what is known before a run; finds candidates for "seen before?".
        artifacts: What came out.
        libraries: The lock file's summary.
        environment: Harmless facts about Python, platform, CPU, GPU, BLAS and threads.
        segments: Stretches of execution.
        init_from: Experiments (name and commit) whose outputs this run started from.
        changed: Inputs that changed on disk while it ran. Such an experiment is never reused.
        unstored: Weights and checkpoints that the run wrote and that `outputs.keep` left on disk.
        network: Whether the run was seen to use the network.
        warnings: Sentences that users should see.
        nearest: The nearest recorded experiment when it ran.
        run: Id of the run in the journal of the machine that recorded it.
        schema: Version of this description.
        gitml: Version of gitml that wrote it.
    """

    name: str
    study: str
    status: Status
    created: str
    seconds: float
    exit_status: int
    argv: tuple[str, ...]
    params: dict[str, Scalar]
    metrics: dict[str, Scalar]
    inputs: Manifest
    digests: dict[str, str]
    fingerprint: str
    lookup: str
    base: str = ""
    branch: str = ""
    snapshot: str = ""
    project: str = ""
    goals: dict[str, str] = {}
    primary: str = ""
    artifacts: tuple[Artifact, ...] = ()
    libraries: Lock = Lock()
    environment: dict[str, Any] = {}
    segments: tuple[Segment, ...] = ()
    init_from: tuple[Nearest, ...] = ()
    changed: tuple[str, ...] = ()
    unstored: tuple[str, ...] = ()
    network: bool = False
    warnings: tuple[str, ...] = ()
    nearest: Nearest | None = None
    run: str = ""
    schema: int = SCHEMA
    gitml: str = ""

    @property
    def reusable(self) -> bool:
        """Whether this experiment counts as "recorded before"."""
        return self.status == "completed" and not self.changed


_decoder = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """Return the bytes of `.gitml/experiment.json`: indented, sorted, ending in a newline.

    Floats that aren't finite are spelled as strings, and bytes of names that aren't UTF-8 are
    escaped, since JSON has neither.
    """
    strict = _strict(msgspec.to_builtins(record))
    plain = msgspec.json.encode(strict, order="deterministic")
    return msgspec.json.format(plain, indent=1) + b"\n"


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {_strict(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return to_json(value) if isinstance(value, float) else value


def decode(data: bytes, where: str = PATH) -> Record:
    """Return the record that `data` holds.

    Raises:
        RecordError: if the bytes are no record; the message names the place and the field.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordError(
            f"{where} is not a record that this gitml can read: {error}",
            hint="It may come from a newer gitml, or have been edited; `git show` has its text.",
        ) from error
