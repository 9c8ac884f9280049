"""Is everything that experiments keep in DVC storage on the remote? No artifact is fetched.

Of a stored folder the list of its files is fetched where the cache doesn't have it: some kilobytes
that say which objects to look for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from gitml.errors import StorageError
from gitml.experiment.record import Record
from gitml.operations.objects import missing_objects
from gitml.operations.soundness import Problem, name_of
from gitml.storage import listing
from gitml.storage.objects import holds, members
from gitml.storage.paths import is_digest
from gitml.storage.place import Storage


class Needed(msgspec.Struct, frozen=True):
    """An object that an experiment needs.

    Attributes:
        digest: Its name in DVC storage.
        what: Path of the artifact or data.
        size: Bytes, where that is known.
    """

    digest: str
    what: str
    size: int | None = None


def needed_by(record: Record) -> list[Needed]:
    """Return what an experiment keeps in DVC storage."""
    artifacts = [
        Needed(artifact.digest, name_of(artifact.path), _size(artifact.digest, artifact.size))
        for artifact in record.artifacts
        if artifact.storage == "dvc"
    ]
    data = [
        Needed(item.digest, f"the data {name_of(name)}", _size(item.digest, item.size))
        for name, item in record.inputs.data.items()
        if item.kind == "dvc" and item.restorable
    ]
    return [one for one in (*artifacts, *data) if is_digest(one.digest)]


def _size(digest: str, size: int) -> int | None:
    """Return the bytes of an object; the size of a folder is that of its files."""
    return size if size > 0 and not digest.endswith(".dir") else None


def check_objects(
    storage: Storage | None, records: Mapping[str, Record], *, allow_unpushed: bool = False
) -> dict[str, list[Problem]]:
    """Return commit → what is not on the remote.

    Args:
        storage: DVC storage of this clone; None where DVC isn't set up.
        records: Commit → record of the experiments.
        allow_unpushed: Whether it is enough that this machine has the objects.

    Raises:
        StorageError: if the remote can't be asked.
    """
    needed = {commit: needed_by(record) for commit, record in records.items()}
    digests: dict[str, int | None] = {}
    for one in (one for some in needed.values() for one in some):
        # Of two that say otherwise, one is wrong: its pointer tells which.
        agreed = digests.get(one.digest, one.size) == one.size
        digests[one.digest] = one.size if agreed else None
    found: dict[str, list[Problem]] = {commit: _by_hash_only(r) for commit, r in records.items()}
    if not digests:
        return found
    where, why_none = _place(storage)
    absent = _absent(storage, digests) if storage and not why_none else dict.fromkeys(digests, 1)
    here = _here(storage, absent) if allow_unpushed else set()
    for commit, some in needed.items():
        lost = [one for one in dict.fromkeys(some) if one.digest in absent]
        if lost and why_none:
            found[commit].append(_nowhere(lost, why_none, here))
        else:
            found[commit] += [_problem(one, absent[one.digest], where, here) for one in lost]
    return found


def _by_hash_only(record: Record) -> list[Problem]:
    return [
        Problem(
            "object",
            "warning",
            f"The data {name_of(name)} is known by hash only, not kept anywhere.",
        )
        for name, item in record.inputs.data.items()
        if item.kind == "dvc" and not item.restorable
    ]


def _problem(one: Needed, count: int, where: str, here: set[str]) -> Problem:
    if count > 1:
        return _lacking(f"{count} of the files of {one.what} are not on {where}", [one], here)
    what = f"T{one.what[1:]}" if one.what.startswith("the data ") else one.what
    return _lacking(f"{what} is not on {where}", [one], here)


def _nowhere(lost: Sequence[Needed], why: str, here: set[str]) -> Problem:
    some = ", ".join(one.what for one in lost[:3])
    more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    verb = "is" if len(lost) == 1 else "are"
    return _lacking(f"{some}{more} {verb} on no DVC remote: {why}", lost, here)


def _lacking(said: str, lost: Sequence[Needed], here: set[str]) -> Problem:
    if all(one.digest in here for one in lost):
        return Problem("object", "warning", f"{said}; this machine has it.")
    return Problem("object", "error", f"{said}.")


def _place(storage: Storage | None) -> tuple[str, str]:
    """Return words for the remote, and why there is none."""
    from gitml.storage.remotes import default_remote

    if storage is None:
        return "", "DVC isn't set up in this clone"
    info = default_remote(storage)
    if info is None:
        return "", "none is configured (`dvc remote add -d NAME URL`)"
    return f"the DVC remote {name_of(info.name)}", ""


def _absent(storage: Storage, digests: dict[str, int | None]) -> dict[str, int]:
    """Return digest → how many of its objects are not on the remote."""
    from gitml.storage.remotes import open_remote

    remote = open_remote(storage)
    gone = digests.keys() - remote.has(digests)
    if gone:  # what DVC 2 stored lies elsewhere on the remote
        older = {digest: digests[digest] for digest in gone}
        gone -= open_remote(storage, legacy=True).has(older)
    absent = dict.fromkeys(gone, 1)
    folders = {one for one in digests.keys() - gone if one.endswith(".dir")}
    files = _files_of(storage, folders)
    wanted = {member for some in files.values() for member in some}
    lacking = wanted - remote.has(dict.fromkeys(wanted)) if wanted else set()
    if lacking:
        lacking -= open_remote(storage, legacy=True).has(dict.fromkeys(lacking))
    for folder in folders:
        # A list that can't be had or is corrupt names no files that could be found.
        count = len(files[folder] & lacking) if folder in files else 1
        if count:
            absent[folder] = count
    return absent


def _files_of(storage: Storage, folders: set[str]) -> dict[str, set[str]]:
    """Return folder → digests of its files, from the cache or from lists on the remote."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        if holds(storage, folder):
            try:
                found[folder] = {member.digest for member in members(storage, folder)}
            except StorageError:
                continue  # corrupt here: the remote's own list is asked
    rest = folders - found.keys()
    for legacy in (False, True):
        found.update(_fetched(storage, rest - found.keys(), legacy=legacy))
    return found


def _fetched(storage: Storage, folders: set[str], *, legacy: bool) -> dict[str, set[str]]:
    from gitml.storage.remotes import open_remote

    if not folders:
        return {}
    found = {}
    with TemporaryDirectory(prefix="gitml-check-") as place:
        targets = {folder: Path(place) / folder for folder in folders}
        open_remote(storage, legacy=legacy).fetch(targets, lambda: None)
        for folder, path in targets.items():
            try:
                lines = listing.parse(path.read_bytes(), folder)
            except (FileNotFoundError, StorageError):
                continue
            found[folder] = {member.digest for member in lines}
    return found


def _here(storage: Storage | None, digests: Mapping[str, int]) -> set[str]:
    """Return which of the objects this machine has in whole."""
    if storage is None:
        return set()
    return set(digests) - set(missing_objects(storage, digests))
