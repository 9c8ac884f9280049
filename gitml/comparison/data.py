"""Data, partition and artifacts side by side, and whether metrics can be compared at all."""

from __future__ import annotations

from collections.abc import Sequence

from gitml.comparison.result import Data, Output, Part
from gitml.comparison.sides import change_of, line_up, names_of
from gitml.experiment.record import Record
from gitml.inputs.manifest import PartInput

_TRAINING = ("train", "training", "fit")
_TESTING = ("test", "testing", "holdout", "hold-out", "eval", "evaluation")


def compare_data(records: Sequence[Record], *, everything: bool) -> tuple[Data, ...]:
    """Return the inputs of data."""
    sides = [record.inputs.data for record in records]
    rows = []
    for name in sorted(names_of(sides)):
        items = line_up(sides, name)
        change = change_of([item and (item.kind, item.digest) for item in items])
        if everything or change != "same":
            rows.append(
                Data(
                    name=name,
                    values=tuple(item.digest if item else None for item in items),
                    change=change,
                    sizes=tuple(item.size if item else None for item in items),
                    files=tuple(item.files if item else None for item in items),
                    kinds=tuple(item.kind if item else None for item in items),
                )
            )
    return tuple(rows)


def compare_partition(records: Sequence[Record], *, everything: bool) -> tuple[Part, ...]:
    """Return the parts of the partitions."""
    sides = [record.inputs.partition.parts for record in records]
    rows = []
    for name in sorted(names_of(sides), key=_place):
        parts = line_up(sides, name)
        change = change_of(parts)
        if everything or change != "same":
            counts = tuple(part.count if part else None for part in parts)
            digests = tuple(part.digest if part else None for part in parts)
            rows.append(Part(name, counts, digests, change))
    return tuple(rows)


def compare_artifacts(records: Sequence[Record], *, everything: bool) -> tuple[Output, ...]:
    """Return what came out of the runs."""
    sides = [{item.path: item for item in record.artifacts} for record in records]
    rows = []
    for path in sorted(names_of(sides)):
        items = line_up(sides, path)
        values = tuple(item.digest if item else None for item in items)
        change = change_of(values)
        if everything or change != "same":
            role = next(item.role for item in items if item)
            sizes = tuple(item.size if item else None for item in items)
            rows.append(Output(path, role, change, values, sizes))
    return tuple(rows)


def comparability(records: Sequence[Record]) -> tuple[bool, list[str]]:
    """Return whether metrics were measured on the same data, and sentences about it.

    Known test parts decide; without any, all parts that aren't for training; and where no
    partition is known on some side, all data must be the same.
    """
    sides = [record.inputs.partition.parts for record in records]
    names = names_of(sides)
    tests = [name for name in names if name.lower() in _TESTING]
    held = [name for name in names if name.lower() not in _TRAINING]
    if all(sides) and (tests or held):
        decisive = _differing(sides, tests or held)
        if decisive:
            return False, [f"Not comparable: the {_parts(decisive)}."]
        others = _differing(sides, held)
        said = [f"The {_parts(others)}, so metrics on it can't be compared."] if others else []
        return True, said
    contents = {
        tuple(sorted((item.kind, item.digest) for item in record.inputs.data.values()))
        for record in records
    }
    if len(contents) > 1:
        return False, ["Not comparable: the data differ, and which part is for testing is unknown."]
    return True, []


def _place(name: str) -> tuple[int, str]:
    """Return where a part stands: training first, testing last."""
    lower = name.lower()
    return (0 if lower in _TRAINING else 2 if lower in _TESTING else 1), name


def _differing(sides: Sequence[dict[str, PartInput]], names: Sequence[str]) -> list[str]:
    return [name for name in names if change_of(line_up(sides, name)) != "same"]


def _parts(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} parts differ"
