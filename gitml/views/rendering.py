"""Plots as pieces of HTML, without any network: images, SVG, Vega-Lite, Vega and plotly.

What a run recorded is not vouched for by anybody. Images and SVG become the source of an `img`
element, in which a browser runs no scripts and loads nothing; Vega is drawn by a process of its
own; of plotly's JSON only data, layout and frames are taken. A page that holds a plotly figure
needs `plotly_script()` once, in a `script` element.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from typing import Any

import msgspec

from gitml.comparison.specifications import decode, strict, traces_of, wants_network
from gitml.views.report.embed import media_of

MAX_BYTES = 8 << 20
INSTALL = "Install gitml[report] to see it: pip install 'gitml[report]'"
# plotly.js draws these by programs that it makes as it goes, which a page with a policy forbids.
# plotly.express has the first one for more than a thousand points; drawn otherwise it looks alike.
_WITHOUT_EVAL = {"scattergl": "scatter", "scatterpolargl": "scatterpolar"}
_EVAL = frozenset({"parcoords", "splom"})


class Rendered(msgspec.Struct, frozen=True):
    """A plot that can be put into a page.

    Attributes:
        media: `image/…`, or `text/html` for a piece that is put into the page as it is; empty
            where there is nothing to show.
        content: The image, or the piece in UTF-8.
        note: Why there is nothing to show, or what is left out; not escaped.
    """

    media: str = ""
    content: bytes = b""
    note: str = ""

    def html(self, alt: str = "") -> str:
        """Return the element to put into a page; empty where there is nothing to show.

        Args:
            alt: What an image shows, in words.
        """
        if self.media == "text/html":
            return self.content.decode()
        if not self.media:
            return ""
        data = base64.b64encode(self.content).decode()
        return f'<img alt="{html.escape(alt)}" src="data:{self.media};base64,{data}">'


def render(kind: str, content: bytes) -> Rendered:
    """Return one plot, as `render_all` does."""
    return render_all([(kind, content)])[0]


def render_all(plots: Sequence[tuple[str, bytes]]) -> list[Rendered]:
    """Return plots, given their kinds (as in `PlotComparison.kind`) and contents, in their order.

    Many at once are faster, since one process draws all that are Vega. Nothing is raised for a
    plot that can't be shown: its note says why.
    """
    from gitml.views.vega import draw

    found = [_at_once(kind, content) for kind, content in plots]
    waiting = {place: one for place, one in enumerate(found) if isinstance(one, dict)}
    drawn = draw([(plots[place][0], json.dumps(spec)) for place, spec in waiting.items()])
    drawings = dict(zip(waiting, drawn, strict=True))
    return [
        _vega(*drawings[place]) if isinstance(one, dict) else one for place, one in enumerate(found)
    ]


def needs_eval(content: bytes) -> bool:
    """Return whether plotly's JSON has traces that are drawn only where a page allows `eval`."""
    tree = decode(content)
    return isinstance(tree, dict) and any(
        isinstance(kind, str) and kind in _EVAL
        for kind in (trace.get("type") for trace in traces_of(tree))
    )


def plotly_script() -> str:
    """Return the JavaScript that draws the plotly figures of a page; empty without plotly.

    It has several megabytes. The first figures are drawn at once, the others when they come into
    view or before the page is printed.
    """
    try:
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        return ""
    return f"{get_plotlyjs()}\n{_DRAW_FIGURES}"


def _vega(svg: bytes, why: str) -> Rendered:
    return Rendered("image/svg+xml", svg) if svg else Rendered(note=why)


def _at_once(kind: str, content: bytes) -> Rendered | dict[str, Any]:
    """Return a plot that needs no other process to be drawn; the specification of one that does."""
    if len(content) > MAX_BYTES:
        return Rendered(note="It is too large for a page.")
    if kind == "image":
        return _image(content)
    if kind == "svg":
        return Rendered("image/svg+xml", content)
    if kind in ("plotly", "vega", "vega-lite"):
        return _specification(kind, content)
    return Rendered(note="It is no kind of plot that can be shown here.")


def _image(content: bytes) -> Rendered:
    media = media_of(content)
    if media:
        return Rendered(media, content)
    from gitml.comparison.pixels import as_png

    png, why = as_png(content)
    return Rendered("image/png", png) if png else Rendered(note=why)


def _specification(kind: str, content: bytes) -> Rendered | dict[str, Any]:
    tree = decode(content)
    if not isinstance(tree, dict):
        return Rendered(note="It is malformed.")
    address = wants_network(kind, tree)
    if address:
        return Rendered(note=f"It isn't shown, since it would load {address}.")
    tree = strict(tree)
    return _figure(tree) if kind == "plotly" else tree


def _figure(tree: dict[str, Any]) -> Rendered:
    if not plotly_is_there():
        return Rendered(note=f"{INSTALL}.")
    for trace in traces_of(tree):
        kind = trace.get("type")
        if isinstance(kind, str) and kind in _WITHOUT_EVAL:
            trace["type"] = _WITHOUT_EVAL[kind]
    taken = {name: tree[name] for name in ("data", "layout", "frames") if name in tree}
    # No `<` is left, so the text can't end the element that it is in.
    text = json.dumps(taken).replace("<", "\\u003c")
    piece = f'<div class="plotly-figure"><script type="application/json">{text}</script></div>'
    return Rendered("text/html", piece.encode())


def plotly_is_there() -> bool:
    """Whether plotly is installed."""
    from importlib.util import find_spec

    return find_spec("plotly") is not None


_DRAW_FIGURES = """
(function () {
  function draw(figure) {
    if (figure.dataset.drawn) return;
    figure.dataset.drawn = "yes";
    var source = figure.querySelector("script");
    var spec = JSON.parse(source.textContent);
    var layout = Object.assign({}, spec.layout, {autosize: true});
    delete layout.width;
    // plotly.js offers to send a figure to its makers' server, unless it is told not to.
    var quiet = {showSendToCloud: false, showLink: false, plotlyServerURL: "", topojsonURL: ""};
    var settings = Object.assign({responsive: true, displaylogo: false}, quiet);
    Plotly.newPlot(figure, spec.data || [], layout, settings)
      .then(function () { if (spec.frames) return Plotly.addFrames(figure, spec.frames); })
      .catch(function (error) { figure.textContent = "This figure can't be drawn: " + error; });
  }
  function start() {
    var figures = Array.from(document.querySelectorAll(".plotly-figure"));
    figures.splice(0, 12).forEach(draw);
    var watch = new IntersectionObserver(function (seen) {
      seen.forEach(function (one) { if (one.isIntersecting) draw(one.target); });
    }, {rootMargin: "200px"});
    figures.forEach(function (figure) { watch.observe(figure); });
    window.addEventListener("beforeprint", function () { figures.forEach(draw); });
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
"""
