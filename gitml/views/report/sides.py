"""What the compared experiments are called in a report, and in which colour they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from gitml.views import values
from gitml.views.report.markup import Markup, tag

COLOURS = 8
_SHORT = 22


def colour(place: int) -> str:
    """Return the class that gives an experiment its colour."""
    return f"e{place % COLOURS}"


def name(titles: Sequence[str], place: int) -> Markup:
    """Return the name of an experiment in its colour, with its mark."""
    return tag("span", titles[place], class_=f"name {colour(place)}")


def short(title: str) -> str:
    """Return a name that has room in a drawing on a phone."""
    return values.cut(values.escape(title), _SHORT, middle=True)


def signed(number: float | None, digits: int = 4) -> str:
    """Return a difference with its sign; empty when there is none."""
    if number is None:
        return ""
    if number == 0:
        return "0"
    return f"{'+' if number > 0 else '−'}{rounded(abs(number), digits)}"


def rounded(number: float | None, digits: int = 4) -> str:
    """Return a number with few digits, as people read it."""
    if number is None:
        return values.MISSING
    text = f"{number:.{digits}g}"
    if "e+" in text and abs(number) < 1e9:
        return f"{number:,.0f}"
    return text.replace("-", "−") if number == number else "NaN"


def share(number: float | None) -> str:
    """Return a share of 1 as a percentage."""
    if number is None:
        return values.MISSING
    percent = number * 100
    if 0 < abs(percent) < 0.01:
        return "< 0.01 %"
    return f"{percent:.2f} %".replace("-", "−")


def points(number: float | None) -> str:
    """Return a difference of shares of 1 in percentage points, with its sign."""
    if not number:
        return "" if number is None else "0"
    return f"{'+' if number > 0 else '−'}{abs(number) * 100:.2f} pp"
