"""Where the tensors of a model lie, which may be one safetensors file or several."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from gitml.errors import StorageError
from gitml.outputs.safetensors_file import read_header
from gitml.outputs.tensor_layout import TensorEntry


class Place(NamedTuple):
    """A tensor in a file.

    Attributes:
        path: The file.
        offset: Of the tensor's first byte in the file.
        entry: Its name, element type and shape.
    """

    path: Path
    offset: int
    entry: TensorEntry


def places(paths: Iterable[Path]) -> dict[str, Place]:
    """Return name → where the tensor lies, sorted by name; only the headers are read.

    Raises:
        NotFoundError: if a file doesn't exist.
        StorageError: if one is no sound safetensors file, or two have a tensor of the same name.
    """
    found: dict[str, Place] = {}
    for path in paths:
        header = read_header(path)
        for entry in header.tensors:
            if entry.name in found:
                other = found[entry.name].path
                raise StorageError(f"{path} and {other} both have {entry.name[:100]!r}.")
            found[entry.name] = Place(path, header.offset + entry.start, entry)
    return {name: found[name] for name in sorted(found)}
