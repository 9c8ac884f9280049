"""Many files of one folder as one input: a data set that nobody tracks is one line of a record.

The digest of such an input is made of the names and digests of the files *that the run read*. The
names are kept, so that a file that comes up beside them is told from one of theirs; where the run
listed a folder and read all of it there is nothing to tell apart, and no name is kept.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from gitml.inputs.manifest import DataInput

# Files of one folder that are still told one by one.
FEW = 50
# Stands for the names where they are those of all files directly in the folder.
ALL = "*"

_LARGEST = 64 * 1024 * 1024


def fold(data: Mapping[str, DataInput], few: int = FEW) -> dict[str, DataInput]:
    """Return inputs in which the unversioned files of a folder are one, if they are many.

    Such an input has the folder's path with a slash behind it as its name. Files of small folders
    are folded together in the folder above. What is declared, what is known to Git or DVC, what an
    experiment made and what is gone stays as it is.

    Args:
        data: Name → input.
        few: As many files of a folder stay apart.
    """
    folders = _many([name for name, item in data.items() if _can_be_folded(name, item)], few)
    if not folders:
        return dict(data)
    folded = {name for names in folders.values() for name in names}
    kept = {name: item for name, item in data.items() if name not in folded}
    for folder, names in folders.items():
        kept[folder] = folded_input({name.removeprefix(folder): data[name] for name in names})
    return dict(sorted(kept.items()))


def _many(names: Iterable[str], few: int) -> dict[str, list[str]]:
    """Return folder → the files below it that are many together, from the inside out."""
    waiting: dict[str, list[str]] = {}
    for name in names:
        waiting.setdefault(posixpath.dirname(name), []).append(name)
    found = {}
    while waiting:
        folder = max(waiting, key=lambda path: path.count("/"))
        below = waiting.pop(folder)
        if folder in ("", "/"):
            continue
        if len(below) > few:
            found[f"{folder}/"] = below
        else:
            waiting.setdefault(posixpath.dirname(folder), []).extend(below)
    return found


def folded_input(files: Mapping[str, DataInput]) -> DataInput:
    """Return the one input for files of a folder: name in the folder → input."""
    return DataInput(
        kind="unversioned",
        digest=folded_digest((name, item.digest) for name, item in files.items()),
        size=sum(item.size for item in files.values()),
        files=len(files),
        declared=False,
        restorable=False,
        names=_packed(files),
    )


def folded_digest(files: Iterable[tuple[str, str]]) -> str:
    """Return `sha256:<hex>` over the (name, digest) pairs of files; the order is of no matter."""
    text = "".join(f"{name}\0{digest}\n" for name, digest in sorted(files))
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def names_in(item: DataInput, present: Collection[str] = ()) -> tuple[str, ...]:
    """Return the paths in the folder of the files that an input was folded from.

    What is no path in a folder is left out: a record may come from anywhere.

    Args:
        item: An input; one that isn't folded has none.
        present: Files directly in the folder, for an input that stands for all of them.
    """
    if item.names in ("", ALL):
        return tuple(present) if item.names else ()
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b85decode(item.names), _LARGEST)
    except (ValueError, zlib.error):
        return ()
    if not unpacker.eof:  # cut off, or larger than any folder
        return ()
    names = data.decode("utf-8", "surrogateescape").split("\0")
    return tuple(name for name in names if _is_inside(name))


def with_all(item: DataInput) -> DataInput:
    """Return a folded input that stands for all files directly in its folder."""
    return msgspec.structs.replace(item, names=ALL)


def paths_of(data: Mapping[str, DataInput]) -> set[str]:
    """Return the names of inputs; for folded ones the paths of their files, or the folder."""
    found = set(data)
    for name, item in data.items():
        found.update(name + file for file in names_in(item))
        if item.names == ALL:
            found.add(name.rstrip("/"))
    return found


def folded_alike(sides: Sequence[Mapping[str, DataInput]]) -> list[dict[str, DataInput]]:
    """Return inputs of several experiments with the same folders folded in all of them.

    One that was recorded before there was folding, or that read fewer files, names them one by
    one.
    """
    folders = {name: item for side in sides for name, item in side.items() if item.names}
    if not folders:
        return [dict(side) for side in sides]
    # From the inside out: a file belongs to the nearest folder that is folded.
    ordered = sorted(folders, key=lambda folder: -folder.count("/"))
    return [_folded_in(side, ordered, folders) for side in sides]


def _folded_in(
    side: Mapping[str, DataInput], ordered: Iterable[str], folders: Mapping[str, DataInput]
) -> dict[str, DataInput]:
    found = dict(side)
    for folder in ordered:
        if folder in found:
            continue
        flat = folders[folder].names == ALL
        files = [
            name
            for name, item in found.items()
            if name.startswith(folder)
            and not (flat and "/" in name.removeprefix(folder))
            and _can_be_folded(name, item)
        ]
        if files:
            found[folder] = folded_input({n.removeprefix(folder): found.pop(n) for n in files})
    return found


def _is_inside(name: str) -> bool:
    return all(part not in ("", ".", "..") for part in name.split("/"))


def _can_be_folded(name: str, item: DataInput) -> bool:
    return (
        item.kind == "unversioned"
        and not item.declared
        and not item.restorable
        and item.digest != ""
        and not name.endswith("/")
    )


def _packed(names: Iterable[str]) -> str:
    text = "\0".join(sorted(names)).encode("utf-8", "surrogateescape")
    return base64.b85encode(zlib.compress(text, 9)).decode("ascii")


def as_now(item: DataInput, digests: Mapping[str, str], present: Collection[str]) -> DataInput:
    """Return a folded input as it is now.

    Args:
        item: As it was recorded.
        digests: Name → digest of each file that is there.
        present: Files directly in the folder.
    """
    pairs = ((name, digests.get(name, "")) for name in names_in(item, present))
    return msgspec.structs.replace(item, digest=folded_digest(pairs))
