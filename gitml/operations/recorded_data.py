"""Files of the data that an experiment was recorded with, from what is on this machine."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path
from types import TracebackType

from gitml.errors import GitmlError
from gitml.git.objects import ObjectReader
from gitml.inputs.folding import as_now, names_in
from gitml.inputs.manifest import DataInput
from gitml.operations.artifact_files import ArtifactFiles, Run
from gitml.storage.hashes import Hashes
from gitml.storage.objects import Member, hash_file, hash_folder, holds, members, object_path

# A work tree's folder is hashed to tell whether it is what was recorded; not an endless one.
MOST_HASHED = 2_000_000_000


class RecordedData:
    """Gives files of an experiment's data; to be used in a `with` block.

    A file comes from DVC's cache or from the experiment's commit. The one in the work tree is
    taken only where its content is what was recorded, and never through a symbolic link.

    Args:
        files: Where experiments and storage are.
        run: The experiment.
    """

    def __init__(self, files: ArtifactFiles, run: Run) -> None:
        self._files = files
        self._run = run
        self._root = files.repository.root
        self._listed: dict[str, dict[str, str] | None] = {}
        self._sound: dict[str, bool] = {}
        self._made: Path | None = None
        self._reader: ObjectReader | None = None
        self._hashes = Hashes(files.repository.state_dir / "hashes.db")

    def __enter__(self) -> RecordedData:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hashes.close()
        if self._reader is not None:
            self._reader.close()
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)

    def find(self, path: str) -> Path | None:
        """Return a file with the content that was recorded, to be read only.

        Args:
            path: From the repository's root.

        Returns:
            None when it wasn't recorded, or isn't on this machine.
        """
        if not is_inside(path):
            return None
        found = self._covering(path)
        if found is None:
            return self._committed(path)
        name, item = found
        try:
            if item.kind == "dvc":
                return self._stored(path, name, item)
            if item.kind == "unversioned":
                return self._present(path, name, item)
        except GitmlError:
            return None
        return self._committed(path)

    def _covering(self, path: str) -> tuple[str, DataInput] | None:
        """Return the input that a file belongs to: the one with the longest name."""
        data = self._run.record.inputs.data
        fitting = [name for name in data if name == path or path.startswith(f"{name.rstrip('/')}/")]
        if not fitting:
            return None
        name = max(fitting, key=len)
        return name, data[name]

    def _stored(self, path: str, name: str, item: DataInput) -> Path | None:
        digest = item.digest
        if digest.endswith(".dir"):
            listed = self._members(digest)
            if listed is None:  # not even the list is here
                return self._present(path, name, item)
            digest = listed.get(path[len(name) + 1 :], "")
        elif path != name:
            return None
        storage = self._files.storage
        if not digest:
            return None
        for legacy in (False, True):
            if storage is not None and holds(storage, digest, legacy=legacy):
                return object_path(storage, digest, legacy=legacy)
        target = self._plain_file(path)
        if target is None or hash_file(target, self._hashes).digest != digest:
            return None
        return target

    def _members(self, digest: str) -> dict[str, str] | None:
        """Return the files of a stored folder; None when its list isn't here."""
        if digest not in self._listed:
            self._listed[digest] = None
            storage = self._files.storage
            for legacy in (False, True):
                if storage is not None and holds(storage, digest, legacy=legacy):
                    listed: list[Member] = members(storage, digest, legacy=legacy)
                    self._listed[digest] = {one.path: one.digest for one in listed}
                    break
        return self._listed[digest]

    def _present(self, path: str, name: str, item: DataInput) -> Path | None:
        """Return a file of the work tree, if all of its input is as it was recorded."""
        target = self._plain_file(path)
        if target is None or not 0 < item.size <= MOST_HASHED:
            return None
        if name not in self._sound:
            self._sound[name] = self._is_sound(name, item)
        return target if self._sound[name] else None

    def _is_sound(self, name: str, item: DataInput) -> bool:
        place = self._root / name
        if item.names:
            present = [one.name for one in os.scandir(place) if one.is_file()]
            wanted = names_in(item, present)
            digests = {
                one: hash_file(place / one, self._hashes).digest
                for one in wanted
                if self._plain_file(name + one) is not None
            }
            return as_now(item, digests, present).digest == item.digest
        hashed = hash_folder if place.is_dir() else hash_file
        return hashed(place, self._hashes).digest == item.digest

    def _plain_file(self, path: str) -> Path | None:
        """Return a regular file of the work tree that no symbolic link leads to."""
        place = self._root
        parts = path.split("/")
        for number, part in enumerate(parts, 1):
            place = place / part
            try:
                mode = os.lstat(place).st_mode
            except (OSError, ValueError):
                return None
            if not (stat.S_ISREG(mode) if number == len(parts) else stat.S_ISDIR(mode)):
                return None
        return place

    def _committed(self, path: str) -> Path | None:
        try:
            if self._reader is None:
                self._reader = ObjectReader(self._files.repository.git, offline=True)
            data = self._reader.read(f"{self._run.row.commit}:{path}")
        except GitmlError:
            return None
        if data is None:
            return None
        if self._made is None:
            self._made = Path(tempfile.mkdtemp(prefix="gitml-data-"))
        place = self._made / str(len(os.listdir(self._made)))
        place.write_bytes(data)
        return place


def is_inside(path: str) -> bool:
    """Whether a path stays where it starts: relative, without `..`, and without odd characters."""
    return (
        path.isprintable()
        and "\\" not in path
        and all(part not in ("", ".", "..") for part in path.split("/"))
    )
