"""The tensor manifest: what each tensor of a model is, so that comparing needs no download.

One JSON object a line, sorted by name: `{"name", "dtype", "shape", "digest", "norm", "mean",
"deviation", "largest", "odd", "sketch"}`. The digest is over the raw little-endian bytes. The
statistics are over the finite elements, rounded to six digits; they are left out where there are
none. The sketch (at most 512 characters) tells how far two tensors are apart.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from collections.abc import Iterable
from pathlib import Path

import msgspec

from gitml.errors import RecordError, StorageError
from gitml.outputs.tensor_layout import TensorEntry
from gitml.outputs.tensor_places import places
from gitml.outputs.tensor_sketch import decode, width
from gitml.storage.parallel import cores, in_threads

# Of a tensor's elements, whatever their size, these are whole blocks of the sketch, or halves.
CHUNK = 127 << 12
_PARALLEL = 32 << 20


class TensorSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """One tensor.

    Attributes:
        name: As the file has it.
        dtype: Element type of safetensors, such as `F32`.
        shape: Dimensions.
        digest: `sha256:<hex>` of the raw bytes.
        norm: Square root of the sum of squares.
        mean: Of the elements; None for complex ones.
        deviation: Standard deviation (of the population); None for complex elements.
        largest: Largest absolute value.
        odd: Number of elements that are NaN or infinite; the statistics leave them out.
        sketch: See `tensor_sketch`; empty where nothing is known, and where all elements are zero.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    digest: str
    norm: float | None = None
    mean: float | None = None
    deviation: float | None = None
    largest: float | None = None
    odd: int = 0
    sketch: str = ""

    @property
    def elements(self) -> int:
        """Their number."""
        return math.prod(self.shape)

    def sums(self) -> tuple[float, ...] | None:
        """Return the sketch; None where nothing is known of the elements, or not all are finite."""
        if self.odd or self.norm is None:
            return None
        if not self.sketch and self.norm == 0:
            return (0.0,) * width(self.shape)
        return decode(self.sketch, self.shape)


def manifest(paths: Iterable[Path]) -> list[TensorSummary]:
    """Return a summary of every tensor in the safetensors files, sorted by name.

    The files are read once, in pieces of 508 KiB. Without numpy there are digests only.

    Raises:
        NotFoundError: if a file doesn't exist.
        StorageError: if one is no sound safetensors file, or two have a tensor of the same name.
    """
    work = list(places(paths).values())
    total = sum(place.entry.size for place in work)
    threads = 1 if total < _PARALLEL else min(cores(), 8)
    return list(in_threads(lambda place: _summary(*place), work, threads))


def render(summaries: Iterable[TensorSummary]) -> bytes:
    """Return the bytes of a manifest."""
    encoder = msgspec.json.Encoder()
    ordered = sorted(summaries, key=lambda summary: summary.name)
    return b"".join(encoder.encode(summary) + b"\n" for summary in ordered)


def parse(data: bytes, where: str = "The tensor manifest") -> list[TensorSummary]:
    """Return the summaries in a manifest.

    Raises:
        RecordError: if a line is no summary; the message names it.
    """
    decoder = msgspec.json.Decoder(TensorSummary)
    found = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RecordError(f"{where}, line {number}: {error}.") from error
    return found


def _summary(path: Path, offset: int, entry: TensorEntry) -> TensorSummary:
    digest = hashlib.sha256()
    statistics = None
    if importlib.util.find_spec("numpy") is not None:
        from gitml.outputs.tensor_statistics import Statistics

        statistics = Statistics.of(entry.dtype, entry.shape)
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            left = entry.size
            buffer = memoryview(bytearray(min(CHUNK, left)))
            while left:
                piece = buffer[: min(CHUNK, left)]
                if stream.readinto(piece) < len(piece):
                    raise StorageError(f"{path} became shorter while it was read.")
                digest.update(piece)
                if statistics is not None:
                    statistics.add(piece)
                left -= len(piece)
    except OSError as error:
        raise StorageError(f"{path} can't be read: {error.strerror or error}.") from error
    figures = statistics.figures() if statistics is not None else {}
    return TensorSummary(
        entry.name, entry.dtype, entry.shape, f"sha256:{digest.hexdigest()}", **figures
    )
