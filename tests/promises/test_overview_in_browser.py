"""The report of many experiments in a real browser: narrowed, ticked, steered with the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gitml.views.report import overview
from tests.promises.browser import Browser, assert_quiet, browser, click, program, settle, until
from tests.views.report import many

pytestmark = pytest.mark.skipif(not program(), reason="there is no Chromium or Chrome on PATH")

TOLD = "document.querySelector('#experiments-tools .told').textContent.includes('of 120')"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pages") / "overview.html"
    made.write_text(overview(many.overview(120), command="gitml report"), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


def test_an_overview_is_narrowed_by_words_and_by_dragging(window: Browser, page: Path) -> None:
    window.open(page, 1280)
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


def test_an_axis_is_narrowed_with_the_keyboard(window: Browser, page: Path) -> None:
    window.open(page, 1280)
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


def test_ticked_experiments_have_their_curves(window: Browser, page: Path) -> None:
    window.open(page, 1280)
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
