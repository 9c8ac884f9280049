"""Storing what a run wrote: small text in Git, large or binary files through DVC."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gitml.config import Config
from gitml.execution.trace import Interpreter
from gitml.git.objects import write_files
from gitml.git.repository import Repository
from gitml.operations.ledger import Ledger, StoredOutputs, is_text, is_utf8
from gitml.operations.retained import Retained, left_out, retain
from gitml.outputs.artifact import Artifact, Role
from gitml.outputs.history import HistoryLine
from gitml.outputs.receipts import FOLDER, Receipt, read_receipts
from gitml.outputs.roles import role_of
from gitml.storage.objects import store_file
from gitml.storage.place import Storage

if TYPE_CHECKING:
    from gitml.operations.weights_shelf import WeightsShelf

__all__ = ["Shelf", "StoredOutputs", "is_text"]

_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy")
# Beside weights, these are no part of a model: a folder that has them is not stored as one.
_APART: tuple[Role, ...] = (
    "metrics",
    "history",
    "plot",
    "importance",
    "explanation",
    "predictions",
    "log",
    "checkpoint",
)


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
        run: The run's folder, with the receipts of `save_weights`; None where there are none.
        history: The run's metrics over steps, for `outputs.keep`.
        isolated: Whether the work tree is the run's own, and is about to be removed.
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
        run: Path | None = None,
        history: Sequence[HistoryLine] = (),
        *,
        isolated: bool = False,
    ) -> None:
        self._repository = repository
        self._root = root
        self._prefix = f"{folder}/" if folder else ""
        self._config = config
        self._ledger = Ledger(storage, root)
        self._python = Path(interpreter.executable) if interpreter else None
        self._staging = staging
        self._receipts_folder = (run or staging) / FOLDER
        self._receipts = read_receipts(run) if run is not None else []
        self._history = history
        self._isolated = isolated
        self._small: list[tuple[str, Role]] = []
        self._retained = Retained()
        self._paths: list[str] = []

    def put_all(self, paths: Iterable[str]) -> None:
        """Store the files at `paths` (from the repository's root).

        Raises:
            StorageError: if one needs DVC storage and there is none, or it can't be written.
        """
        paths = self._paths = list(paths)
        saved = self._saved_folders(paths)
        units = [path for path in paths if not _is_below(path, saved)]
        self._retained = retain(
            [*units, *saved], self._root, self._prefix, self._config, self._history, saved
        )
        folders = self._whole_folders([*units, *saved], saved)
        for folder in saved:
            role = self._role(folder)
            left = self._retained
            dropped = left.no_checkpoint if role == "checkpoint" else left.no_weights
            if folder not in dropped and not _is_below(folder, folders):
                folders.setdefault(folder, role)
        for folder, role in folders.items():
            self._weights.put_folder(folder, role, self._receipts)
        try:
            for path in units:
                if not _is_below(path, folders) and not self._retained.drops(path):
                    self._put(path)
        finally:
            if "_weights" in self.__dict__:
                self._weights.close()

    def finish(self) -> StoredOutputs:
        """Write what goes into Git and return where everything is."""
        names = [path for path, _ in self._small]
        oids = write_files(self._repository.git, [self._root / name for name in names])
        files: dict[str, tuple[str, str]] = {}
        artifacts = self._ledger.artifacts
        for (path, role), oid in zip(self._small, oids, strict=True):
            status = (self._root / path).stat()
            files[path] = ("100755" if status.st_mode & 0o100 else "100644", oid)
            artifacts.append(
                Artifact(path=path, role=role, storage="git", digest=oid, size=status.st_size)
            )
        unstored, left = left_out(self._retained, self._paths, artifacts, isolated=self._isolated)
        return StoredOutputs(
            tuple(sorted(artifacts, key=lambda artifact: artifact.path)),
            files,
            self._ledger.texts,
            unstored,
            (*self._ledger.sentences(), *self._retained.warnings),
            tuple(left),
        )

    @cached_property
    def _weights(self) -> WeightsShelf:
        """Where weights go; most runs of small projects have none, and then don't pay for it."""
        from gitml.operations.weights_shelf import WeightsShelf

        return WeightsShelf(
            self._ledger,
            self._root,
            self._config,
            self._staging,
            self._receipts_folder,
            self._python,
        )

    def _saved_folders(self, paths: list[str]) -> dict[str, Receipt]:
        """Return the folders of `save_weights`, which are stored as one, with their receipts.

        Not those that hold other results besides: their files are stored one by one.
        """
        found: dict[str, Receipt] = {}
        top = os.path.realpath(self._root) + os.sep
        for receipt in self._receipts:
            folder = receipt.folder.removeprefix(top)
            inside = [path for path in paths if path.startswith(f"{folder}/")]
            roles = {
                role_of(path.removeprefix(self._prefix), self._config.outputs) for path in inside
            }
            if receipt.folder.startswith(top) and inside and not roles & set(_APART):
                found[folder] = receipt
        return {name: found[name] for name in found if not _is_below(name, found)}

    def _whole_folders(self, paths: list[str], saved: Iterable[str]) -> dict[str, Role]:
        """Return the declared folders that are stored as one: those of weights and checkpoints.

        Not those of which `outputs.keep` leaves something out, or that have folders of
        `save_weights` in them: each of those is a model.
        """
        found: dict[str, Role] = {}
        outputs = self._config.outputs
        left = self._retained.no_weights | self._retained.no_checkpoint
        for role, names in (("weights", outputs.weights), ("checkpoint", outputs.checkpoints)):
            for name in names:
                folder = self._prefix + name.rstrip("/")
                members = [p for p in paths if p == folder or p.startswith(f"{folder}/")]
                if not members or not (self._root / folder).is_dir() or left & set(members):
                    continue
                if any(_is_below(one, [folder]) for one in saved):
                    continue
                found[folder] = "weights" if role == "weights" else "checkpoint"
        return found

    def _role(self, folder: str) -> Role:
        """Return the role of a folder of weights."""
        role = role_of(folder.removeprefix(self._prefix), self._config.outputs)
        return "checkpoint" if role == "checkpoint" else "weights"

    def _put(self, path: str) -> None:
        file = self._root / path
        ledger, left = self._ledger, self._retained
        if file.is_symlink() or not file.is_file():
            ledger.warnings.append(f"{path} is not a plain file, so it was not recorded.")
            return
        role = role_of(path.removeprefix(self._prefix), self._config.outputs)
        if not is_utf8(path) and not self._belongs_in_git(file, role):
            ledger.warnings.append(
                f"{os.fsencode(path)!r} was not recorded: DVC needs names that are UTF-8."
            )
            return
        if file.suffix == ".safetensors":
            if path not in (left.no_checkpoint if role == "checkpoint" else left.no_weights):
                self._weights.put_file(path, role)
        elif role in ("weights", "checkpoint") or file.suffix in _PICKLES:
            self._weights.put_pickle(
                path,
                role,
                weights=path not in left.no_weights,
                checkpoint=path not in left.no_checkpoint,
            )
        elif self._belongs_in_git(file, role):
            self._small.append((path, role))
        else:
            ledger.add(path, role, store_file(ledger.storage_for(path), file))

    def _belongs_in_git(self, file: Path, role: Role) -> bool:
        if file.stat().st_size >= self._config.large:
            return False
        return role == "plot" or is_text(file)


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)
