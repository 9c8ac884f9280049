"""Both reports in a real browser, at desktop and phone width: they draw, and they react."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitml.comparison.contents import Contents, PlotComparison
from gitml.views.report import html, overview
from tests.promises.browser import Browser, assert_quiet, browser, click, program, settle, until
from tests.views.report import many, names, scenes

pytestmark = pytest.mark.skipif(not program(), reason="there is no Chromium or Chrome on PATH")

WIDTHS = (1280, 390, 320)
WIDER = """(() => {
  const edge = document.documentElement.clientWidth + 1;
  const inside = (node) => { const box = node.closest(".scroll"); return box && box !== node; };
  const out = [...document.querySelectorAll("body *")].filter((node) => !inside(node)
    && node.getClientRects().length && node.getBoundingClientRect().right > edge);
  return out.slice(0, 5).map((node) => `${node.tagName}.${node.getAttribute("class")}`);
})()"""


# Texts whose contrast to what is behind them is below what WCAG 2.2 AA asks for.
FAINT = """(() => {
  const part = (v) => (v <= 10.3 ? v / 3295 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const read = (text) => text.startsWith("rgb") && text.match(/[\\d.]+/g).map(Number);
  const seen = (node) => node.getClientRects().length
    && [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  const behind = (node) => {
    const found = read(getComputedStyle(node).backgroundColor);
    return found && (found.length === 3 || found[3] > 0.5) ? found : behind(node.parentElement);
  };
  return [...document.querySelectorAll("body *")].filter(seen).map((node) => {
    const style = getComputedStyle(node);
    const ink = read(node instanceof SVGElement ? style.fill : style.color);
    const [low, high] = [light(ink), light(behind(node))].sort((a, b) => a - b);
    return [node.outerHTML.slice(0, 80), (high + 0.05) / (low + 0.05)];
  }).filter(([, contrast]) => contrast < 4.5);
})()"""
# What a finger can hardly hit.
TINY = """[...document.querySelectorAll("button, a, input, select, summary")]
  .filter((node) => node.getClientRects().length && !node.matches(".skip"))
  .map((node) => ((node.type === "checkbox" && node.closest("label")) || node))
  .filter((node) => node.getBoundingClientRect().height < 24).map((node) => node.outerHTML)"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "comparison": html(scenes.comparison(), command="gitml exp diff --html x.html"),
        "overview": overview(many.overview(120), command="gitml report"),
        "hostile comparison": html(scenes.comparison(names.hostile(1))),
        "hostile overview": overview(many.overview(30, names.hostile(2))),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "name", ["comparison", "overview", "hostile comparison", "hostile overview"]
)
def test_a_page_opens_without_a_complaint_and_fits(
    window: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    window.open(pages[name], width)
    settle(window)
    assert_quiet(window)
    assert window.run("document.documentElement.scrollWidth") <= width
    assert window.run("innerWidth") == width
    assert window.run(WIDER) == []
    assert window.run("document.querySelectorAll('.chart svg path, .chart svg circle').length") > 5
    assert window.run(
        "[...document.querySelectorAll('path')].every(p => !/NaN|Infinity/.test(p.getAttribute('d')))"
    )


def test_a_comparison_reacts(window: Browser, pages: dict[str, Path]) -> None:
    window.open(pages["comparison"], 1280)
    assert window.run("document.querySelectorAll('#curve-charts path.curve').length") == 6
    assert window.run("document.querySelectorAll('#curve-charts path.band').length") == 6
    click(window, "#curve-charts .legend button")
    assert window.run("document.querySelectorAll('#curve-charts path.curve').length") == 3
    click(window, "#curve-charts .legend button")
    before = window.run("document.querySelector('path.curve').getAttribute('d')")
    window.run(
        "(() => { const range = document.querySelector('#curve-tools input[type=range]');"
        " range.value = 0.9; range.dispatchEvent(new Event('input')); })()"
    )
    settle(window)
    assert window.run("document.querySelector('path.curve').getAttribute('d')") != before
    spot = window.run(
        "(() => { const chart = document.querySelector('.plotted svg'); chart.scrollIntoView({behavior: 'instant'});"
        " const box = chart.getBoundingClientRect(); return [box.left + box.width / 2, box.top + 90]; })()"
    )
    window.point("mouseMoved", *spot)
    settle(window)
    values = window.run(
        "[...document.querySelectorAll('.legend output')].map(one => one.textContent)"
    )
    assert all(float(value.replace("−", "-")) for value in values), values
    assert_quiet(window)


def test_a_stretch_of_the_steps_is_dragged_typed_and_let_go(
    window: Browser, pages: dict[str, Path]
) -> None:
    window.open(pages["comparison"], 1280)
    ends = "[...document.querySelectorAll('#curve-tools input.end')].map(end => end.value)"
    line = "document.querySelector('#curve-charts path.curve').getAttribute('d')"
    whole = window.run(line)
    box = window.run(
        "(() => { const chart = document.querySelector('.plotted svg'); chart.scrollIntoView({behavior: 'instant'});"
        " const box = chart.getBoundingClientRect(); return [box.left, box.top + 90, box.width]; })()"
    )
    window.point("mousePressed", box[0] + box[2] * 0.25, box[1], "left")
    window.point("mouseMoved", box[0] + box[2] * 0.5, box[1], "left")
    assert window.run("document.querySelectorAll('.stretch').length") == 1
    window.point("mouseReleased", box[0] + box[2] * 0.5, box[1], "left")
    settle(window)
    first, last = map(float, window.run(ends))
    assert 8 < first < 14 and 18 < last < 24
    assert window.run(line) != whole
    assert window.run("document.querySelectorAll('#curve-charts [clip-path]').length") == 3
    window.run(
        "document.querySelector('.plotted svg').dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))"
    )
    settle(window)
    assert window.run(ends) == ["", ""]
    assert window.run(line) == whole
    window.run(
        "(() => { const end = document.querySelector('#curve-tools input.end'); end.value = 30;"
        " end.dispatchEvent(new Event('change')); })()"
    )
    settle(window)
    assert window.run(line) != whole
    click(window, "#curve-tools .stretched button")
    assert window.run(line) == whole
    click(window, "#curve-tools label:nth-of-type(3) input")
    assert window.run(line) != whole
    assert_quiet(window)


def test_a_phone_shows_what_changed_without_scrolling_sideways(
    window: Browser, pages: dict[str, Path]
) -> None:
    window.open(pages["comparison"], 390)
    cells = (
        "[...document.querySelectorAll('table.metrics tbody tr:first-child > *')]"
        ".filter(cell => cell.textContent && cell.getClientRects().length)"
        ".map(cell => cell.getBoundingClientRect().right)"
    )
    rights = window.run(cells)
    assert len(rights) >= 6
    assert max(rights) <= 390


def test_figures_of_plotly_are_drawn_and_do_only_what_they_may(
    window: Browser, tmp_path: Path
) -> None:
    pytest.importorskip("plotly")
    evil = '<a href="javascript:alert(1)">evil</a><img src=x onerror=alert(2)>'
    template = {"data": {"scattermap": [{"type": "scattermap"}]}, "layout": {}}
    figures = {
        "cloud": {"type": "scattergl", "mode": "markers", "x": [1, 2], "y": [2, 1], "text": evil},
        "lines": {"type": "parcoords", "dimensions": [{"label": "a", "values": [1, 2]}] * 2},
    }
    for name, trace in figures.items():
        layout = {"title": {"text": evil}, "template": template}
        content = json.dumps({"data": [trace], "layout": layout}).encode()
        plot = PlotComparison(f"plots/{name}.plotly.json", "plotly", "changed", (content, content))
        text = html(scenes.comparison(contents=Contents(plots=(plot,))))
        assert ("unsafe-eval" in text[:4000]) == (name == "lines")
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
    window.open(tmp_path / "cloud.html", 1280)
    until(window, "document.querySelectorAll('.plotly-figure .point').length === 4")
    assert (
        window.run("document.querySelectorAll('main [href^=javascript], main [onerror]').length")
        == 0
    )
    assert_quiet(window)


def test_tables_sort_pictures_slide_and_examples_filter(
    window: Browser, pages: dict[str, Path]
) -> None:
    window.open(pages["comparison"], 1280)
    first = "document.querySelector('#weights tbody tr').cells[0].textContent"
    assert window.run(first) == "features.0"
    click(window, "#weights th:nth-child(2) button")
    assert window.run(first) == "features.13"
    assert (
        window.run("document.querySelector('#weights th[aria-sort]').getAttribute('aria-sort')")
        == "descending"
    )
    click(window, "#weights th:nth-child(2) button")
    assert window.run(first) == "features.0"
    shown = "[...document.querySelectorAll('.flip')].filter(card => !card.hidden).map(card => card.dataset.kind)"
    assert set(window.run(shown)) == {"won", "lost"}
    click(window, ".filter [data-kind=won]")
    assert set(window.run(shown)) == {"won"}
    assert (
        window.run("document.querySelector('.filter [data-kind=won]').getAttribute('aria-pressed')")
        == "true"
    )
    click(window, ".modes [data-mode=slider]")
    over = "document.querySelector('.over')"
    assert window.run(f"{over}.style.clipPath") == "inset(0px 0px 0px 50%)"
    assert window.run(f"{over}.getBoundingClientRect().height") > 100
    click(window, ".modes [data-mode=difference]")
    assert (
        window.run("document.querySelectorAll('.plot[data-compare] figure:not([hidden])').length")
        == 3
    )
    assert window.run(
        "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
    )
    assert_quiet(window)


@pytest.mark.parametrize("name", ["comparison", "overview"])
def test_the_theme_follows_the_system_and_a_button(
    window: Browser, pages: dict[str, Path], name: str
) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    window.open(pages[name], 1280, dark=True)
    dark = window.run(ground)
    click(window, "#theme")
    light = window.run(ground)
    assert (dark, light) == ("rgb(20, 21, 24)", "rgb(252, 251, 249)")
    window.open(pages[name], 1280)
    assert window.run(ground) == light
    window.send("Emulation.setEmulatedMedia", media="print",
                features=[{"name": "prefers-color-scheme", "value": "dark"}])  # fmt: skip
    assert window.run(ground) == "rgb(255, 255, 255)"
    window.send("Emulation.setEmulatedMedia", media="")
    assert_quiet(window)


@pytest.mark.parametrize("name", ["comparison", "overview"])
def test_text_is_legible_and_fingers_hit(
    window: Browser, pages: dict[str, Path], name: str
) -> None:
    for dark in (False, True):
        window.open(pages[name], 1280, dark=dark)
        assert window.run(FAINT) == []
    window.send("Emulation.setTouchEmulationEnabled", enabled=True)
    window.open(pages[name], 390)
    assert window.run(TINY) == []
    window.send("Emulation.setTouchEmulationEnabled", enabled=False)


@pytest.mark.parametrize("name", ["comparison", "overview"])
def test_text_and_tables_need_no_script(window: Browser, pages: dict[str, Path], name: str) -> None:
    window.open(pages[name], 390, script=False)
    text = window.run("document.body.innerText")
    assert ("has the best accuracy" if name == "overview" else "is better.") in text
    rows = window.run(
        "[...document.querySelectorAll('tbody tr')].filter(row => row.getClientRects().length).length"
    )
    assert rows > (120 if name == "overview" else 60)
    assert (
        window.run(
            "[...document.querySelectorAll('button')].some(b => b.id === 'theme' && b.getClientRects().length)"
        )
        is False
    )
    assert_quiet(window)


def test_a_report_prints(window: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    window.open(pages["comparison"], 1280)
    window.paper(tmp_path / "report.pdf")
    data = (tmp_path / "report.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert len(data) > 50_000
    assert_quiet(window)
