"""Plots and tables that runs made, side by side; images with a slider and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.views import rendering, values
from gitml.views.rendering import Rendered
from gitml.views.report.csv_tables import csv_table
from gitml.views.report.embed import Room, image
from gitml.views.report.flipped import png_width
from gitml.views.report.markup import Child, Markup, join, tag
from gitml.views.report.page import Section
from gitml.views.report.sides import name, share

if TYPE_CHECKING:
    from gitml.comparison.contents import PlotComparison

# Of all plots together; what would go beyond is named, not shown.
_MOST_BYTES = 24_000_000
_SMALL_PIXELS = 64


def section(found: Sequence[PlotComparison], titles: Sequence[str]) -> Section:
    """Return the plots, those that changed first; empty without any."""
    room = Room(_MOST_BYTES)
    changed = [item for item in found if item.change != "same"]
    same = [item for item in found if item.change == "same"]
    drawn = _drawn(changed, room)
    parts: list[Child] = [
        _plot(item, titles, rendered, room) for item, rendered in zip(changed, drawn, strict=True)
    ]
    if same:
        names = (tag("li", tag("code", item.path)) for item in same)
        summary = tag("summary", f"{values.plural(len(same), 'plot')} without any change")
        parts.append(tag("details", summary, tag("ul", join(names), class_="plain")))
    return Section("plots", "Plots and tables", join(parts))


def needs_plotly(found: Sequence[PlotComparison]) -> bool:
    """Return whether a plot needs the library that draws plotly's figures."""
    return any(item.kind == "plotly" and item.change != "same" for item in found)


def needs_eval(found: Sequence[PlotComparison]) -> bool:
    """Return whether one of these figures is drawn by code that is made as it is drawn."""
    return any(
        item.kind == "plotly"
        and item.change != "same"
        and any(content is not None and rendering.needs_eval(content) for content in item.contents)
        for item in found
    )


def _drawn(found: Sequence[PlotComparison], room: Room) -> list[list[Rendered | None]]:
    """Return what each plot looks like in each experiment; all are drawn together."""
    wanted = [
        (place, side, item.kind, content)
        for place, item in enumerate(found)
        if item.kind not in ("table", "other")
        for side, content in enumerate(item.contents)
        if content is not None
    ]
    drawn: list[list[Rendered | None]] = [[None] * len(item.contents) for item in found]
    done = rendering.render_all([(kind, content) for _, _, kind, content in wanted])
    for (place, side, _, _), one in zip(wanted, done, strict=True):
        if room.take(one.content):
            drawn[place][side] = one
        else:
            size = values.size(len(one.content))
            drawn[place][side] = Rendered(note=f"{size} are too much for this page.")
    return drawn


def _plot(
    item: PlotComparison, titles: Sequence[str], drawn: Sequence[Rendered | None], room: Room
) -> Markup:
    head = tag("h3", tag("code", item.path), " ", tag("small", _change(item), class_="soft"))
    note = tag("p", item.note, class_="soft") if item.note else None
    figures = [
        _figure(item, titles, place, content, drawn[place])
        for place, content in enumerate(item.contents)
        if content is not None
    ]
    if not any(figures):
        return tag("div", head, note, class_="plot")
    difference = _difference(item, room)
    shown = [figure for figure in (*figures, difference) if figure]
    two = len(item.contents) == 2 and all(one and one.media.startswith("image/") for one in drawn)
    return tag(
        "div",
        head,
        note,
        _modes(with_difference=difference is not None) if two else None,
        tag("div", *shown, class_="figures"),
        class_="plot",
        data_compare=two,
    )


def _change(item: PlotComparison) -> str:
    if item.difference is None:
        return item.change
    if not item.difference.share:
        return "no pixel differs"
    return f"{item.change}: {share(item.difference.share)} of the pixels differ"


def _modes(*, with_difference: bool) -> Markup:
    modes = ["side by side", "slider", *(["difference"] if with_difference else [])]
    buttons = (
        tag("button", mode, type="button", data_mode=mode, aria_pressed=str(not place).lower())
        for place, mode in enumerate(modes)
    )
    kind = "chips tools modes"
    return tag("div", join(buttons), class_=kind, role="group", aria_label="How", hidden=True)


def _figure(
    item: PlotComparison,
    titles: Sequence[str],
    place: int,
    content: bytes,
    drawn: Rendered | None,
) -> Markup | None:
    alt = f"{item.path} of {titles[place]}"
    shown = csv_table(content, alt) if item.kind == "table" else None
    if drawn is not None:
        shown = _content(drawn, alt)
    if shown is None:
        return None
    return tag("figure", tag("figcaption", name(titles, place)), shown, data_side=place)


def _content(drawn: Rendered, alt: str) -> Markup | None:
    if drawn.media == "text/html":
        return Markup(drawn.html())  # its module vouches for it
    tiny = 0 < png_width(drawn.content) <= _SMALL_PIXELS
    found = image(drawn.media, drawn.content, alt, "tiny" if tiny else "")
    if found is None and drawn.note:
        return tag("p", drawn.note, class_="soft")
    return found


def _difference(item: PlotComparison, room: Room) -> Markup | None:
    found = item.difference
    if found is None or not found.picture or not room.take(found.picture):
        return None
    shown = image("image/png", found.picture, f"Difference in {item.path}")
    caption = tag("figcaption", "Difference", class_="soft")
    return tag("figure", caption, shown, data_side="difference")
