"""Arrays of numbers as PNG images, written by hand so that no image library is needed.

Format: https://www.w3.org/TR/png-3/. Eight bits a channel, no interlacing, no metadata, so that
the same pixels give the same bytes.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
_LEVEL = 9
# Small images are drawn this large, so that they can be seen.
_SIDE = 128


def encode(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """Return a PNG file.

    Args:
        pixels: Row by row, `channels` bytes a pixel.
        width: Pixels, at least 1.
        height: Pixels, at least 1.
        channels: 1 (grey), 3 (red, green, blue) or 4 (with opacity).
    """
    stride = width * channels
    rows = (pixels[place : place + stride] for place in range(0, height * stride, stride))
    body = zlib.compress(b"".join(b"\0" + row for row in rows), _LEVEL)
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def picture(image: Any, low: float, high: float) -> bytes:
    """Return an array of numpy as a PNG, small ones enlarged without smoothing.

    Args:
        image: (height, width[, channels]), or (channels, height, width); numbers or booleans.
        low: What becomes black; NaN does too.
        high: What becomes white.

    Raises:
        ValueError: if its shape is that of no image.
    """
    import numpy

    array = numpy.asarray(image)
    if array.ndim == 3 and array.shape[-1] not in _COLOUR_TYPES and array.shape[0] in _COLOUR_TYPES:
        array = numpy.moveaxis(array, 0, -1)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[-1] not in _COLOUR_TYPES or 0 in array.shape:
        raise ValueError(f"an array of the shape {numpy.shape(image)} is no image")
    height, width, channels = array.shape
    with numpy.errstate(all="ignore"):
        scaled = (array.astype(float) - low) * (255 / ((high - low) or 1))
    bytes_ = numpy.nan_to_num(scaled, nan=0.0, posinf=255, neginf=0).clip(0, 255).round()
    times = max(1, _SIDE // max(height, width))
    large = bytes_.astype(numpy.uint8).repeat(times, axis=0).repeat(times, axis=1)
    return encode(large.tobytes(), width * times, height * times, channels)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
