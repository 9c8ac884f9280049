"""How two images differ, pixel by pixel, with Pillow.

Images come from anywhere: their size is looked at before they are decoded, only formats that plots
have are tried, and whatever a decoder stumbles over is a note.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gitml.comparison.contents import PixelDifference

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_BYTES = 32 << 20
MAX_PIXELS = 16_000_000
INSTALL = "Install gitml[report] to compare pixels: pip install 'gitml[report]'."

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
_DEEP = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
_GREY = frozenset({"1", "L", *_DEEP})
_UNSCALED = frozenset({"I", "F"})
_MOST = {8: 255, 16: 65_535}
# The faintest difference is still seen: one of 1 of 255 steps is drawn as one of 64.
_FAINTEST = 64

Size = tuple[int, int]


def pillow_is_there() -> bool:
    """Whether images can be compared."""
    from importlib.util import find_spec

    return find_spec("PIL") is not None


def dimensions(content: bytes) -> Size | None:
    """Return width and height of an image by its header; None for what can't be told."""
    opened = _opened(content)
    return None if isinstance(opened, str) else opened.size


def compare_pixels(
    first: bytes, second: bytes, *, picture: bool = False
) -> tuple[PixelDifference | None, str]:
    """Return how two images differ, and a note: why there is no difference, or what was left out.

    Colours count as far as they can be seen: of a transparent pixel they don't. Grey images with
    16 bits are compared with all of them. Of an animation the first picture counts.

    Args:
        first: The file of an image.
        second: The file of another.
        picture: Whether to draw the difference: white where nothing differs, the redder the more.
    """
    if not pillow_is_there():
        return None, INSTALL
    sides = []
    for content in (first, second):
        opened = _opened(content)
        if isinstance(opened, str):
            return None, opened
        sides.append(opened)
    if sides[0].size != sides[1].size:
        sizes = " and ".join(f"{width:,} × {height:,}" for width, height in (s.size for s in sides))
        return None, f"They have different sizes: {sizes} pixels."
    try:
        with _quietly():
            moving = any(getattr(side, "is_animated", False) for side in sides)
            found = _difference(sides[0], sides[1], picture=picture)
    except Exception as error:  # decoders raise whatever they like for a damaged image
        return None, _damaged(error)
    if found is None:
        return None, "Images whose values have no scale aren't compared."
    return found, "Only the first picture of an animation is compared." if moving else ""


def as_png(content: bytes) -> tuple[bytes, str]:
    """Return an image as PNG, and why there is none."""
    if not pillow_is_there():
        return b"", INSTALL.replace("compare pixels", "see it")
    opened = _opened(content)
    if isinstance(opened, str):
        return b"", opened
    try:
        with _quietly():
            return _png(opened.convert("RGBA" if opened.has_transparency_data else "RGB")), ""
    except Exception as error:  # decoders raise whatever they like for a damaged image
        return b"", _damaged(error)


def _opened(content: bytes) -> Image | str:
    """Return an image that isn't decoded yet, or why it isn't looked at."""
    from PIL import Image

    if len(content) > MAX_BYTES:
        return "The file is too large to be compared."
    try:
        with _quietly():
            opened = Image.open(io.BytesIO(content), formats=_FORMATS)
    except Image.DecompressionBombError:
        return f"It has more than {MAX_PIXELS:,} pixels, so it isn't compared."
    except Exception as error:  # decoders raise whatever they like for a damaged image
        return _damaged(error)
    width, height = opened.size
    if width * height > MAX_PIXELS:
        return f"It has more than {MAX_PIXELS:,} pixels, so it isn't compared."
    return opened


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the warnings of decoders to themselves: about many pixels, and about odd tags."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _damaged(error: Exception) -> str:
    return f"It can't be read as an image ({type(error).__name__})."


