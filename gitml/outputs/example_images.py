"""Images of examples: out of arrays, and out of files of their own."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gitml.errors import RecordError
from gitml.outputs.label_values import texts_of
from gitml.outputs.npz_file import Array, NpzFile
from gitml.outputs.png import picture

# A file with fewer bytes is shown as it is.
_SMALL = 100_000
_SIDE = 320
_MOST_PIXELS = 50_000_000
_MOST_VALUES = 16_000_000

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


def images_of(
    path: Path, where: str, arrays: tuple[str, str], wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield (id, PNG) of the wanted examples that an `.npz` file has.

    All are drawn on the same scale: up to 255 where the brightest is near it, fractions from 0
    (or -1) to 1, and other numbers from 0 (or the lowest) to the highest of those drawn.

    Args:
        path: The file.
        where: What to call it in messages.
        arrays: Names of its arrays of ids, and of images: (n, height, width[, channels]).
        wanted: Ids of examples.

    Raises:
        RecordError: if the file or the arrays can't be read, or hold no images.
    """
    with NpzFile(path, where) as file:
        ids = texts_of(file.texts(arrays[0]))
        about = file.about(arrays[1])
        _check(about, len(ids), where, arrays)
        place_of = {name: place for place, name in reversed(list(enumerate(ids)))}
        places = {place_of[name]: name for name in wanted if name in place_of}
        found = {places[place]: image for place, image in file.rows(arrays[1], list(places))}
    if not found:
        return
    low, high = _scale(list(found.values()))
    for name in wanted:
        if name in found:
            try:
                yield name, picture(found[name], low, high)
            except ValueError as error:
                raise RecordError(f"{where}: {arrays[1]} holds no images: {error}.") from error


def _check(about: Array, many: int, where: str, arrays: tuple[str, str]) -> None:
    shape = about.shape
    values = 1
    for length in shape[1:]:
        values *= length
    if len(shape) not in (3, 4) or about.kind.lstrip("<>|=")[:1] not in "?biuf":
        raise RecordError(
            f"{where}: {arrays[1]} holds no images: its shape is {shape}.",
            hint="Images are (n, height, width), or (n, height, width, channels).",
        )
    if shape[0] != many:
        raise RecordError(f"{where} has {many:,} {arrays[0]} and {shape[0]:,} {arrays[1]}.")
    if values > _MOST_VALUES:
        raise RecordError(f"{where}: images of {values:,} values are too large to be shown.")


def _scale(images: Sequence[Any]) -> tuple[float, float]:
    """Return what is black and what is white."""
    import numpy

    finite = [image[numpy.isfinite(image)] for image in images]
    finite = [values for values in finite if values.size]
    low = min((float(values.min()) for values in finite), default=0.0)
    high = max((float(values.max()) for values in finite), default=1.0)
    if low >= 0 and 127 < high <= 255:
        return 0.0, 255.0
    if images[0].dtype.kind == "f" and low >= -1 and 0.5 < high <= 1:
        return (-1.0 if low < 0 else 0.0), 1.0
    return min(low, 0.0), high


def media_of(content: bytes) -> str:
    """Return the media type of an image by its first bytes; empty for everything else."""
    for start, media in _SIGNATURES:
        if content.startswith(start):
            return media
    return "image/webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else ""


def smaller(media: str, content: bytes) -> tuple[str, bytes]:
    """Return an image file that is small enough for a report, where Pillow can make it so."""
    if len(content) <= _SMALL:
        return media, content
    try:
        from PIL import Image
    except ImportError:
        return media, content
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "GIF", "WEBP")) as image:
            if image.width * image.height > _MOST_PIXELS:
                return media, content
            image.thumbnail((_SIDE, _SIDE))
            mode = "RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"
            out = io.BytesIO()
            image.convert(mode).save(out, "PNG", optimize=True)
    except Exception:  # whatever a damaged file ends in, the browser is shown the file itself
        return media, content
    return "image/png", out.getvalue()
