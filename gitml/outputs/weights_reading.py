"""Reading a model's folder without trust: the index, the headers of its files, and what is where.

Nothing is allocated, and no data read, before all of it is known to fit together.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from gitml.errors import NotFoundError, StorageError
from gitml.outputs.grouping import WHOLE
from gitml.outputs.safetensors_file import read_header
from gitml.outputs.sharding import INDEX
from gitml.outputs.tensor_places import Place

MAX_INDEX = 64 << 20

_OBJECT = re.compile(r".*/files/md5/[0-9a-f]{2}/[0-9a-f]{30}")


class SavedModel(NamedTuple):
    """The weights at a path.

    Attributes:
        places: Tensor name → where it is; of each file in the order of its bytes.
        aliases: Name of a tied tensor → name of the one that stands for it.
        notes: What `save_weights` was given as metadata.
    """

    places: dict[str, Place]
    aliases: dict[str, str]
    notes: dict[str, Any]


@contextmanager
def opened(path: Path) -> Iterator[SavedModel]:
    """Give what the weights at `path` are; nobody who saves there changes them meanwhile.

    Args:
        path: A folder with an index, or with one file `model.safetensors`; or a safetensors file.

    Raises:
        NotFoundError: if there are none.
        StorageError: if an index or a header is malformed or too large, they don't agree, the
            index names a file outside of the folder, a file is a link that leads out of it (other
            than into DVC's cache), or saving was cut off.
    """
    if not path.is_dir():
        if not os.path.lexists(path):
            raise NotFoundError(f"{path} doesn't exist.")
        yield _of_files(path.parent, {path.name: None})
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some network filesystems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield _of_folder(path)
    finally:
        os.close(descriptor)


def _of_folder(folder: Path) -> SavedModel:
    if not os.path.lexists(folder / INDEX):
        if os.path.lexists(folder / WHOLE):
            return _of_files(folder, {WHOLE: None})
        raise NotFoundError(
            f"{folder} holds no weights: it has neither {INDEX} nor {WHOLE}.",
            hint="If they are in DVC storage, `dvc pull` or `gitml exp apply` brings them here.",
        )
    tree = _read_index(folder / INDEX)
    metadata = tree.get("metadata", {})
    where = tree.get("weight_map")
    if not _is_texts(where) or not isinstance(metadata, dict):
        raise _unsound(folder / INDEX, "it has no `weight_map` of tensor names to file names")
    if metadata.get("incomplete"):
        raise StorageError(
            f"Saving a model into {folder} was cut off, so its files are of two models.",
            hint="Save it again, or restore it: `gitml exp apply`, or `dvc checkout`.",
        )
    aliases = metadata.get("aliases", {})
    if not _is_texts(aliases) or any(
        kept not in where or dropped in where for dropped, kept in aliases.items()
    ):
        raise _unsound(folder / INDEX, "its aliases don't fit its tensors")
    notes = metadata.get("notes", {})
    if not isinstance(notes, dict):
        raise _unsound(folder / INDEX, "its metadata is not what save_weights writes")
    files: dict[str, set[str] | None] = {}
    for name, file in where.items():
        if "/" in file or "\\" in file or "\0" in file or file in ("", ".", ".."):
            raise _unsound(folder / INDEX, f"it names {file[:100]!r}, outside of its folder")
        members = files.setdefault(file, set())
        assert members is not None
        members.add(name)
    return _of_files(folder, files, aliases, notes)


def _of_files(
    folder: Path,
    files: dict[str, set[str] | None],
    aliases: dict[str, str] | None = None,
    notes: dict[str, Any] | None = None,
) -> SavedModel:
    """Return what the headers say, compared with the names that each file should have."""
    places: dict[str, Place] = {}
    for file in sorted(files):
        path = folder / file
        _check_file(path, folder)
        header = read_header(path)
        names, wanted = {entry.name for entry in header.tensors}, files[file]
        if wanted is not None and names != wanted:
            odd = sorted(names ^ wanted)[0]
            place = "isn't in it" if odd in wanted else "isn't in the index"
            raise StorageError(
                f"{path} and the index don't agree: the tensor {odd[:100]!r} {place}.",
                hint="Files of two models were mixed. Save it again, or restore it from storage.",
            )
        for entry in header.tensors:
            places[entry.name] = Place(path, header.offset + entry.start, entry)
    return SavedModel(places, aliases or {}, notes or {})


def _check_file(path: Path, folder: Path) -> None:
    try:
        is_regular = stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        raise NotFoundError(
            f"{path} doesn't exist, and the model needs it.",
            hint="If it is in DVC storage, `dvc pull` or `gitml exp apply` brings it here.",
        ) from None
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error.strerror or error}.") from error
    if not is_regular:
        raise StorageError(f"{path} is not a regular file, so it holds no weights.")
    real = os.path.realpath(path)
    inside = real.startswith(os.path.realpath(folder) + os.sep)
    if path.is_symlink() and not inside and not _OBJECT.fullmatch(real):
        raise StorageError(
            f"{path} is a link that leads out of its folder, to {real}.",
            hint="Put the file itself there if you trust it.",
        )


def _read_index(path: Path) -> dict[str, Any]:
    _check_file(path, path.parent)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_INDEX + 1)
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error.strerror or error}.") from error
    if len(data) > MAX_INDEX:
        raise _unsound(path, f"it is larger than {MAX_INDEX:,} bytes")
    try:
        tree = json.loads(data, object_pairs_hook=_unique)
    except RecursionError:
        raise _unsound(path, "it is nested too deeply") from None
    except ValueError as error:
        raise _unsound(path, f"it is no sound JSON ({str(error)[:100]})") from None
    if not isinstance(tree, dict):
        raise _unsound(path, "it is no JSON object")
    return tree


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a name is there twice")
    return tree


def _is_texts(tree: Any) -> TypeGuard[dict[str, str]]:
    return isinstance(tree, dict) and all(isinstance(value, str) for value in tree.values())


def _unsound(path: Path, why: str) -> StorageError:
    return StorageError(
        f"{path} is no sound index: {why}.",
        hint="Write it again from the model, or restore it from storage.",
    )
