"""Both reports in a real browser, at desktop and phone width: they draw, and they react."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gitml.comparison.contents import Contents, PlotComparison
from gitml.views.report import html, overview
from tests.promises.browser import Browser, browser, program
from tests.views.report import many, names, scenes

pytestmark = pytest.mark.skipif(not program(), reason="there is no Chromium or Chrome on PATH")

WIDTHS = (1280, 390, 320)
TOLD = "document.querySelector('#experiments-tools .told').textContent.includes('of 120')"
WIDER = """(() => {
  const edge = document.documentElement.clientWidth + 1;
  const inside = (node) => { const box = node.closest(".scroll"); return box && box !== node; };
  const out = [...document.querySelectorAll("body *")].filter((node) => !inside(node)
    && node.getClientRects().length && node.getBoundingClientRect().right > edge);
  return out.slice(0, 5).map((node) => `${node.tagName}.${node.getAttribute("class")}`);
})()"""


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


def settle(window: Browser) -> None:
    window.run("new Promise(done => setTimeout(() => requestAnimationFrame(done), 200))")


def until(window: Browser, condition: str) -> None:
    """Wait until something holds on the page, at most ten seconds."""
    held = window.run(
        f"(async () => {{ for (let turn = 0; turn < 200; turn += 1) {{ if ({condition}) return true;"
        " await new Promise(done => setTimeout(done, 50)); } return false; })()"
    )
    assert held, condition


def click(window: Browser, selector: str) -> None:
    window.run(f"document.querySelector({selector!r}).click()")
    settle(window)


def assert_quiet(window: Browser) -> None:
    assert window.problems == []
    assert [url for url in window.requests if not url.startswith(("file:", "data:"))] == []


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


def test_an_overview_is_narrowed_by_words_and_by_dragging(
    window: Browser, pages: dict[str, Path]
) -> None:
    window.open(pages["overview"], 1280)
    # Reading the canvas itself would make the browser complain.
    painted = (
        "(() => { const canvas = document.querySelector('canvas'); const copy = document.createElement('canvas');"
        " copy.width = canvas.width; copy.height = canvas.height;"
        " const pen = copy.getContext('2d', {willReadFrequently: true}); pen.drawImage(canvas, 0, 0);"
        " const pixels = pen.getImageData(0, 0, copy.width, copy.height).data; let count = 0;"
        " for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 60) count += 1; return count; })()"
    )
    full = window.run(painted)
    assert full > 2_000
    passing = (
        "[...document.querySelectorAll('table.experiments tbody tr')].filter(row => !row.hidden)"
        ".map(row => row.textContent)"
    )
    assert len(window.run(passing)) == 50
    window.run(
        "(() => { const search = document.querySelector('input[type=search]');"
        " search.value = 'train.optimizer=sgd accuracy>0.95'; search.dispatchEvent(new Event('input')); })()"
    )
    until(window, f"{TOLD} && {passing}.every(text => text.includes('sgd'))")
    assert window.run(passing)
    assert window.run(painted) < full
    click(window, "#experiments-tools button")
    until(window, f"!({TOLD}) && {passing}.length === 50")
    box = window.run(
        "(() => { document.querySelector('#parallel').scrollIntoView({behavior: 'instant'});"
        " const box = document.querySelector('.handle').getBoundingClientRect();"
        " return [box.left + box.width / 2, box.top, box.height]; })()"
    )
    window.point("mouseMoved", box[0], box[1] + 20)
    window.point("mousePressed", box[0], box[1] + 20, "left")
    window.point("mouseMoved", box[0], box[1] + box[2] / 3, "left")
    window.point("mouseReleased", box[0], box[1] + box[2] / 3, "left")
    until(window, TOLD)
    assert window.run("document.querySelectorAll('#scatter-chart .spot.out').length") > 10
    assert_quiet(window)


def test_an_axis_is_narrowed_with_the_keyboard(window: Browser, pages: dict[str, Path]) -> None:
    window.open(pages["overview"], 1280)
    handle = "document.querySelector('#parallel .handle')"
    assert window.run(f"{handle}.getAttribute('aria-valuetext')") == "everything"
    press = (
        f"(key, shiftKey = false) => {handle}.dispatchEvent("
        "new KeyboardEvent('keydown', {key, shiftKey, bubbles: true}))"
    )
    window.run(f"[1, 2, 3, 4].forEach(() => ({press})('ArrowDown'))")
    until(window, "document.querySelector('#parallel-tools .told').textContent.includes('of 120')")
    ends = window.run(f"{handle}.getAttribute('aria-valuetext')").split(" to ")
    assert float(ends[0]) < float(ends[1])
    window.run(f"({press})('Escape')")
    until(window, f"!({TOLD})")
    assert window.run(f"{handle}.getAttribute('aria-valuetext')") == "everything"
    assert_quiet(window)


def test_the_setting_that_matters_is_shown_first(window: Browser, tmp_path: Path) -> None:
    found = many.overview(120)
    rows = [
        msgspec.structs.replace(row, params={"noise_lr": place * 7919 % 120, **row.params})
        for place, row in enumerate(found.rows)
    ]
    page = tmp_path / "page.html"
    page.write_text(overview(msgspec.structs.replace(found, rows=tuple(rows))), encoding="utf-8")
    window.open(page, 1280)
    over = "document.querySelectorAll('#scatter-tools select')[1].selectedOptions[0].text"
    assert (
        window.run("document.querySelector('#parallel .strong').textContent") == "noise_lrnoise_lr"
    )
    assert window.run(over) == "train.lr"
    assert_quiet(window)


def test_ticked_experiments_have_their_curves(window: Browser, pages: dict[str, Path]) -> None:
    window.open(pages["overview"], 1280)
    curves = "document.querySelectorAll('#runs-chart path.curve').length"
    assert window.run(curves) == 5
    click(window, "table.experiments tbody tr:not(:has(:checked)) input")
    assert window.run(curves) == 6
    before = window.run("document.querySelector('#scatter-chart .spot').getAttribute('cy')")
    window.run(
        "(() => { const pick = document.querySelector('#scatter-tools select'); pick.selectedIndex = 2;"
        " pick.dispatchEvent(new Event('change')); })()"
    )
    settle(window)
    assert window.run("document.querySelector('#scatter-chart .spot').getAttribute('cy')") != before
    first = "document.querySelector('table.experiments tbody tr').textContent"
    click(window, "table.experiments th:nth-child(5) button")
    assert window.run(f"{first}.includes(document.querySelector('.champion').textContent)")
    assert_quiet(window)


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
