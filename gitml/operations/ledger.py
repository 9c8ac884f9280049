"""What became of the files of a run: an entry for each that is stored, and what is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from gitml.background import begin
from gitml.errors import StorageError
from gitml.experiment.record import TENSORS_FOLDER
from gitml.outputs.artifact import Artifact, Role
from gitml.storage.objects import Stored
from gitml.storage.place import Storage

_NAMED = 2


class StoredOutputs(msgspec.Struct, frozen=True):
    """What became of the files of a run.

    Attributes:
        artifacts: One for each output.
        files: Path in the experiment's tree → (mode, object id) of what goes into Git.
        texts: Path in the experiment's tree → bytes that are still to be written to Git.
        unstored: Paths that the run wrote and that `outputs.keep` left on disk.
        warnings: Sentences that users should see.
        notes: What else to say: that `outputs.keep` was followed.
    """

    artifacts: tuple[Artifact, ...] = ()
    files: dict[str, tuple[str, str]] = {}
    texts: dict[str, bytes] = {}
    unstored: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Ledger:
    """Takes down one artifact after another.

    Args:
        storage: Where large ones go; None where DVC isn't set up.
        root: Work tree that the files lie in.
    """

    def __init__(self, storage: Storage | None, root: Path) -> None:
        self._storage = storage
        self._root = root
        self._pickled: list[tuple[str, str]] = []
        self.artifacts: list[Artifact] = []
        self.texts: dict[str, bytes] = {}
        self.warnings: list[str] = []

    def storage_for(self, path: str) -> Storage:
        """Return DVC storage.

        Raises:
            StorageError: if there is none; the message names `path`.
        """
        if self._storage is None:
            raise StorageError(
                f"{path} needs DVC storage, and DVC isn't set up in this project.",
                hint="Run `gitml init`, then `gitml exp recover`: nothing has to run again.",
            )
        return self._storage

    def add(
        self,
        path: str,
        role: Role,
        stored: Stored,
        *,
        source: str = "",
        origin: str = "",
        tensors: str = "",
        note: str = "",
        unsafe: bool = False,
        members: tuple[str, ...] = (),
    ) -> None:
        """Take down what is in DVC storage now; the fields are those of `Artifact`."""
        self.artifacts.append(
            Artifact(
                path=path,
                role=role,
                storage="dvc",
                digest=stored.digest,
                size=stored.size,
                files=stored.files,
                sha256=stored.sha256,
                source=source,
                source_digest=origin,
                tensors=tensors,
                note=note,
                unsafe=unsafe,
                members=members,
            )
        )

    def list_tensors(self, path: str, files: Sequence[Path]) -> Callable[[], str]:
        """Begin to read what the tensors of weights are; the result is where they are listed.

        It goes on while the files are stored, which mostly waits for the disk. The place is empty
        for files that are no sound weights.
        """
        if not files:
            return lambda: ""
        from gitml.outputs.tensor_manifest import manifest, render

        result = begin(lambda: render(manifest(files)))

        def place() -> str:
            name = f"{TENSORS_FOLDER}/{path}.jsonl"
            try:
                self.texts[name] = result()
            except StorageError as error:
                said = error.message.replace(f"{self._root}/", "")
                self.warnings.append(f"The tensors of {path} could not be listed: {said}")
                return ""
            return name

        return place

    def add_pickle(self, path: str, reason: str) -> None:
        """Remember that a pickle stays as it is, and why."""
        self._pickled.append((path, reason))

    def sentences(self) -> tuple[str, ...]:
        """Return all that is to be said."""
        return (*self.warnings, *_about_pickles(self._pickled))


def _about_pickles(kept: list[tuple[str, str]]) -> Iterable[str]:
    """Return what to say about pickles that stay as they are: one sentence, however many."""
    if len(kept) <= _NAMED:
        return [f"{path} is stored as a checkpoint: {reason}." for path, reason in kept]
    names = ", ".join(path for path, _ in kept[:_NAMED])
    return [
        f"{len(kept)} files are stored as checkpoints, since they hold more than tensors: {names} "
        f"and {len(kept) - _NAMED} more. `gitml exp show` says why for each."
    ]


def is_utf8(path: str) -> bool:
    """Whether a path is text; DVC can name no other."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_text(path: Path) -> bool:
    """Whether a file looks like text: UTF-8 without NUL in its first 64 KiB."""
    with path.open("rb") as file:
        block = file.read(65_536)
    if b"\0" in block:
        return False
    try:
        block.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(block) - 4 and len(block) == 65_536
    return True
