"""Writing a model's shards into a folder: in one pass, with all cores, whole or not at all.

Every shard is written beside its place first. Only when all are there, the index is replaced by one
that no loader accepts, the shards take their places, and the index follows. Killed before that the
folder holds the model of before, killed in between it holds one that can't be loaded, and never a
mix of two that can. A shard that holds the same bytes already is left as it is.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from gitml.errors import StorageError
from gitml.outputs.sharding import (
    CUT_OFF,
    INDEX,
    ShardPlan,
    refuse_foreign,
    render_index,
    stale_shards,
    write_index,
)
from gitml.outputs.tensor_layout import Data, TensorEntry, render_header
from gitml.storage.digests import md5
from gitml.storage.durable import disk_errors, write_all
from gitml.storage.parallel import cores, in_threads

BLOCK = 1 << 20
_COPIED_AT_ONCE = 64 << 20
_LEFT_BEHIND = re.compile(r"\.(?:model(?:-.*)?\.safetensors|index)\.[0-9a-f-]+\.tmp")

Pieces = Callable[[TensorEntry], Iterable[Data]]


class Shard(NamedTuple):
    """A file of the folder.

    Attributes:
        name: Of the file.
        size: Bytes.
        digest: MD5 of its bytes.
        rewritten: Whether it had other bytes before, or wasn't there.
    """

    name: str
    size: int
    digest: str
    rewritten: bool = True


def write_folder(
    folder: Path, plan: ShardPlan, pieces: Pieces, *, staging: Path | None = None
) -> list[Shard]:
    """Write a model into `folder`; files of a model that was there before are replaced.

    Args:
        folder: Made if it doesn't exist.
        plan: Which file is to hold what.
        pieces: Gives the raw little-endian bytes of a tensor of the plan, in as many pieces as it
            likes. It is called from several threads, and again for a shard that turns out to
            differ from the one that is there.
        staging: A folder that gets a copy of each file that is written, named by its MD5; where
            that fails there is none.

    Returns:
        The files, the index last.

    Raises:
        StorageError: if the folder holds weights that were not saved by gitml, or can't be
            written, or the pieces of a tensor don't have its size.
    """
    headers = {file: render_header(entries, None) for file, entries in plan.files.items()}
    sizes = {
        file: len(headers[file]) + sum(entry.size for entry in entries)
        for file, entries in plan.files.items()
    }
    temporaries: dict[str, Path] = {}

    def make(file: str) -> Shard:
        def blocks(buffer: bytearray) -> Iterator[memoryview]:
            parts = _parts(headers[file], plan.files[file], pieces)
            return packed(parts, sizes[file], buffer)

        digest = _same(folder / file, sizes[file], blocks)
        if digest:
            return Shard(file, sizes[file], digest, rewritten=False)
        temporary = temporaries[file] = _beside(folder, file)
        digest = _write(temporary, blocks)
        if staging is not None:
            _stage(temporary, staging / digest)
        return Shard(file, sizes[file], digest)

    with disk_errors(f"write the weights {folder}", folder, sum(sizes.values())), _alone(folder):
        refuse_foreign(folder)
        clear_temporaries(folder)
        try:
            largest_first = sorted(plan.files, key=lambda file: -sizes[file])
            shards = list(in_threads(make, largest_first, min(cores(), 16)))
            index = _publish(folder, plan, temporaries, staging)
        finally:
            for temporary in temporaries.values():
                temporary.unlink(missing_ok=True)
    return [*sorted(shards), index]


def clear_temporaries(folder: Path) -> None:
    """Remove what a killed process left in a model's folder; nobody may be writing there.

    Raises:
        OSError: if that fails.
    """
    for name in os.listdir(folder):
        if _LEFT_BEHIND.fullmatch(name):
            (folder / name).unlink(missing_ok=True)


def packed(parts: Iterable[Data], size: int, buffer: bytearray) -> Iterator[memoryview]:
    """Yield the bytes of `parts` in blocks as large as `buffer`, which each of them overwrites.

    A copy, so that what is hashed is what is written even if another thread goes on training.

    Raises:
        StorageError: if they are more or fewer than `size` bytes.
    """
    room, filled, total = memoryview(buffer), 0, 0
    for part in parts:
        rest = memoryview(part)
        rest = rest.cast("B") if rest.nbytes else memoryview(b"")
        total += rest.nbytes
        while rest:
            count = min(len(rest), len(room) - filled)
            room[filled : filled + count] = rest[:count]
            filled, rest = filled + count, rest[count:]
            if filled == len(room):
                yield room
                filled = 0
    if total != size:
        raise StorageError(f"The tensors of a file have {total:,} bytes instead of {size:,}.")
    if filled:
        yield room[:filled]


def _parts(header: bytes, entries: list[TensorEntry], pieces: Pieces) -> Iterator[Data]:
    yield header
    for entry in entries:
        yield from pieces(entry)


def _same(path: Path, size: int, blocks: Callable[[bytearray], Iterator[memoryview]]) -> str:
    """Return the MD5 of the file at `path` if it holds exactly these bytes, else nothing."""
    if not _claim(path):
        return ""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    digest = md5()
    present = bytearray(BLOCK)
    with open(descriptor, "rb", buffering=0) as file:
        if os.fstat(descriptor).st_size != size:
            return ""
        for block in blocks(bytearray(BLOCK)):
            there = memoryview(present)[: len(block)]
            # a bytearray compares as memory, a memoryview element by element
            if _fill(file.readinto, there) < len(block) or present[: len(block)] != block:
                return ""
            digest.update(block)
    _touch(path)
    return digest.hexdigest()


def _fill(read: Callable[[memoryview], int | None], room: memoryview) -> int:
    filled = 0
    while filled < len(room) and (count := read(room[filled:])):
        filled += count
    return filled


def _claim(path: Path) -> bool:
    """Open a file for writing without writing to it; False if it isn't there or can't be.

    A run that looks at what it is about to write doesn't depend on it: whoever observes this
    process must see that it opened the file for writing before it read it.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return path.is_file()


