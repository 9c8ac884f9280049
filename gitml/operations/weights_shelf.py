"""Storing weights: folders of `save_weights`, safetensors files, and pickles of tensors."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from gitml.background import begin
from gitml.config import Config
from gitml.errors import GitmlError
from gitml.operations.ledger import Ledger
from gitml.outputs.artifact import Role
from gitml.outputs.conversion import Converter, inspect_pickle
from gitml.outputs.receipts import OBJECTS, Receipt
from gitml.outputs.resharding import shard_file
from gitml.outputs.sharding import CUT_OFF, INDEX
from gitml.outputs.weights_folder import clear_temporaries
from gitml.storage import listing
from gitml.storage.cache import has_whole, install
from gitml.storage.durable import disk_errors, sync_file
from gitml.storage.hashes import Hashes
from gitml.storage.listing import Member
from gitml.storage.objects import (
    Stored,
    hash_file,
    members,
    store_bytes,
    store_file,
    store_folder,
)
from gitml.storage.parallel import in_threads
from gitml.storage.place import Storage

_SHOWN = 3
_LISTED = 1000


class WeightsShelf:
    """Stores weights, and takes down where they are.

    Args:
        ledger: Where to.
        root: Work tree that they lie in.
        config: Says whether pickles are forbidden and files are sharded.
        staging: A folder for files that are made on the way.
        receipts: Folder of the run's receipts.
        python: The Python that ran; it may have the torch that gitml's own lacks.
    """

    def __init__(
        self,
        ledger: Ledger,
        root: Path,
        config: Config,
        staging: Path,
        receipts: Path,
        python: Path | None = None,
    ) -> None:
        self._ledger = ledger
        self._root = root
        self._config = config
        self._staging = staging
        self._receipts = receipts
        self._converter = Converter(python)

    def close(self) -> None:
        """End the processes that take tensors out of pickles."""
        self._converter.close()

    def put_folder(self, path: str, role: Role, receipts: Iterable[Receipt] = ()) -> None:
        """Store a folder as one; receipts tell which of its files needn't be read."""
        folder = self._root / path
        storage = self._ledger.storage_for(path)
        known = _Known(folder, receipts)
        for saved in known.folders:
            with disk_errors(f"tidy {saved}"):
                clear_temporaries(Path(saved))
            self._warn_of_cut_off(path, Path(saved))
        tensors = self._ledger.list_tensors(path, sorted(folder.rglob("*.safetensors")))
        _take_over(storage, self._receipts / OBJECTS, known.objects())
        stored = store_folder(storage, folder, remembered=known)
        names: tuple[str, ...] = ()
        if stored.files <= _LISTED:
            names = tuple(member.path for member in members(storage, stored.digest))
        self._ledger.add(path, role, stored, tensors=tensors(), members=names)

    def put_file(self, path: str, role: Role) -> None:
        """Store a safetensors file: in shards where the project says so, else as it is."""
        role = "checkpoint" if role == "checkpoint" else "weights"
        shard = self._config.outputs.shard
        if shard and self._put_sharded(path, role):
            return
        file = self._root / path
        # What can't be sharded has no tensors to list, and one warning is enough.
        tensors = self._ledger.list_tensors(path, [] if shard else [file])
        stored = store_file(self._ledger.storage_for(path), file, want_sha256=True)
        self._ledger.add(path, role, stored, tensors=tensors())

    def put_pickle(self, path: str, role: Role, *, weights: bool, checkpoint: bool) -> None:
        """Store a pickle: its tensors as weights, and itself if it holds more than those.

        Args:
            path: Of the pickle.
            role: As declared, or by its name.
            weights: Whether weights of it are to be stored.
            checkpoint: Whether it is to be stored if it is a checkpoint.
        """
        file = self._root / path
        if not inspect_pickle(file):
            if checkpoint if role == "checkpoint" else weights:
                self._ledger.add(path, role, store_file(self._ledger.storage_for(path), file))
            return
        name = self._converted_name(path)
        target = self._staging / "weights" / name
        outcome = self._converter.convert(file, target)
        if outcome.unsafe and self._config.pickles == "forbid":
            self._ledger.warnings.append(
                f"{path} was not recorded: {outcome.reason}, and gitml.yaml forbids such pickles."
            )
            return
        digest = ""
        if checkpoint and not (outcome.converted and not outcome.rest):
            stored = store_file(self._ledger.storage_for(path), file)
            digest, note = stored.digest, outcome.reason
            if outcome.rest:
                said = ", ".join(outcome.rest[:_SHOWN])
                note = f"it holds more than tensors ({said}); its weights are in {name}"
            else:
                self._ledger.add_pickle(path, outcome.reason)
            self._ledger.add(path, "checkpoint", stored, note=note, unsafe=outcome.unsafe)
        if outcome.converted and weights:
            tensors = self._ledger.list_tensors(name, sorted(target.glob("*.safetensors")))
            stored = store_folder(self._ledger.storage_for(path), target)
            self._ledger.add(
                name,
                "weights",
                stored,
                source=path,
                origin=digest or hash_file(file).digest,
                tensors=tensors(),
            )
        shutil.rmtree(target, ignore_errors=True)

    def _put_sharded(self, path: str, role: Role) -> bool:
        """Store a file in shards; False for what is no sound file of tensors."""
        file, name = self._root / path, self._converted_name(path)
        target = self._staging / "weights" / name
        storage = self._ledger.storage_for(path)
        origin = begin(lambda: hash_file(file).digest)
        try:
            shards = shard_file(file, target)
        except GitmlError as error:
            said = error.message.replace(f"{self._root}/", "")
            self._ledger.warnings.append(f"{path} is stored as it is: {said}")
            shutil.rmtree(target, ignore_errors=True)
            origin()
            return False
        tensors = self._ledger.list_tensors(name, sorted(target.glob("*.safetensors")))
        place = tensors()
        _take_over(storage, target, [(shard.digest, shard.size, shard.name) for shard in shards])
        for shard in shards:  # what could not be renamed into the cache is copied
            if (target / shard.name).exists():
                store_file(storage, target / shard.name)
        listed = [Member(path=shard.name, digest=shard.digest) for shard in shards]
        made = store_bytes(storage, listing.render(listed), suffix=".dir")
        size = sum(shard.size for shard in shards)
        stored = Stored(digest=made.digest, size=size, files=len(shards))
        self._ledger.add(name, role, stored, source=path, origin=origin(), tensors=place)
        shutil.rmtree(target, ignore_errors=True)
        return True

    def _converted_name(self, path: str) -> str:
        """Return where the weights of a file are put: beside it, under a name that is free."""
        name = str(PurePosixPath(path).with_suffix(".weights"))
        taken = any(item.path == name for item in self._ledger.artifacts)
        if taken or os.path.lexists(self._root / name):
            return f"{path}.weights"
        return name

    def _warn_of_cut_off(self, path: str, folder: Path) -> None:
        with suppress(OSError):
            if (folder / INDEX).read_bytes() == CUT_OFF:
                self._ledger.warnings.append(
                    f"Saving the weights {path} was cut off, so they can't be loaded."
                )


