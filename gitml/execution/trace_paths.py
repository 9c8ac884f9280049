"""Making the paths of a trace real, with each folder looked up once."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

# DVC may link a file of the work tree to an object of its cache; the object's name says nothing.
_CACHED = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")


class Locations:
    """Real paths of folders, remembered."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def real(self, folder: str) -> str:
        """Return the real path of a folder."""
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = os.path.realpath(folder)
        return known

    def of_entry(self, path: str) -> str:
        """Return `path` with its folder made real and its name as it is."""
        folder, _, name = path.rstrip("/").rpartition("/")
        if name in ("", ".", ".."):
            return self.real(path)
        folder = self.real(folder or "/")
        return f"{folder}/{name}" if folder != "/" else f"/{name}"

    def of_file(self, path: str) -> tuple[str, ...]:
        """Return the entry of a file, and what it is if that is a symbolic link."""
        entry = self.of_entry(path)
        try:
            linked = stat.S_ISLNK(os.lstat(entry).st_mode)
        except OSError:
            return (entry,)
        target = os.path.realpath(entry) if linked else entry
        if target == entry or _CACHED.search(target):
            return (entry,)
        return (entry, target)

    def parents(self, path: str) -> Iterator[str]:
        """Yield the folders that hold `path`, from the inside out."""
        while (path := path.rpartition("/")[0]) != "":
            yield path

    def files_in(self, folder: str) -> Iterator[tuple[str, int]]:
        """Yield the files directly in `folder`, and when they were modified (nanoseconds)."""
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_file():
                        yield entry.path, entry.stat().st_mtime_ns
        except OSError:
            return
