"""Which artifacts of several experiments are the same output, though a folder has another name.

Scripts write into folders that are named after the time, a job or the run itself. An output that
was written into such a folder is compared with its like, not reported as removed and added.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence

from gitml.comparison.sides import line_up, names_of
from gitml.experiment.record import Record
from gitml.outputs.artifact import Artifact

_DIGITS = re.compile(r"\d+")

Lined = tuple[Artifact | None, ...]


def line_up_artifacts(records: Sequence[Record]) -> dict[str, Lined]:
    """Return path → the artifact of each record; the path is that of the last one that has it."""
    sides = [{item.path: item for item in record.artifacts} for record in records]
    found: dict[str, Lined] = {}
    alone: list[Lined] = []
    for path in names_of(sides):
        items = line_up(sides, path)
        if sum(item is not None for item in items) > 1 or len(sides) < 2:
            found[path] = items
        else:
            alone.append(items)
    for shape in (_without_numbers, _file_and_depth):
        alone = _merged(alone, shape)
    return found | {_path(items): items for items in alone}


def _path(items: Lined) -> str:
    return next(item.path for item in reversed(items) if item is not None)


def _without_numbers(item: Artifact) -> object:
    """Return what stays of the path in folders that are named after the time."""
    folder, name = posixpath.split(item.path)
    return item.role, _DIGITS.sub("#", folder), name


def _file_and_depth(item: Artifact) -> object:
    return item.role, item.path.count("/"), posixpath.basename(item.path)


def _merged(rows: Iterable[Lined], shape: Callable[[Artifact], object]) -> list[Lined]:
    """Return the rows with those merged that have one shape, no side having two of it."""
    groups: dict[object, list[Lined]] = {}
    for items in rows:
        known = next(item for item in items if item is not None)
        groups.setdefault(shape(known), []).append(items)
    found: list[Lined] = []
    for group in groups.values():
        sides = [[item for item in place if item is not None] for place in zip(*group, strict=True)]
        if len(group) > 1 and all(len(side) < 2 for side in sides) and _one_folder(group):
            found.append(tuple(side[0] if side else None for side in sides))
        else:
            found += group
    return found


def _one_folder(group: Sequence[Lined]) -> bool:
    """Whether the paths differ in folders with numbers, or in the name of one folder at most."""
    paths = [_path(items).split("/") for items in group]
    differing = [names for names in zip(*paths, strict=True) if len(set(names)) > 1]
    return len(differing) == 1 or all(
        len({_DIGITS.sub("#", name) for name in names}) == 1 for names in differing
    )