class _Known(Hashes):
    """Digests that receipts vouch for.

    Args:
        folder: What is stored.
        receipts: Those at other places are left out.
    """

    def __init__(self, folder: Path, receipts: Iterable[Receipt]) -> None:
        super().__init__(None)
        top = os.path.realpath(folder)
        self.folders = {
            receipt.folder: receipt
            for receipt in receipts
            if receipt.folder == top or receipt.folder.startswith(top + os.sep)
        }

    def find(self, path: Path | str, info: os.stat_result) -> str:
        """Return the digest of a file in the state `info`, or empty."""
        folder, name = os.path.split(path)
        receipt = self.folders.get(os.path.realpath(folder))
        return receipt.digest_of(name, info) if receipt else ""

    def objects(self) -> list[tuple[str, int, str]]:
        """Return digest, size and name of the copy of each file that is as it was."""
        found = []
        for receipt in self.folders.values():
            for file in receipt.files:
                with suppress(OSError):
                    if receipt.digest_of(file.name, os.stat(f"{receipt.folder}/{file.name}")):
                        found.append((file.digest, file.size, file.digest))
        return found


def _take_over(storage: Storage, folder: Path, objects: Iterable[tuple[str, int, str]]) -> None:
    """Give files that nobody else has their places in the cache, without copying them.

    Those that aren't there, or on another filesystem, are left where they are.

    Args:
        storage: Where to.
        folder: Where they lie.
        objects: MD5, bytes and name of each.
    """

    def move(item: tuple[str, int, str]) -> None:
        digest, size, name = item
        path = folder / name
        try:
            if path.stat().st_size != size or has_whole(storage, digest, size):
                return
            sync_file(path)
            install(storage, path, digest, size)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM):
                raise

    with disk_errors("store weights", storage.cache):
        for _ in in_threads(move, {item[0]: item for item in objects}.values()):
            pass