def _touch(path: Path) -> None:
    """Move on a file's change time, and nothing else: it is this run's output all the same."""
    with suppress(OSError):
        path.chmod(stat.S_IMODE(path.stat().st_mode))


def _write(path: Path, blocks: Callable[[bytearray], Iterator[memoryview]]) -> str:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    digest = md5()
    try:
        for block in blocks(bytearray(BLOCK)):
            digest.update(block)
            write_all(descriptor, block)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def _stage(source: Path, target: Path) -> None:
    """Copy a file that is complete, within the system, and have the disk begin to write it."""
    if target.exists():
        return
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(4).hex()}")
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writing = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            while os.copy_file_range(reading, writing, _COPIED_AT_ONCE):
                pass
            if hasattr(os, "posix_fadvise"):  # begins to write what is in memory only
                os.posix_fadvise(writing, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(writing)
        if temporary.stat().st_size == os.fstat(reading).st_size:
            temporary.replace(target)
    except (OSError, AttributeError):  # no space, another filesystem, another system
        return
    finally:
        os.close(reading)
        temporary.unlink(missing_ok=True)


def _publish(
    folder: Path, plan: ShardPlan, temporaries: Mapping[str, Path], staging: Path | None
) -> Shard:
    """Give the new shards their places, and write the index unless it is there already."""
    data = render_index(plan)
    index = Shard(INDEX, len(data), md5(data).hexdigest())
    stale = stale_shards(folder, plan)
    same = not temporaries and not stale and _claim(folder / INDEX)
    if same and (folder / INDEX).read_bytes() == data:
        _touch(folder / INDEX)
        return index._replace(rewritten=False)
    if temporaries or stale:
        write_index(folder, CUT_OFF)
        for path in stale:
            path.unlink()
        for file, temporary in temporaries.items():
            temporary.replace(folder / file)
    write_index(folder, data)
    if staging is not None:
        _stage(folder / INDEX, staging / index.digest)
    return index


def _beside(folder: Path, file: str) -> Path:
    # The whole name, cut, since what is left behind is found by how it is named.
    return folder / f".model-{file[6:100]}.safetensors.{os.getpid()}-{os.urandom(4).hex()}.tmp"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time write into a folder, which is made if it doesn't exist."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise StorageError(
            f"{folder} is a file, and weights are saved into a folder.",
            hint="Name another path, or remove the file.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some network filesystems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
