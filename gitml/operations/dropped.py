"""What `gitml gc` removed, so that it is never taken for lost: a log beside the journal.

It is this clone's own: others learn of it by what their remote doesn't have any more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from gitml.errors import StorageError
from gitml.git.repository import Repository
from gitml.operations.objects import missing_objects
from gitml.operations.project import Project
from gitml.storage.durable import disk_errors, sync_folder, write_all

_FILE = "dropped.jsonl"


class Dropped(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object that was removed on purpose.

    Attributes:
        digest: The object.
        at: When, seconds since the epoch.
        place: `cache`, or `remote` for a DVC remote.
        remote: For `cache`: the remote that had it then, or empty if none did. For `remote`: which
            remote it was removed from.
        size: Its bytes.
        kept_here: For `remote`: whether the cache had it then.
    """

    digest: str
    at: float
    place: Literal["cache", "remote"] = "cache"
    remote: str = ""
    size: int = 0
    kept_here: bool = False

    @property
    def for_good(self) -> bool:
        """Whether no copy was known to be left."""
        return not (self.kept_here if self.place == "remote" else self.remote)


def read_dropped(repository: Repository) -> dict[str, list[Dropped]]:
    """Return digest → its removals, the oldest first; lines that can't be read are left out."""
    found: dict[str, list[Dropped]] = {}
    decoder = msgspec.json.Decoder(Dropped)
    try:
        data = _path(repository).read_bytes()
    except OSError:
        return {}
    for line in data.splitlines():
        try:
            one = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue  # cut off by a crash: nothing of that call was removed yet
        found.setdefault(one.digest, []).append(one)
    return found


def remember_dropped(repository: Repository, removals: Iterable[Dropped]) -> None:
    """Write down what is about to be removed; it is on the disk when this returns.

    Raises:
        StorageError: if it can't be written; nothing may be removed then.
    """
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in removals)
    path = _path(repository)
    with disk_errors(f"write {path}", path.parent, len(lines)):
        path.parent.mkdir(parents=True, exist_ok=True)
        _append(path, lines)
        sync_folder(path.parent)


def gone_for_good(repository: Repository, needed: Mapping[str, float]) -> set[str]:
    """Return which objects were removed when no copy was known to be left.

    Args:
        repository: Whose log is read.
        needed: Object → when the newest experiment that needs it ran. Who ran after the removal
            stored it anew: that it isn't there any more is a loss.
    """
    logged = read_dropped(repository)
    return {
        digest
        for digest, began in needed.items()
        if any(one.for_good and one.at > began for one in logged.get(digest, ()))
    }


def without_dropped(project: Project, needed: dict[str, str], notes: list[str]) -> dict[str, str]:
    """Return what is needed without what was removed for good, and say so in a note.

    Args:
        project: Where.
        needed: Digest → what it is, in words.
        notes: Takes a sentence that users should see.
    """
    gone = gone_for_good(project.repository, dict.fromkeys(needed, 0.0))
    if not gone or project.storage is None:
        return needed
    gone &= set(missing_objects(project.storage, gone))
    if gone:
        some = ", ".join(sorted(needed[digest] for digest in gone)[:5])
        count = "1 artifact was" if len(gone) == 1 else f"{len(gone)} artifacts were"
        notes.append(f"{count} dropped by gitml gc and can't be sent: {some}.")
    return {digest: what for digest, what in needed.items() if digest not in gone}


def why_absent(repository: Repository, digests: Iterable[str]) -> dict[str, str]:
    """Return digest → a sentence, of those objects that were removed on purpose.

    To be shown for what isn't in the cache: an object may have been fetched again since.
    """
    logged = read_dropped(repository)
    return {digest: _sentence(logged[digest][-1]) for digest in digests if digest in logged}


def _sentence(removal: Dropped) -> str:
    day = time.strftime("%Y-%m-%d", time.localtime(removal.at))
    if removal.place == "remote":
        return f"removed by gitml gc on {day} from the DVC remote {removal.remote}"
    if removal.remote:
        return f"removed by gitml gc on {day}; the DVC remote {removal.remote} had it"
    return f"removed by gitml gc on {day}; no copy was left"


def _path(repository: Repository) -> Path:
    return repository.state_dir / _FILE


def _append(path: Path, lines: bytes) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o600)
    except IsADirectoryError:
        raise StorageError(f"{path} is a folder, where a file was expected.") from None
    try:
        # A line that a crash cut off must not swallow the next one.
        if os.fstat(descriptor).st_size:
            lines = b"\n" + lines
        write_all(descriptor, lines)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
