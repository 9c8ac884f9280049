"""Removing objects from a cache in an order that a crash can't turn into a broken folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from gitml import faults
from gitml.errors import StorageError
from gitml.storage.durable import disk_errors, sync_folder
from gitml.storage.inventory import Held, look
from gitml.storage.objects import members
from gitml.storage.place import Storage


class Removed(msgspec.Struct, frozen=True):
    """What was removed.

    Attributes:
        digests: The objects that are gone.
        size: Their bytes.
        spared: Objects that were linked or changed since they were looked at; they stay.
    """

    digests: tuple[str, ...] = ()
    size: int = 0
    spared: tuple[str, ...] = ()


def remove(
    storage: Storage,
    objects: Iterable[Held],
    *,
    newest: float,
    done: Callable[[], None] = lambda: None,
) -> Removed:
    """Remove objects: the lists of folders first, and what they list only when those are gone.

    So there is never a list that promises files which are not there any more: what a list names
    that has to stay, stays too.

    Args:
        storage: From where.
        objects: Which, as they were when it was decided that nobody needs them.
        newest: Objects that were touched later than this (seconds since the epoch) stay.
        done: Called after each.

    Raises:
        StorageError: An object can't be removed.
    """
    ordered = sorted(objects, key=lambda one: (not one.digest.endswith(".dir"), one.digest))
    lists = [one for one in ordered if one.digest.endswith(".dir")]
    removed: list[Held] = []
    spared: list[str] = []
    for some in (lists, ordered[len(lists) :]):
        folders: set[Path] = set()
        needed = promised(storage, spared)
        for one in some:
            if one.digest not in needed and _remove(storage, one, newest):
                removed.append(one)
                folders.add(Path(one.path).parent)
            else:
                spared.append(one.digest)
            done()
        with disk_errors("remove objects", storage.cache):
            for folder in folders:
                sync_folder(folder)
    return Removed(
        digests=tuple(one.digest for one in removed),
        size=sum(one.size for one in removed),
        spared=tuple(spared),
    )


def promised(storage: Storage, lists: Iterable[str]) -> set[str]:
    """Return the files that the lists among some objects of a cache name, as far as it has them."""
    found: set[str] = set()
    for digest in lists:
        if digest.endswith(".dir"):
            with suppress(StorageError):
                found.update(member.digest for member in members(storage, digest))
    return found


def _remove(storage: Storage, one: Held, newest: float) -> bool:
    """Remove one object; False if it stays since somebody uses it, or it isn't there any more."""
    now = look(storage, one.digest)
    if now is None or now.touched > newest or now.links > max(one.links, 1):
        return False
    faults.reach("storage.removing")
    with disk_errors(f"remove the object {one.digest}", storage.cache):
        try:
            os.unlink(now.path)
        except FileNotFoundError:
            return False
    return True
