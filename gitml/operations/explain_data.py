"""Data that differ, down to the members of a folder and the lines of a small text."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from gitml.comparison.explanation import Detail
from gitml.errors import GitmlError
from gitml.git.trees import Change
from gitml.inputs.manifest import DataInput
from gitml.inputs.pieces import Change as Word
from gitml.inputs.pieces import Piece, changed_lines
from gitml.storage.hashes import Hashes
from gitml.storage.objects import hash_file, holds, members, object_path
from gitml.storage.place import Storage
from gitml.storage.walking import files_in

MAX_PIECES = 100
_MAX_MEMBERS = 20_000
_MAX_BYTES = 4_000_000
_FOLDER = ".dir"
_UNKNOWN = "The list of its earlier files isn't in the DVC cache."
_MANY = "It has too many files for them to be compared."


class Contents(msgspec.Struct, frozen=True):
    """Where the contents of data are found.

    Attributes:
        root: The repository's root: what is compared is on disk; None if it is recorded, too.
        storage: DVC storage, if it is set up.
        hashes: What is known of the files on disk.
        changes: What differs in Git's trees.
    """

    root: Path | None
    storage: Storage | None
    hashes: Hashes
    changes: Mapping[str, Change]


def with_members(
    detail: Detail, was: DataInput | None, now: DataInput | None, contents: Contents
) -> Detail:
    """Return a detail about data with what differs in it, as far as that is known.

    Args:
        detail: Of a data input.
        was: The recorded input.
        now: What it is compared with, as far as it is known before a run.
        contents: Where their contents are found.
    """
    if detail.change != "changed" or was is None or not detail.counts or detail.note:
        return detail
    if was.kind == "git":
        return _with(detail, _in_git(detail.name, contents.changes))
    digest = str(detail.planned or "")
    if was.digest.endswith(_FOLDER) and digest.endswith(_FOLDER):
        return _with_files(detail, was, now, contents)
    if was.digest.endswith(_FOLDER) or digest.endswith(_FOLDER) or not contents.storage:
        return detail
    one = _stored_text(contents.storage, was.digest)
    other = _text_on_disk(detail.name, contents) if contents.root else None
    if other is None:
        other = _stored_text(contents.storage, digest)
    if one is None or other is None:
        return detail
    return msgspec.structs.replace(detail, lines=changed_lines(one, other))


def _with(detail: Detail, pieces: Collection[Piece]) -> Detail:
    shown = tuple(pieces)[:MAX_PIECES]
    return msgspec.structs.replace(detail, pieces=shown, more=len(pieces) - len(shown))


def _with_files(
    detail: Detail, was: DataInput, now: DataInput | None, contents: Contents
) -> Detail:
    if max(was.files, now.files if now else 0) > _MAX_MEMBERS:
        return msgspec.structs.replace(detail, note=_MANY)
    one = _stored_files(contents.storage, was.digest)
    if one is None:
        return msgspec.structs.replace(detail, note=_UNKNOWN)
    other = _stored_files(contents.storage, str(detail.planned))
    if other is None:
        other = _files_on_disk(detail.name, contents)
    if other is None:
        return msgspec.structs.replace(detail, note=_UNKNOWN.replace("earlier", "present"))
    pieces = [
        Piece(path, _word(one.get(path), other.get(path)), "file")
        for path in sorted({*one, *other})
        if one.get(path) != other.get(path)
    ]
    return _with(detail, pieces)


def _word(one: str | None, other: str | None) -> Word:
    if one is None:
        return "added"
    return "removed" if other is None else "changed"


def _in_git(name: str, changes: Mapping[str, Change]) -> list[Piece]:
    """Return the files of data that Git tracks that differ; none where it is one file."""
    return [
        Piece(path.removeprefix(f"{name}/"), _word(change.old or None, change.new or None), "file")
        for path, change in sorted(changes.items())
        if path.startswith(f"{name}/")
    ]


def _stored_files(storage: Storage | None, digest: str) -> dict[str, str] | None:
    """Return path → digest of a folder's files, or None where its list isn't in the cache."""
    for legacy in (False, True):
        try:
            if storage and holds(storage, digest, legacy=legacy):
                found = members(storage, digest, legacy=legacy)
                return {member.path: member.digest for member in found}
        except GitmlError:
            continue
    return None


def _files_on_disk(name: str, contents: Contents) -> dict[str, str] | None:
    folder = _place(name, contents)
    if folder is None or not folder.is_dir():
        return None
    try:
        return {
            entry.relpath: hash_file(Path(entry.path), contents.hashes).digest
            for entry in files_in(folder)
        }
    except (GitmlError, OSError):
        return None


def _place(name: str, contents: Contents) -> Path | None:
    if contents.root is None:
        return None
    return Path(name) if os.path.isabs(name) else contents.root / name


def _stored_text(storage: Storage, digest: str) -> bytes | None:
    try:
        return _small(object_path(storage, digest)) if holds(storage, digest) else None
    except GitmlError:
        return None


def _text_on_disk(name: str, contents: Contents) -> bytes | None:
    place = _place(name, contents)
    return _small(place) if place is not None else None


def _small(path: Path) -> bytes | None:
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return None
        return path.read_bytes()
    except OSError:
        return None
