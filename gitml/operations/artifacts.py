"""Storing what a run wrote: small text in Git, large or binary files through DVC."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import msgspec

from gitml.config import Config
from gitml.errors import StorageError
from gitml.execution.trace import Interpreter
from gitml.experiment.record import TENSORS_FOLDER
from gitml.git.objects import write_files
from gitml.git.repository import Repository
from gitml.outputs.artifact import Artifact, Role
from gitml.outputs.conversion import Converter, inspect_pickle
from gitml.outputs.roles import role_of
from gitml.outputs.tensor_manifest import manifest, render
from gitml.storage.objects import Stored, hash_file, store_file, store_folder
from gitml.storage.place import Storage

_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy")
_NAMED = 2


class StoredOutputs(msgspec.Struct, frozen=True):
    """What became of the files of a run.

    Attributes:
        artifacts: One for each output.
        files: Path in the experiment's tree → (mode, object id) of what goes into Git.
        texts: Path in the experiment's tree → bytes that are still to be written to Git.
        warnings: Sentences that users should see.
    """

    artifacts: tuple[Artifact, ...] = ()
    files: dict[str, tuple[str, str]] = {}
    texts: dict[str, bytes] = {}
    warnings: tuple[str, ...] = ()


class Shelf:
    """Takes outputs one by one and says at the end where each of them is.

    Args:
        repository: Where small files go.
        storage: Where large ones go; None where DVC isn't set up.
        root: Work tree that the outputs lie in.
        folder: The project's folder in the repository.
        config: Says what is large, and which roles are declared.
        staging: A folder for files that are made on the way.
        interpreter: The Python that ran; it may have the torch that gitml's own lacks.
    """

    def __init__(
        self,
        repository: Repository,
        storage: Storage | None,
        root: Path,
        folder: str,
        config: Config,
        staging: Path,
        interpreter: Interpreter | None,
    ) -> None:
        self._repository = repository
        self._storage = storage
        self._root = root
        self._prefix = f"{folder}/" if folder else ""
        self._config = config
        self._staging = staging
        self._converter = Converter(Path(interpreter.executable) if interpreter else None)
        self._artifacts: list[Artifact] = []
        self._small: list[tuple[str, Role]] = []
        self._texts: dict[str, bytes] = {}
        self._warnings: list[str] = []
        self._pickled: list[tuple[str, str]] = []

    def put_all(self, paths: Iterable[str]) -> None:
        """Store the files at `paths` (from the repository's root).

        Raises:
            StorageError: if one needs DVC storage and there is none, or it can't be written.
        """
        paths = list(paths)
        folders = self._whole_folders(paths)
        for folder, role in folders.items():
            self._put_folder(folder, role)
        with self._converter:
            for path in paths:
                if not any(path.startswith(f"{folder}/") for folder in folders):
                    self._put(path)

    def finish(self) -> StoredOutputs:
        """Write what goes into Git and return where everything is."""
        names = [path for path, _ in self._small]
        oids = write_files(self._repository.git, [self._root / name for name in names])
        files: dict[str, tuple[str, str]] = {}
        for (path, role), oid in zip(self._small, oids, strict=True):
            status = (self._root / path).stat()
            files[path] = ("100755" if status.st_mode & 0o100 else "100644", oid)
            self._artifacts.append(
                Artifact(path=path, role=role, storage="git", digest=oid, size=status.st_size)
            )
        artifacts = tuple(sorted(self._artifacts, key=lambda artifact: artifact.path))
        warnings = (*self._warnings, *_about_pickles(self._pickled))
        return StoredOutputs(artifacts, files, self._texts, warnings)

    def _whole_folders(self, paths: list[str]) -> dict[str, Role]:
        """Return the folders that are stored as one: declared ones with weights in them."""
        found: dict[str, Role] = {}
        outputs = self._config.outputs
        for role, names in (("weights", outputs.weights), ("checkpoint", outputs.checkpoints)):
            for name in names:
                folder = self._prefix + name.rstrip("/")
                if (self._root / folder).is_dir() and any(
                    p.startswith(f"{folder}/") for p in paths
                ):
                    found[folder] = "weights" if role == "weights" else "checkpoint"
        return found

    def _put(self, path: str) -> None:
        file = self._root / path
        if file.is_symlink() or not file.is_file():
            self._warnings.append(f"{path} is not a plain file, so it was not recorded.")
            return
        role = role_of(path.removeprefix(self._prefix), self._config.outputs)
        if not _is_utf8(path) and not self._belongs_in_git(file, role):
            self._warnings.append(
                f"{os.fsencode(path)!r} was not recorded: DVC needs names that are UTF-8."
            )
            return
        if file.suffix == ".safetensors":
            self._put_weights(path, role)
        elif role in ("weights", "checkpoint") or file.suffix in _PICKLES:
            self._put_pickle(path, role)
        elif self._belongs_in_git(file, role):
            self._small.append((path, role))
        else:
            self._put_large(path, role)

    def _belongs_in_git(self, file: Path, role: Role) -> bool:
        if file.stat().st_size >= self._config.large:
            return False
        return role == "plot" or is_text(file)

    def _put_large(self, path: str, role: Role, note: str = "", *, unsafe: bool = False) -> None:
        stored = store_file(self._need(path), self._root / path)
        self._add(path, role, stored, note=note, unsafe=unsafe)

    def _put_folder(self, path: str, role: Role) -> None:
        stored = store_folder(self._need(path), self._root / path)
        shards = sorted((self._root / path).rglob("*.safetensors"))
        self._add(path, role, stored, tensors=self._tensors(path, shards))

    def _put_weights(self, path: str, role: Role) -> None:
        stored = store_file(self._need(path), self._root / path, want_sha256=True)
        role = "checkpoint" if role == "checkpoint" else "weights"
        self._add(path, role, stored, tensors=self._tensors(path, [self._root / path]))

    def _put_pickle(self, path: str, role: Role) -> None:
        if not inspect_pickle(self._root / path):
            self._put_large(path, role)
            return
        name = str(PurePosixPath(path).with_suffix(".weights"))
        target = self._staging / "weights" / name
        outcome = self._converter.convert(self._root / path, target)
        if outcome.converted:
            stored = store_folder(self._need(path), target)
            tensors = self._tensors(name, sorted(target.glob("*.safetensors")))
            original = hash_file(self._root / path).digest
            self._add(name, "weights", stored, source=path, origin=original, tensors=tensors)
            shutil.rmtree(target, ignore_errors=True)
            return
        if outcome.unsafe and self._config.pickles == "forbid":
            self._warnings.append(
                f"{path} was not recorded: {outcome.reason}, and gitml.yaml forbids such pickles."
            )
            return
        self._put_large(path, "checkpoint", outcome.reason, unsafe=outcome.unsafe)
        self._pickled.append((path, outcome.reason))

    def _tensors(self, path: str, files: list[Path]) -> str:
        if not files:
            return ""
        place = f"{TENSORS_FOLDER}/{path}.jsonl"
        try:
            self._texts[place] = render(manifest(files))
        except StorageError as error:
            self._warnings.append(f"The tensors of {path} could not be listed: {error.message}")
            return ""
        return place

    def _need(self, path: str) -> Storage:
        if self._storage is None:
            raise StorageError(
                f"{path} needs DVC storage, and DVC isn't set up in this project.",
                hint="Run `gitml init`, then `gitml exp recover`: nothing has to run again.",
            )
        return self._storage

    def _add(
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
    ) -> None:
        self._artifacts.append(
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
            )
        )


def _about_pickles(kept: list[tuple[str, str]]) -> list[str]:
    """Return what to say about pickles that stay as they are: one sentence, however many."""
    if len(kept) <= _NAMED:
        return [f"{path} is stored as a checkpoint: {reason}." for path, reason in kept]
    names = ", ".join(path for path, _ in kept[:_NAMED])
    return [
        f"{len(kept)} files are stored as checkpoints, since they hold more than tensors: {names} "
        f"and {len(kept) - _NAMED} more. `gitml exp show` says why for each."
    ]


def _is_utf8(path: str) -> bool:
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
