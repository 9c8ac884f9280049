"""Images that scripts hand over as arrays of bytes."""

from __future__ import annotations

from typing import Any

from gitml.api.given import on_cpu, shape_of
from gitml.errors import ArtifactError
from gitml.outputs.png import encode

_CHANNELS = (1, 3, 4)
_MOST = 1 << 24  # pixels along a side
_SHAPES = "Images are uint8 arrays of the shape (height, width), or (height, width, 3) for RGB."


def png_of_array(image: Any) -> bytes:
    """Return a PNG of an array of the shape (height, width) or (height, width, 1, 3 or 4).

    Raises:
        ArtifactError: if it has another shape, or elements that aren't uint8.
    """
    kind = str(getattr(image, "dtype", "")).rpartition(".")[2]
    shape = shape_of(image) or ()
    channels = shape[2] if len(shape) == 3 else 1
    if (
        len(shape) not in (2, 3)
        or channels not in _CHANNELS
        or not 0 < min(shape) <= max(shape) <= _MOST
    ):
        raise ArtifactError(f"The image has the shape {shape}.", hint=_shape_hint(image, shape))
    if kind != "uint8":
        raise ArtifactError(
            f"The image has elements of type {kind or type(image).__name__}, and not uint8.",
            hint=f"Numbers from 0 to 1: (image * 255).round().{_cast(image)}.",
        )
    pixels = on_cpu(image)
    pixels = pixels.numpy() if hasattr(pixels, "numpy") else pixels
    return encode(pixels.tobytes(), shape[1], shape[0], channels)


def _shape_hint(image: Any, shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and shape[0] in _CHANNELS:
        method = "permute" if _is_tensor(image) else "transpose"
        return f"{_SHAPES} With the channels first: image.{method}(1, 2, 0)."
    return _SHAPES


def _cast(image: Any) -> str:
    return "byte()" if _is_tensor(image) else "astype('uint8')"


def _is_tensor(image: Any) -> bool:
    return hasattr(image, "permute")
