from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gitml.views import rendering, vega
from gitml.views.rendering import needs_eval, plotly_script, render, render_all

LITE = "https://vega.github.io/schema/vega-lite/v5.json"
VEGA = "https://vega.github.io/schema/vega/v5.json"
LINE: dict[str, Any] = {
    "$schema": LITE,
    "data": {"values": [{"a": 1, "b": 2, "url": "http://example.org"}, {"a": 2, "b": 3}]},
    "mark": "line",
    "encoding": {
        "x": {"field": "a", "type": "quantitative"},
        "y": {"field": "b", "type": "quantitative"},
    },
}


def dumped(tree: object) -> bytes:
    return json.dumps(tree).encode()


def endless() -> dict[str, Any]:
    """Return a specification that wants more memory than there is."""
    rows = {"type": "sequence", "start": 0, "stop": 1e8}
    formula = {"type": "formula", "as": "x", "expr": "random()"}
    data = [{"name": "t", "transform": [rows, formula]}]
    return {"$schema": VEGA, "width": 9, "height": 9, "data": data, "marks": []}


def test_vega_is_drawn_and_a_specification_that_takes_too_much_harms_no_other() -> None:
    nan = {**LINE, "data": {"values": [{"a": 1, "b": float("nan")}, {"a": 2, "b": 3}]}}
    marks = {"$schema": VEGA, "width": 9, "height": 9, "data": [], "marks": [{"type": "rect"}]}
    found = render_all(
        [
            ("vega-lite", dumped(LINE)),
            ("vega", dumped(endless())),
            ("vega-lite", dumped({**LINE, "mark": "nothing"})),
            ("vega-lite", dumped(nan)),
            ("vega", dumped(marks)),
        ]
    )
    assert [one.media for one in found] == ["image/svg+xml", "", "", *["image/svg+xml"] * 2]
    assert found[0].content.startswith(b"<svg") and b"mark-line" in found[0].content
    assert found[1].note == "Drawing it took too long or too much memory."
    assert found[2].note.startswith("It can't be drawn: ") and "http" not in found[2].note


@pytest.mark.parametrize(
    "data",
    [
        {"url": "http://127.0.0.1:9/a.csv"},
        {"url": "data/a.csv"},
        {"url": "file:///etc/passwd"},
        {"url": "//example.org/a.csv"},
    ],
)
def test_a_specification_that_would_load_something_is_refused(data: dict[str, str]) -> None:
    found = render("vega-lite", dumped({**LINE, "data": data}))
    assert found.media == "" and found.html() == ""
    assert data["url"] in found.note


def test_vega_loads_nothing_even_when_it_is_asked_to() -> None:
    hidden = {**LINE, "data": {"url": "http://127.0.0.1:9/a.csv"}}
    ((svg, why),) = vega.draw([("vega-lite", json.dumps(hidden))])
    assert svg == b"" and "not allowed" in why


def test_plotly_text_cannot_end_its_element() -> None:
    figure = {
        "data": [{"type": "scatter", "y": [1, float("inf")], "name": "</script><script>1"}],
        "layout": {"title": {"text": "<!--"}},
        "config": {"plotlyServerURL": "https://example.org"},
    }
    text = render("plotly", dumped(figure)).html()
    inner = re.fullmatch(
        r'<div class="plotly-figure"><script type="application/json">(.*)</script></div>', text
    )
    assert inner and "<" not in inner[1]
    tree = json.loads(inner[1])
    assert tree["data"][0]["y"] == [1, None]
    assert set(tree) == {"data", "layout"}


def test_plotly_figures_that_load_maps_or_images_are_refused() -> None:
    for figure in (
        {"data": [{"type": "scattergeo", "lat": [1], "lon": [2]}], "layout": {}},
        {"data": [], "layout": {"images": [{"source": "https://example.org/a.png"}]}},
    ):
        found = render("plotly", dumped(figure))
        assert found.media == "" and "would load" in found.note


def test_what_the_template_of_every_express_figure_has_for_maps_loads_nothing() -> None:
    template = {"data": {"scattermap": [{"type": "scattermap"}], "choropleth": []}, "layout": {}}
    bars = [{"type": "bar", "x": ["a"], "y": [1]}]
    found = render("plotly", dumped({"data": bars, "layout": {"template": template}}))
    assert found.media == "text/html"
    in_a_frame = {"data": bars, "frames": [{"data": [{"type": "choropleth"}]}]}
    assert "maps for choropleth" in render("plotly", dumped(in_a_frame)).note


def test_many_points_are_drawn_without_programs_that_are_made_as_they_run() -> None:
    cloud = dumped({"data": [{"type": "scattergl", "x": [1], "y": [2]}], "layout": {}})
    assert b'"type": "scatter"' in render("plotly", cloud).content
    assert not needs_eval(cloud)
    assert needs_eval(dumped({"data": [{"type": "parcoords", "dimensions": []}]}))
    assert not needs_eval(b'{"data": [{"type": ["splom"]}]}')


def test_the_script_that_draws_plotly_fits_into_an_element() -> None:
    script = plotly_script()
    assert "Plotly.newPlot" in script
    assert "</script" not in script.lower() and "<!--" not in script


def test_a_browser_draws_a_figure_under_a_strict_policy_and_offers_to_send_it_nowhere(
    tmp_path: Path,
) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("There is no Chromium on this machine.")
    hostile = "<img src=x onerror='document.title=1'></script><script>document.title=2</script>"
    figure = {"data": [{"type": "scatter", "y": [1, 3]}], "layout": {"title": {"text": hostile}}}
    script = plotly_script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'"
    page = tmp_path / "page.html"
    page.write_text(
        f'<!doctype html><title>fine</title><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{rules}">'
        f"{render('plotly', dumped(figure)).html()}<script>{script}</script>",
        encoding="utf-8",
    )
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/home")
    seen = subprocess.run(
        [browser, *options, "--virtual-time-budget=5000", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    assert "<title>fine</title>" in seen
    assert 'data-drawn="yes"' in seen and 'class="trace scatter' in seen
    offers = re.findall(r'data-title="([^"]*)"', seen.split("<script>")[0])
    assert "Pan" in offers and not any("share" in offer.lower() for offer in offers)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for kind, tree in (("plotly", {"data": []}), ("vega-lite", LINE)):
        assert "gitml[report]" in render(kind, dumped(tree)).note


def test_an_svg_is_the_source_of_an_image_in_which_nothing_runs() -> None:
    hostile = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script/></svg>"
    text = render("svg", hostile).html('a "plot"')
    assert text.startswith('<img alt="a &quot;plot&quot;" src="data:image/svg+xml;base64,')
    assert base64.b64decode(text.split("base64,")[1].rstrip('">')) == hostile


def test_images_that_browsers_do_not_show_become_png() -> None:
    made = io.BytesIO()
    Image.new("RGB", (2, 2)).save(made, "TIFF")
    assert render("image", made.getvalue()).media == "image/png"
    made = io.BytesIO()
    Image.new("RGB", (2, 2)).save(made, "WEBP")
    assert render("image", made.getvalue()).media == "image/webp"
    assert "can't be read" in render("image", b"II*\0").note


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("plotly", b"{"),
        ("vega", b"[1]"),
        ("vega-lite", b"[" * 100_000),
        ("other", b"%PDF"),
        ("image", bytes(rendering.MAX_BYTES + 1)),
    ],
)
def test_what_cannot_be_shown_says_why(kind: str, content: bytes) -> None:
    found = render(kind, content)
    assert found.media == "" and found.note.endswith(".")
