"""Small drawings as SVG whose places are shares of its width: they fit a phone and a page alike."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

import msgspec

from gitml.views.report.markup import Child, Markup, tag


class Axis(msgspec.Struct, frozen=True):
    """A range of numbers laid over a share of the drawing's width.

    Attributes:
        low: Number at the left end.
        high: Number at the right end; larger than `low`.
        left: Where that is, in percent of the width.
        right: Where the right end is.
    """

    low: float
    high: float
    left: float = 2.0
    right: float = 98.0

    def at(self, value: float) -> float:
        """Return the place of a number in percent, inside of the drawing in any case."""
        # Halves, since the span of two large numbers may be larger than any number.
        share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def holds(self, value: float) -> bool:
        """Return whether a number lies on the axis."""
        return self.low <= value <= self.high


def axis_over(
    numbers: Iterable[float | None], *, margin: float = 0.08, left: float = 2.0, right: float = 98.0
) -> Axis:
    """Return an axis on which all of the finite numbers lie, with a margin as a share of it."""
    finite = [number for number in numbers if number is not None and math.isfinite(number)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    span = high - low
    if not math.isfinite(span) or not span > abs(high) * 1e-12:
        span = abs(high) or 1.0
        low, high = low - span / 2, high + span / 2
    return Axis(low - margin * span, high + margin * span, left, right)


def even_axis(numbers: Iterable[float | None], *, left: float = 2.0, right: float = 98.0) -> Axis:
    """Return an axis whose middle is zero, and on which all of the finite numbers lie."""
    finite = [abs(number) for number in numbers if number is not None and math.isfinite(number)]
    reach = min(max(finite, default=0.0) * 1.08, sys.float_info.max) or 1.0
    return Axis(-reach, reach, left, right)


def ticks(axis: Axis, about: int = 5) -> list[float]:
    """Return round numbers on the axis: multiples of 1, 2, 2.5 or 5 times a power of ten."""
    rough = (axis.high - axis.low) / max(about, 1)
    if not (math.isfinite(rough) and rough > 0):
        return []
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * many for many in (1, 2, 2.5, 5, 10) if power * many >= rough), power * 10)
    if not step > 0:
        return []
    first = math.ceil(axis.low / step)
    count = min(math.floor(axis.high / step) - first + 1, 50)
    return [float(f"{(first + place) * step:.12g}") for place in range(count)]


def drawing(
    *children: Child, height: int, label: str = "", kind: str = "", width: str = "100%"
) -> Markup:
    """Return an SVG; without a label it is decoration beside numbers that are there as text."""
    told: dict[str, str | None] = {"role": "img", "aria-label": label}
    if not label:
        told = {"aria-hidden": "true", "focusable": "false"}
    title = tag("title", label) if label else None
    return tag("svg", title, *children, class_=kind or None, width=width, height=height, **told)


def percent(number: float) -> str:
    """Return `12.5%`."""
    return f"{number:.2f}".rstrip("0").rstrip(".") + "%"


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """Return a line from one place to another: x in percent, y in pixels."""
    return tag("line", x1=percent(x1), y1=y1, x2=percent(x2), y2=y2, class_=kind)


def box(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    """Return a rectangle: x and width in percent, y and height in pixels."""
    return tag(
        "rect", x=percent(x), y=y, width=percent(max(width, 0.0)), height=height, class_=kind
    )


def dot(x: float, y: float, radius: float, kind: str) -> Markup:
    """Return a dot: x in percent, y and radius in pixels."""
    return tag("circle", cx=percent(x), cy=y, r=radius, class_=kind)


def label(x: float, y: float, content: str, kind: str = "", anchor: str = "middle") -> Markup:
    """Return a text: x in percent, y in pixels."""
    return tag("text", content, x=percent(x), y=y, text_anchor=anchor, class_=kind or None)


def whisker(
    axis: Axis, value: float | None, interval: Sequence[float] | None, height: int, kind: str = ""
) -> Markup:
    """Return a dot with its interval on an axis with a line at zero, for a row of a table."""
    middle = height / 2
    parts: list[Child] = []
    if axis.holds(0.0):
        parts.append(line(axis.at(0.0), 0, axis.at(0.0), height, "zero"))
    if interval is not None and all(map(math.isfinite, interval)):
        low, high = interval
        parts.append(line(axis.at(low), middle, axis.at(high), middle, "range"))
        parts += [
            line(axis.at(x), middle - 4, axis.at(x), middle + 4, "range") for x in (low, high)
        ]
    if value is not None and math.isfinite(value):
        parts.append(dot(axis.at(value), middle, 4, "dot"))
    return drawing(*parts, height=height, kind=f"whisker {kind}".strip())
