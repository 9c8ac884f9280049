"""The bytes of recorded artifacts as files on this machine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from gitml.errors import StorageError
from gitml.experiment.record import Record
from gitml.git.objects import read_object
from gitml.git.repository import Repository
from gitml.history.rows import Row
from gitml.operations.examples import storage_of
from gitml.outputs.artifact import Artifact
from gitml.storage.cache import object_path
from gitml.storage.objects import holds, members
from gitml.storage.place import Storage


class Run(msgspec.Struct, frozen=True):
    """A recorded run.

    Attributes:
        row: Its line in the index.
        record: Its record.
    """

    row: Row
    record: Record


class Arm(msgspec.Struct, frozen=True):
    """One of the compared experiments with its replicates.

    Attributes:
        title: What it is called in the comparison.
        run: The experiment itself.
        replicates: Other runs of the same inputs with other seeds, oldest first.
    """

    title: str
    run: Run
    replicates: tuple[Run, ...] = ()

    @property
    def runs(self) -> tuple[Run, ...]:
        """The experiment and its replicates."""
        return (self.run, *self.replicates)


class Member(msgspec.Struct, frozen=True):
    """A file of an artifact that is a folder; of one that is a file, the file itself.

    Attributes:
        path: Inside the folder; empty for an artifact that is a file.
        digest: DVC's content hash, or Git's object id.
        size: Bytes; None where it isn't recorded.
    """

    path: str
    digest: str
    size: int | None = None


class ArtifactFiles:
    """Gives the artifacts of experiments as files; to be used in a `with` block.

    Nothing is downloaded. What isn't on this machine is remembered in `missing`.

    Args:
        repository: Where the experiments are recorded.
        folder: The project's folder in it, which DVC storage belongs to.
    """

    def __init__(self, repository: Repository, folder: str = "") -> None:
        self.repository = repository
        self.folder = folder
        self.missing: dict[str, None] = {}
        self._storage: list[Storage | None] = []
        self._made: Path | None = None

    def __enter__(self) -> ArtifactFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)

    @property
    def storage(self) -> Storage | None:
        """The DVC storage of the project; None where there is none."""
        if not self._storage:
            self._storage.append(storage_of(self.repository, self.folder))
        return self._storage[0]

    def members(self, run: Run, artifact: Artifact) -> tuple[Member, ...]:
        """Return the files of an artifact; empty when its list isn't on this machine."""
        if artifact.storage == "git" or not artifact.digest.endswith(".dir"):
            return (Member("", artifact.digest, artifact.size),)
        storage = self.storage
        if storage is not None:
            for legacy in (False, True):
                try:
                    if holds(storage, artifact.digest, legacy=legacy):
                        found = members(storage, artifact.digest, legacy=legacy)
                        return tuple(Member(one.path, one.digest) for one in found)
                except StorageError:
                    continue
        self._lack(run, artifact)
        return ()

    def file(self, run: Run, artifact: Artifact, member: Member | None = None) -> Path | None:
        """Return a file with the bytes, to be read only; None when it isn't on this machine.

        Args:
            run: Whose.
            artifact: Which.
            member: Which file of an artifact that is a folder.
        """
        digest = artifact.digest if member is None else member.digest
        if artifact.storage == "git":
            return self._from_git(run, artifact)
        storage = self.storage
        if storage is not None:
            for legacy in (False, True):
                if holds(storage, digest, legacy=legacy):
                    return object_path(storage, digest, legacy=legacy)
        self._lack(run, artifact)
        return None

    def committed(self, run: Run, path: str) -> bytes | None:
        """Return the bytes of a file of the experiment's tree; None when there is none.

        Raises:
            RepositoryError: if Git can't read it.
        """
        return read_object(self.repository.git, f"{run.row.commit}:{path}")

    def _from_git(self, run: Run, artifact: Artifact) -> Path | None:
        data = read_object(self.repository.git, artifact.digest)
        if data is None:
            self._lack(run, artifact)
            return None
        if self._made is None:
            self._made = Path(tempfile.mkdtemp(prefix="gitml-read-"))
        # The suffix stays: it says how to read the file.
        path = self._made / f"{artifact.digest}{Path(artifact.path).suffix}"
        path.write_bytes(data)
        return path

    def _lack(self, run: Run, artifact: Artifact) -> None:
        self.missing[f"{run.row.experiment}: {artifact.path}"] = None


def of_role(run: Run, *roles: str) -> tuple[Artifact, ...]:
    """Return the artifacts of a run that have one of the roles, by path."""
    return tuple(item for item in run.record.artifacts if item.role in roles)


def pairs(arms: Sequence[Arm], roles: Iterable[str]) -> Iterator[tuple[Artifact | None, ...]]:
    """Yield the artifacts of the roles that are the same output, one of each experiment."""
    from gitml.comparison.outputs import line_up_artifacts

    wanted = set(roles)
    lined = line_up_artifacts([arm.run.record for arm in arms])
    for _, items in sorted(lined.items()):
        if any(item is not None and item.role in wanted for item in items):
            yield items
