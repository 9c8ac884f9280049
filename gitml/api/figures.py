"""`gitml.log_figure`: a figure, chart or image as a file of the experiment."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Literal, SupportsIndex

from gitml.api.charts import SUFFIXES, chart_of
from gitml.api.given import scalar
from gitml.api.images import png_of_array
from gitml.api.made import named, write
from gitml.errors import ArtifactError
from gitml.inputs.examples import shown

_KNOWN = (
    "Figures are those of matplotlib (also axes, or pyplot itself for the current one), plotly and "
    "altair, the dict of a plotly or Vega-Lite chart, images of PIL, and uint8 arrays of the shape "
    "(height, width) or (height, width, 3)."
)
_DEEPEST = 10


def log_figure(
    figure: Any,
    name: str = "figure",
    step: SupportsIndex | None = None,
    format: Literal["png", "svg"] | None = None,
) -> Path:
    """Record a figure, an interactive chart, or an image with the experiment.

        gitml.log_figure(figure, "confusion")
        gitml.log_figure(figure, "samples", step=epoch)

    In `gitml exp run` it becomes `.gitml/plots/<name>.png` of the experiment; elsewhere it is a
    file below `.gitml/outside/`. A second call with the same name replaces the first, unless
    `step` is given: `samples-00010.png`.

    The same figure gives the same bytes: no date and no version of a library is in the file.

    Args:
        figure: One of
            - a figure of matplotlib, axes of one, anything that has a `figure` (seaborn, the
              displays of scikit-learn), or `matplotlib.pyplot` for the current figure;
            - a figure of plotly, or its dict: `<name>.plotly.json`;
            - a chart of altair, or a dict with a Vega-Lite specification: `<name>.vl.json`;
            - an image of PIL;
            - an array of uint8 of the shape (height, width) for grey, (height, width, 3) for RGB,
              (height, width, 4) with transparency: numpy, or torch on any device.
        name: Names the file; may have folders (`train/confusion`).
        step: Step or epoch that the figure belongs to, from 0; it becomes part of the name.
        format: `png` or `svg`, of matplotlib's figures; without it the suffix of `name` counts,
            or else it is PNG.

    Returns:
        Where it was written.

    Raises:
        ArtifactError: if `figure` is none of these, `name` can't name a file, or `step` is no
            whole number from 0. It is a ValueError, too.
    """
    stem, wanted = _split(name, format)
    if step is not None:
        stem = f"{stem}-{_whole(step):05d}"
    chart = chart_of(figure)
    if chart is not None:
        suffix, data = chart
        if format is not None:
            raise ArtifactError(
                f"The chart is interactive, and can't be written as {format}.",
                hint=f"It is recorded as JSON ({suffix}), which reports draw.",
            )
        return _put(data, stem, suffix)
    drawn = _matplotlib(figure)
    if drawn is not None:
        return _put(_drawn(drawn, wanted), stem, f".{wanted}")
    image = _image(figure)
    if image is None:
        raise ArtifactError(f"{shown(figure)} is no figure that can be recorded.", hint=_KNOWN)
    if wanted != "png":
        raise ArtifactError("An image is written as PNG, not as SVG.")
    return _put(image, stem, ".png")


def _put(data: bytes, stem: str, suffix: str) -> Path:
    def fill(file: BinaryIO) -> None:
        file.write(data)

    return write("plots", named(f"{stem}{suffix}", suffix), fill)


def _split(name: Any, format: str | None) -> tuple[str, str]:
    """Return the name without its suffix, and the format of a drawing."""
    if format not in (None, "png", "svg"):
        raise ArtifactError(f"The format is {shown(format)}.", hint="There are png and svg.")
    text = name if isinstance(name, str) else named(name, "")
    for suffix in (*SUFFIXES, ".png", ".svg"):
        if text.lower().endswith(suffix) and len(text) > len(suffix):
            text, found = text[: -len(suffix)], suffix[1:]
            break
    else:
        found = ""
    named(text, "")
    own = found if found in ("png", "svg") else ""
    if own and format and own != format:
        raise ArtifactError(f"The name {shown(name)} and the format {format} contradict.")
    return text, format or own or "png"


def _whole(step: Any) -> int:
    value = scalar(step)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ArtifactError(f"The step is {shown(step)}, and no whole number from 0.")
    return value


def _matplotlib(figure: Any) -> Any:
    """Return the figure of matplotlib that is meant, or None."""
    if callable(getattr(figure, "gcf", None)):  # pyplot itself
        if not figure.get_fignums():
            raise ArtifactError("There is no current figure in pyplot.")
        return figure.gcf()
    for _ in range(_DEEPEST):  # axes → subfigure → figure
        if callable(getattr(figure, "savefig", None)) and hasattr(figure, "canvas"):
            return figure
        above = getattr(figure, "figure", None) or getattr(figure, "figure_", None)
        if above is None or above is figure:
            break
        figure = above
    # `subplots` returns arrays of axes, and `plot` lists of lines.
    inside = getattr(figure, "flat", figure if isinstance(figure, list | tuple) else None)
    if isinstance(inside, Iterable) and str(getattr(figure, "dtype", "object")) == "object":
        first = next(iter(inside), None)
        if hasattr(first, "figure"):
            return _matplotlib(first)
    return None


def _drawn(figure: Any, format: str) -> bytes:
    from matplotlib import rc_context

    # None leaves an entry out. Without a salt, ids in SVG files are random:
    # https://matplotlib.org/stable/users/explain/customizing.html
    entries = ("Software",) if format == "png" else ("Date", "Creator")
    metadata = dict.fromkeys(entries)
    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "gitml"}):
        figure.savefig(file, format=format, metadata=metadata)
    return file.getvalue()


def _image(image: Any) -> bytes | None:
    """Return the PNG of an image of PIL or of an array, or None."""
    if callable(getattr(image, "save", None)) and hasattr(image, "getbands"):
        return _png(image)
    return png_of_array(image) if hasattr(image, "dtype") and hasattr(image, "shape") else None


# What PNG holds as it is: https://pillow.readthedocs.io/en/stable/handbook/image-file-formats.html
_MODES = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")


def _png(image: Any) -> bytes:
    file = io.BytesIO()
    try:
        if image.mode not in _MODES:
            image = image.convert("I;16" if image.mode == "I" else "RGB")
        image.save(file, format="PNG")
    except Exception as error:  # whatever keeps it from being one: no pixels, a file that is gone
        raise ArtifactError(f"The image can't be written as PNG: {error}.") from error
    return file.getvalue()
