"""Which experiment made the weights that a run read, where they are a folder of several files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from gitml.errors import StorageError
from gitml.history.index import Index
from gitml.history.rows import Row
from gitml.outputs.sharding import INDEX
from gitml.storage.hashes import Hashes
from gitml.storage.objects import hash_folder


def makers_of_folders(
    index: Index, paths: Iterable[str], absolute: Callable[[str], Path], hashes: Hashes
) -> dict[str, Row]:
    """Return folder → the experiment that made exactly the weights in it.

    A single file of them says little: other experiments may have the same.

    Args:
        index: What was recorded.
        paths: Files that were read.
        absolute: Where such a file is.
        hashes: Remembered hashes.
    """
    found: dict[str, Row] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if name != INDEX or not folder:
            continue
        try:
            maker = index.maker_of(hash_folder(absolute(folder), hashes).digest)
        except StorageError:
            continue
        if maker is not None:
            found[folder] = maker
    return found
