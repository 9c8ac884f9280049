"""The split that a run logged, in the run's folder: who may write what, and reading it back.

A call of `gitml.log_split` is a header (JSON) and a list of ids (CSV: `id,part[,group]`, sorted).
The list is named after its content, and the header comes last, in one step, so that a reader finds
both or none. Processes of one run may log the same split; the first one writes it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitml.errors import PartitionError
from gitml.inputs.split import Split, SplitPart
from gitml.storage.durable import disk_errors, sync_folder, write_durably
from gitml.values import Scalar

FOLDER = "partition"
_SCHEMA = 1
_HEADER = ("id", "part", "group")
_QUOTED = frozenset('",\r\n')


class Logged(NamedTuple):
    """A split as it was logged.

    Attributes:
        name: Tells several splits of one run apart; empty for the only one.
        method: How it was made, as the script said.
        seed: The seed of the split, as the script said.
        parts: Part → size and digests.
        warnings: What was said about it.
        ids: The list of ids, as a file.
    """

    name: str
    method: str
    seed: Scalar
    parts: dict[str, SplitPart]
    warnings: tuple[str, ...]
    ids: Path


def write_split(run: Path, name: str, split: Split, method: str = "", seed: Scalar = None) -> None:
    """Log a split in the folder of a run.

    Args:
        run: The run's folder.
        name: Tells several splits of one run apart.
        split: The split; its parts are named as they are recorded.
        method: How it was made.
        seed: The seed that it was made with.

    Raises:
        PartitionError: if another split was logged under this name.
        StorageError: if it can't be written.
    """
    folder = run / FOLDER
    with disk_errors(f"make the folder {folder}", run):
        folder.mkdir(mode=0o700, exist_ok=True)
    place = folder / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}.json"
    if _is_logged(place, name, split):
        return
    data = render(split)
    listing = f"{hashlib.sha256(data).hexdigest()}.csv"
    write_durably(folder / listing, data, 0o600)
    header = {
        "schema": _SCHEMA,
        "name": name,
        "method": method,
        "seed": seed,
        "parts": {part: about._asdict() for part, about in split.parts.items()},
        "warnings": split.warnings,
        "ids": listing,
    }
    _publish(place, json.dumps(header, indent=1).encode(), name, split)


def read_splits(run: Path) -> list[Logged]:
    """Return what a run logged, by name; of a name that several stretches of it used, the latest.

    Raises:
        PartitionError: if something isn't as `write_split` left it.
    """
    found: dict[str, Logged] = {}
    for folder in _folders(run):
        for place in sorted(folder.glob("*.json")):
            try:
                one = _read(place)
            except OSError as error:
                raise _damaged() from error
            found[one.name] = one
    return [found[name] for name in sorted(found)]


def set_aside(run: Path) -> None:
    """Let a run that goes on log its splits anew; those from before stay readable.

    Raises:
        StorageError: if the folder can't be renamed.
    """
    folder = run / FOLDER
    if folder.is_dir():
        with disk_errors(f"rename the folder {folder}", run):
            folder.rename(run / f"{FOLDER}.{len(_folders(run)):06}")


def render(split: Split) -> bytes:
    """Return the list of ids of one split, sorted by id."""
    part_of: dict[str, str] = {}
    for part, ids in split.ids.items():
        part_of.update(dict.fromkeys(ids, part))
    group_of = {one: group for of in split.groups.values() for one, group in of.items()}
    return _render(
        ((one, part_of[one], group_of.get(one, "")) for one in sorted(part_of)),
        grouped=bool(group_of),
        plain=_QUOTED.isdisjoint("".join([*part_of, *split.ids, *group_of.values()])),
    )


def merge(splits: Iterable[Logged]) -> bytes:
    """Return the lists of several splits as one, sorted by id and part.

    Raises:
        PartitionError: if a list isn't as `write_split` left it.
    """
    texts = [_checked(one) for one in splits]
    if len(texts) == 1:
        return texts[0]
    rows = sorted(row for text in texts for row in _rows(text))
    return _render(iter(rows), grouped=any(row[2] for row in rows), plain=False)


def parse(data: bytes) -> dict[str, set[str]]:
    """Return part → ids of a list.

    Raises:
        PartitionError: if it isn't one.
    """
    parts: dict[str, set[str]] = {}
    for identifier, part, _ in _rows(data):
        parts.setdefault(part, set()).add(identifier)
    return parts


def _rows(data: bytes) -> Iterator[tuple[str, str, str]]:
    try:
        text = data.decode("utf-8", "surrogatepass")
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        width = len(next(lines, ()))
        for line in lines:
            identifier, part, group = line if width == 3 else (*line, "")
            yield identifier, part, group
    except (ValueError, csv.Error) as error:
        raise PartitionError(f"The list of the ids of a partition is damaged: {error}.") from error


def _render(rows: Iterator[tuple[str, str, str]], *, grouped: bool, plain: bool) -> bytes:
    width = 3 if grouped else 2
    if plain:  # four times as fast
        lines = [",".join(_HEADER[:width]), *(",".join(row[:width]) for row in rows), ""]
        return "\n".join(lines).encode("utf-8", "surrogatepass")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER[:width])
    writer.writerows(row[:width] for row in rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def _is_logged(place: Path, name: str, split: Split) -> bool:
    """Whether the same split has been logged.

    Raises:
        PartitionError: if another one was.
    """
    try:
        known = _read(place).parts
    except FileNotFoundError:
        return False
    if known == split.parts:
        return True
    differing = [
        part for part in {**known, **split.parts} if known.get(part) != split.parts.get(part)
    ]
    called = f"named {name!r} " if name else ""
    raise PartitionError(
        f"Another split {called}was logged in this run before: {' and '.join(differing)} differ.",
        hint="Give each split a name (gitml.log_split(…, name='fold0')). Every process of a run "
        "logs the whole split, not its share of it.",
    )


def _publish(place: Path, data: bytes, name: str, split: Split) -> None:
    """Put the header in place, unless another process was faster."""
    temporary = place.with_name(f".{place.name}.{os.getpid()}-{os.urandom(4).hex()}")
    write_durably(temporary, data, 0o600)
    try:
        os.link(temporary, place)
    except FileExistsError:
        _is_logged(place, name, split)
    except OSError:  # a filesystem without links
        os.replace(temporary, place)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(place.parent)


def _folders(run: Path) -> list[Path]:
    """Return the folders of all stretches of a run, the earliest first."""
    earlier = sorted(run.glob(f"{FOLDER}.*"))
    last = run / FOLDER
    return [*earlier, last] if last.is_dir() else earlier


def _read(place: Path) -> Logged:
    data = place.read_bytes()
    try:
        header = json.loads(data)
        return Logged(
            name=str(header["name"]),
            method=str(header["method"]),
            seed=_scalar(header["seed"]),
            parts=_parts(header["parts"]),
            warnings=tuple(map(str, header["warnings"])),
            ids=place.parent / os.path.basename(header["ids"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged() from error


def _parts(known: Mapping[str, Mapping[str, str | int]]) -> dict[str, SplitPart]:
    return {
        str(part): SplitPart(
            size=int(about["size"]),
            digest=str(about["digest"]),
            groups=str(about["groups"]),
            content=str(about["content"]),
        )
        for part, about in known.items()
    }


def _scalar(value: object) -> Scalar:
    return value if isinstance(value, Scalar) else str(value)


def _checked(one: Logged) -> bytes:
    try:
        data = one.ids.read_bytes()
    except OSError as error:
        raise _damaged() from error
    if f"{hashlib.sha256(data).hexdigest()}.csv" != one.ids.name:
        raise _damaged()
    return data


def _damaged() -> PartitionError:
    return PartitionError(
        "The split that the run logged can't be read back.",
        hint="The disk may have been full; the experiment is recorded without its partition.",
    )
