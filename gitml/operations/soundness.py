"""Is a recorded experiment complete and sound: does its record match its tree and its message?

Nothing that a record says is trusted: it is compared with what Git has, and what can't be looked
at is a problem. No code of the repository runs, and no artifact is fetched.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal

import msgspec

from gitml.config import Config
from gitml.errors import RecordError
from gitml.experiment.message import Header
from gitml.experiment.record import PATH, SCHEMA, Record, decode
from gitml.git.command import Git
from gitml.git.log import Commit
from gitml.git.objects import ObjectReader
from gitml.git.trees import Entry, list_tree
from gitml.inputs.manifest import SCHEMA as MANIFEST_SCHEMA
from gitml.storage.paths import shown

Code = Literal[
    "record",
    "tree",
    "object",
    "duplicate",
    "pickle",
    "lock",
    "partition",
    "changed",
    "failed",
    "branch",
    "lost",
]
Severity = Literal["error", "warning"]

_LARGEST_RECORD = 32_000_000
_MOST = 50
_REMEMBERED = 64_000
_NAMED = 80


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        code: `record` (it can't be read, or contradicts itself or the message), `tree` (the record
            and the tree differ), `object` (something isn't on the remote), `duplicate`, `pickle`,
            `lock`, `partition`, `changed` (inputs changed while it ran), `failed`, `branch` (one
            that can't be read), `lost` (experiments that no branch reaches any more).
        severity: An `error` makes the experiment unsound, a `warning` doesn't.
        message: What is wrong; one sentence. It may hold any text of the repository.
    """

    code: Code
    severity: Severity
    message: str


class Policy(msgspec.Struct, frozen=True):
    """What is asked of experiments besides that their records are true.

    Attributes:
        level: The loosest sameness with an older experiment that makes one a duplicate.
        duplicates: How bad a duplicate is.
        require_lock: Every library has to be pinned to a source with a hash.
        forbid_pickles: Pickles are refused whatever the experiment's own `gitml.yaml` says.
        allow_unpushed: It is enough that this machine has what isn't on the remote.
    """

    level: str = "equivalent"
    duplicates: Severity = "error"
    require_lock: bool = False
    forbid_pickles: bool = False
    allow_unpushed: bool = False


class Evidence(msgspec.Struct, frozen=True):
    """An experiment as Git has it.

    Attributes:
        commit: Its commit.
        entries: Path → file of its tree.
        record: What it says of itself.
        config: The `gitml.yaml` of its tree.
        before: What its first parent is; None when that isn't known (a shallow clone).
    """

    commit: Commit
    entries: dict[str, Entry]
    record: Record
    config: Config
    before: Header | None = None


class Contents:
    """Reads blobs by their ids, and remembers the small ones; a context manager."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._reader: ObjectReader | None = None
        self._known: dict[str, bytes] = {}

    def __enter__(self) -> Contents:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._reader is not None:
            self._reader.__exit__(kind, error, trace)

    def read(self, oid: str) -> bytes | None:
        """Return the content of an object, or None if it is missing."""
        return self.read_all([oid])[0]

    def read_all(self, oids: Sequence[str]) -> list[bytes | None]:
        """Return the contents of objects in order, None for what is missing."""
        wanted = [oid for oid in dict.fromkeys(oids) if oid not in self._known]
        if self._reader is None:
            self._reader = ObjectReader(self._git)
        found = dict(zip(wanted, self._reader.read_many(wanted), strict=True))
        for oid, data in found.items():
            if data is not None and len(data) <= _REMEMBERED:
                self._known[oid] = data
        return [self._known.get(oid, found.get(oid)) for oid in oids]


def read_tree(git: Git, commit: Commit) -> dict[str, Entry]:
    """Return path → file of a commit's tree; bytes that aren't UTF-8 as records spell them."""
    return {_spelled(entry.path): entry for entry in list_tree(git, commit.tree)}


def _spelled(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def content_of(path: str, entries: Mapping[str, Entry], contents: Contents) -> bytes:
    """Return the bytes of a regular file of a tree, empty when the tree doesn't hold it."""
    entry = entries.get(posixpath.normpath(path))
    if entry is None or entry.mode not in ("100644", "100755"):
        return b""
    return contents.read(entry.oid) or b""


def read_record(entries: dict[str, Entry], contents: Contents) -> Record | Problem:
    """Return the record in a tree, or why there is none that can be judged."""
    entry = entries.get(PATH)
    if entry is None or entry.mode not in ("100644", "100755"):
        return Problem("record", "error", f"The commit has no {PATH}.")
    data = contents.read(entry.oid)
    if data is None:
        return Problem("record", "error", f"The content of {PATH} is missing.")
    if len(data) > _LARGEST_RECORD:
        return Problem("record", "error", f"{PATH} has {len(data):,} bytes.")
    try:
        record = decode(data)
    except RecordError as error:
        return Problem("record", "error", error.message)
    if record.schema > SCHEMA or record.inputs.schema != MANIFEST_SCHEMA:
        return Problem(
            "record", "error", "The record is of another version, which this gitml can't judge."
        )
    return record


def bounded(found: Iterable[Problem]) -> list[Problem]:
    """Return problems without repetition, and not more than anybody would read."""
    listed = list(dict.fromkeys(found))
    if len(listed) <= _MOST:
        return listed
    listed.sort(key=lambda problem: problem.severity)
    kept, rest = listed[:_MOST], listed[_MOST:]
    severity: Severity = "error" if any(one.severity == "error" for one in rest) else "warning"
    return [*kept, Problem("record", severity, f"There are {len(rest)} more problems.")]


def guarded(found: Iterator[Problem]) -> list[Problem]:
    """Return the problems that a check finds.

    A record may hold values that no run would have written. What makes a check stumble isn't
    sound, and no reason to end with a traceback.
    """
    kept: list[Problem] = []
    try:
        for problem in found:
            kept.append(problem)
            if len(kept) > _MOST:
                break
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        said = f"The record can't be checked: {type(error).__name__}: {error}"
        kept.append(Problem("record", "error", said[:300]))
    return kept


def name_of(text: str) -> str:
    """Return a name from a record, short enough for a sentence and in quotes where it is odd."""
    if text.isprintable() and 0 < len(text) <= _NAMED and " " not in text:
        return text
    return shown(text[:_NAMED])
