"""Receipts: what `save_weights` wrote during a run, so that recording needn't read it again.

`weights/` in the run's folder has one for each folder that weights were saved into, the latest
only. Where there is `weights/objects/`, copies of the files lie in it under their MD5: recording
gives them their places in DVC's cache by renaming them.

A digest counts while size, modification and change time, inode and device of the file are what
they were, and only if the file had been left alone for longer than a tick of the clock by then:
otherwise another write could follow without showing. Nor does it count once the machine was started
anew, since a power cut may take away what was written last.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitml.values import Scalar

if TYPE_CHECKING:
    from gitml.outputs.weights_folder import Shard

FOLDER = "weights"
OBJECTS = "objects"

_TICK = 20_000_000
_LARGEST = 64 << 20
_HEX = frozenset("0123456789abcdef")


class SavedFile(NamedTuple):
    """A file of a folder that weights were saved into, as it was right afterwards.

    Attributes:
        name: In the folder.
        digest: MD5 of its bytes.
        settled: Whether a later write is sure to show in its times.
    """

    name: str
    size: int
    modified: int
    changed: int
    inode: int
    device: int
    digest: str
    settled: bool


class Receipt(NamedTuple):
    """One call of `save_weights`.

    Attributes:
        folder: Absolute path, without links.
        files: What it has of the model.
        step: The training step that was given, or None.
        metrics: The metrics that were given.
        time: Nanoseconds since 1970, when it was saved.
        boot: Which start of the machine that was in; empty where that isn't known.
    """

    folder: str
    files: tuple[SavedFile, ...]
    step: int | None = None
    metrics: Mapping[str, Scalar] = {}
    time: int = 0
    boot: str = ""

    def digest_of(self, name: str, state: os.stat_result) -> str:
        """Return the MD5 of a file that is in this state now; empty where that isn't sure."""
        if not self.boot or self.boot != _boot():
            return ""
        for file in self.files:
            if file.name == name and file.settled and _state(state) == file[1:6]:
                return file.digest
        return ""


def staging_folder(run: Path) -> Path | None:
    """Return where copies for DVC's cache go; None where the cache can't take them over."""
    folder = run / FOLDER / OBJECTS
    return folder if folder.is_dir() else None


def write_receipt(
    run: Path,
    folder: Path,
    shards: Iterable[Shard],
    step: int | None,
    metrics: Mapping[str, Scalar],
) -> None:
    """Note that weights were saved into `folder`, and drop copies that nothing needs any more.

    Raises:
        OSError: if the receipt can't be written.
    """
    real = os.path.realpath(folder)
    now = time.time_ns()
    files = []
    for shard in shards:
        state = os.stat(os.path.join(real, shard.name))
        settled = state.st_mtime_ns < now - _TICK and state.st_size == shard.size
        files.append(SavedFile(shard.name, *_state(state), shard.digest, settled))
    receipt = Receipt(real, tuple(files), step, dict(metrics), now, _boot())
    place = run / FOLDER
    place.mkdir(exist_ok=True)
    target = place / f"{hashlib.sha256(os.fsencode(real)).hexdigest()[:24]}.json"
    temporary = target.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(receipt, ensure_ascii=True), encoding="ascii")
    temporary.replace(target)
    _drop_unneeded(run)


def read_receipts(run: Path) -> list[Receipt]:
    """Return the receipts of a run in the order of their time; unreadable ones are left out."""
    found = []
    with suppress(OSError):
        for path in sorted((run / FOLDER).glob("*.json")):
            receipt = _read(path)
            if receipt is not None:
                found.append(receipt)
    return sorted(found, key=lambda receipt: (receipt.time, receipt.folder))


def _read(path: Path) -> Receipt | None:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        folder, files, step, metrics, at, boot = json.loads(path.read_bytes())
        saved = tuple(SavedFile(*file) for file in files)
        sound = isinstance(folder, str) and isinstance(metrics, dict) and isinstance(at, int)
        if not sound or not all(_is_sound(file) for file in saved):
            return None
        step = step if isinstance(step, int) else None
        return Receipt(folder, saved, step, metrics, at, boot)
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _is_sound(file: Any) -> bool:
    digest = file.digest
    return (
        isinstance(digest, str)
        and len(digest) == 32
        and set(digest) <= _HEX
        and isinstance(file.name, str)
        and file.name not in ("", ".", "..")
        and "/" not in file.name
    )


@functools.cache
def _boot() -> str:
    """Return an id of this start of the machine (Linux), else nothing."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _drop_unneeded(run: Path) -> None:
    """Remove copies of what was overwritten since; whoever still needs one reads the file."""
    objects = staging_folder(run)
    if objects is None:
        return
    needed = {file.digest for receipt in read_receipts(run) for file in receipt.files}
    with suppress(OSError):
        for name in os.listdir(objects):
            if len(name) == 32 and name not in needed:
                (objects / name).unlink(missing_ok=True)


def _state(state: os.stat_result) -> tuple[int, int, int, int, int]:
    return (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_dev)
