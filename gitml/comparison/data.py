"""Data, partition and artifacts side by side."""

from __future__ import annotations

from collections.abc import Sequence

from gitml.comparison.outputs import line_up_artifacts
from gitml.comparison.result import Data, Output, Part
from gitml.comparison.sides import change_of, line_up, names_of
from gitml.experiment.record import Record
from gitml.inputs.examples import place_of
from gitml.inputs.folding import folded_alike
from gitml.inputs.manifest import DataInput


def compare_data(records: Sequence[Record], *, everything: bool) -> tuple[Data, ...]:
    """Return the inputs of data."""
    sides = folded_alike([record.inputs.data for record in records])
    rows = []
    for name in sorted(names_of(sides)):
        items = line_up(sides, name)
        change = change_of(
            [item and (item.kind, _content(item, at)) for at, item in enumerate(items)]
        )
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


def _content(item: DataInput, side: int) -> str:
    """Return its digest; what a run read and then overwrote is like nothing else."""
    return item.digest or ("" if item.kind == "external" else f"lost {side}")


def compare_partition(records: Sequence[Record], *, everything: bool) -> tuple[Part, ...]:
    """Return the parts of the partitions."""
    sides = [record.inputs.partition.parts for record in records]
    rows = []
    for name in sorted(names_of(sides), key=place_of):
        parts = line_up(sides, name)
        change = change_of(parts)
        if everything or change != "same":
            counts = tuple(part.count if part else None for part in parts)
            digests = tuple(part.digest if part else None for part in parts)
            rows.append(Part(name, counts, digests, change))
    return tuple(rows)


def compare_artifacts(records: Sequence[Record], *, everything: bool) -> tuple[Output, ...]:
    """Return what came out of the runs."""
    rows = []
    for path, items in sorted(line_up_artifacts(records).items()):
        values = tuple(item.digest if item else None for item in items)
        change = change_of(values)
        if everything or change != "same":
            role = next(item.role for item in items if item)
            sizes = tuple(item.size if item else None for item in items)
            known = {item.path for item in items if item}
            paths = tuple(item.path if item else None for item in items) if len(known) > 1 else ()
            rows.append(Output(path, role, change, values, sizes, paths))
    return tuple(rows)
