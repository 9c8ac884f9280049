"""HTML and SVG as values that can't be confused with text: everything else is escaped."""

from __future__ import annotations

from collections.abc import Iterable

from gitml.views import values

# Longer texts are no names that anybody reads, and would make the file as large as they are.
LONGEST = 1_000
_VOID = frozenset({"br", "col", "hr", "img", "input", "meta"})
_ENTITIES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "`": "&#96;"}
)

Child = str | None
Attribute = str | int | float | bool | None


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: str) -> Markup:
    """Return `value` as HTML that shows it: on one line, control characters spelled out."""
    if isinstance(value, Markup):
        return value
    if len(value) > LONGEST:
        value = value[: LONGEST - 1] + values.ELLIPSIS
    return Markup(values.escape(value).translate(_ENTITIES))


def block(value: str) -> Markup:
    """Return a text of several lines as HTML, its line breaks kept, for `pre`."""
    return Markup("\n".join(text(line) for line in value.splitlines()))


def join(children: Iterable[Child], between: str = "") -> Markup:
    """Return the children one after the other; None is left out."""
    parts = [text(child) for child in children if child is not None]
    return Markup(text(between).join(parts))


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """Return an element.

    Args:
        name: Such as `td`.
        children: Text, which is escaped, or markup; None is left out.
        attributes: `class_` is `class`, `stroke_width` is `stroke-width`; True is an attribute
            without a value, None and False are none.
    """
    opened = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{opened}>")
    return Markup(f"<{opened}>{join(children)}</{name}>")


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    key = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {key}"
    if isinstance(value, float):
        value = f"{value:.6g}"
    return f' {key}="{text(str(value))}"'