def _difference(first: Image, second: Image, *, picture: bool) -> PixelDifference | None:
    """Return the difference of two images of the same size; None for images without a scale."""
    modes = {first.mode, second.mode}
    if modes & _UNSCALED:
        return None
    if modes & _DEEP and modes <= _GREY:
        strongest, mean, bits = _deep(first, second)
    else:
        strongest, mean, bits = _shallow(first, second)
    width, height = first.size
    count = width * height
    differing = count - strongest.histogram()[0]
    return PixelDifference(
        width=width,
        height=height,
        share=differing / count,
        mean=mean / _MOST[bits],
        picture=_drawn(strongest) if picture and differing else b"",
    )


def _shallow(first: Image, second: Image) -> tuple[Image, float, int]:
    """Return the largest difference of a channel for each pixel, and the mean of all channels."""
    from PIL import ImageChops

    transparent = first.has_transparency_data or second.has_transparency_data
    one, other = (_eight_bits(side, alpha=transparent) for side in (first, second))
    bands = ImageChops.difference(one, other).split()
    strongest = bands[0]
    for band in bands[1:]:
        strongest = ImageChops.lighter(strongest, band)
    return strongest, sum(map(_mean, bands)) / len(bands), 8


def _eight_bits(image: Image, *, alpha: bool) -> Image:
    if image.mode in _DEEP:
        image = _halves(image)[0]
    if not alpha:
        return image.convert("RGB")
    # Premultiplied: the colour of a pixel counts as much as the pixel is opaque.
    return image.convert("RGBA").convert("RGBa")


def _deep(first: Image, second: Image) -> tuple[Image, float, int]:
    """Return the same of grey images, of which one has 16 bits."""
    from PIL import ImageChops, ImageMath

    one, other = (_sixteen_bits(side) for side in (first, second))
    step = ImageMath.lambda_eval(lambda args: abs(args["a"] - args["b"]), a=one, b=other)
    high = ImageMath.lambda_eval(lambda args: args["convert"](args["d"] / 256, "L"), d=step)
    low = ImageMath.lambda_eval(lambda args: args["convert"](args["d"] % 256, "L"), d=step)
    # A pixel that differs in its low bits alone still counts as one that differs.
    seen = low.point([0] + [1] * 255)
    return ImageChops.lighter(high, seen), 256 * _mean(high) + _mean(low), 16


def _sixteen_bits(image: Image) -> Image:
    from PIL import ImageMath

    if image.mode in _DEEP:
        halves = _halves(image)
    else:
        grey = image.convert("L")
        halves = (grey, grey)  # 255 becomes 65,535
    high, low = (half.convert("I") for half in halves)
    made: Image = ImageMath.lambda_eval(lambda args: args["h"] * 256 + args["l"], h=high, l=low)
    return made


def _halves(image: Image) -> tuple[Image, Image]:
    """Return the high and the low eight bits of an image with 16; Pillow cuts them otherwise."""
    import sys

    from PIL import Image

    data = image.tobytes()
    big = image.mode == "I;16B" or (image.mode == "I;16N" and sys.byteorder == "big")
    first, second = (Image.frombytes("L", image.size, data[place::2]) for place in (0, 1))
    return (first, second) if big else (second, first)


def _mean(band: Image) -> float:
    counts = band.histogram()
    return sum(value * count for value, count in enumerate(counts)) / max(1, sum(counts))


def _drawn(strongest: Image) -> bytes:
    """Return a picture of differences: white for none, the redder the larger."""
    scale = [0] + [_FAINTEST + round(n * (255 - _FAINTEST) / 255) for n in range(1, 256)]
    shades = strongest.point(scale)
    # Red on white is told from it without colours, too: it is darker.
    shades.putpalette([channel for n in range(256) for channel in (255 - n // 6, 255 - n, 255 - n)])
    return _png(shades)


def _png(image: Image) -> bytes:
    made = io.BytesIO()
    image.save(made, "PNG")
    return made.getvalue()
