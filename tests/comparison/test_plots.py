from __future__ import annotations

import io
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gitml.comparison.plots import Version, compare, kind_of
from gitml.comparison.specifications import decode, language_of, wants_network
from gitml.comparison.tables import Table, compare_tables, read_table

LITE = "https://vega.github.io/schema/vega-lite/v5.json"
KINDS = ("image", "svg", "vega-lite", "vega", "plotly", "table", "other")
VEGA = "https://vega.github.io/schema/vega/v5.json"


def picture(colour: str, form: str = "PNG") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(made, form)
    return made.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_an_image_is_known_by_its_first_bytes(form: str) -> None:
    assert kind_of(picture("red", form), "plot.txt") == "image"


@pytest.mark.parametrize(
    ("content", "path", "kind"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a", "svg"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- made\nby -->\n<svg>', "a", "svg"),
        (b'<!DOCTYPE svg PUBLIC "-//W3C" "svg11.dtd" [<!ENTITY a "b">]><svg/>', "a", "svg"),
        (b"<html><svg/></html>", "a.svg", "other"),
        (json.dumps({"$schema": LITE, "mark": "bar"}).encode(), "a", "vega-lite"),
        (json.dumps({"$schema": VEGA, "data": [], "marks": []}).encode(), "a", "vega"),
        (b'{"layer": [], "data": {"values": []}}', "a", "vega-lite"),
        (b'{"data": [{"type": "scatter", "y": [1, NaN]}], "layout": {}}', "a", "plotly"),
        (b'{"accuracy": 0.5}', "a.json", "other"),
        (b'[{"a": 1, "b": null}]', "a.json", "table"),
        (b"[[1, 2]]", "a.json", "other"),
        (b"{", "a.vl.json", "other"),
        (b"a,b\n1,2\n", "a.CSV", "table"),
        (b"a,b\n1,2\n", "a.txt", "other"),
        (b"a\0b", "a.csv", "other"),
        (b"%PDF-1.7", "a.pdf", "other"),
        (b"", "a.png", "other"),
    ],
)
def test_the_kind_is_told_by_the_content(content: bytes, path: str, kind: str) -> None:
    assert kind_of(content, path) == kind


def test_a_long_prologue_is_looked_at_once() -> None:
    started = time.perf_counter()
    assert kind_of(b"<!-- x -->" * 6_000 + b"<" * 100 + b"!--" * 500) == "other"
    assert kind_of(b" " * 60_000 + b"<!DOCTYPE [" * 400) == "other"
    assert time.perf_counter() - started < 2


def test_deep_or_endless_json_is_no_specification() -> None:
    assert decode(b"[" * 100_000) is None
    assert decode(b'{"a":' * 500 + b"1" + b"}" * 500) is None
    assert decode(b"\xff{}") is None


def test_what_a_specification_would_load_is_found() -> None:
    assert wants_network("vega-lite", {"data": {"url": "https://x.org/a.csv"}}) == (
        "https://x.org/a.csv"
    )
    nested = {"hconcat": [{"layer": [{"data": {"url": "data/a.csv"}}]}]}
    assert wants_network("vega-lite", nested) == "data/a.csv"
    assert wants_network("vega", {"data": [{"name": "a", "url": {"signal": "'htt' + 'p'"}}]})
    column = {"data": {"values": [{"url": "https://x.org"}]}, "encoding": {"url": {"field": "url"}}}
    assert wants_network("vega-lite", column) == ""
    image = {"data": [], "layout": {"images": [{"source": "//x.org/a.png"}]}}
    assert wants_network("plotly", image) == "//x.org/a.png"
    assert wants_network("plotly", {"data": [{"type": "choropleth"}]}) == "maps for choropleth"
    assert wants_network("plotly", {"data": [{"type": "scatter", "y": [1]}]}) == ""


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(content: bytes) -> None:
    assert kind_of(content, "a.csv") in KINDS
    tree = decode(content)
    assert language_of(tree) in (*KINDS, "")
    read_table(content, "a.csv")


def test_tables_are_compared_row_by_row_as_their_first_column_says() -> None:
    first = read_table(b"class,f1,recall\ncat,0.5,1\ndog,0.75,0.5\n")
    second = read_table(b"class,f1,precision\ndog,0.750,1\nfox,1,1\ncat,0.6,1\n")
    assert first is not None and second is not None
    found = compare_tables(first, second)
    assert found.rows == (2, 3)
    assert (found.rows_added, found.rows_removed) == (1, 0)
    assert (found.columns_added, found.columns_removed) == (("precision",), ("recall",))
    assert (found.changed, found.cells) == (1, 4)


def test_tables_without_names_in_the_first_column_are_compared_by_place() -> None:
    found = compare_tables(
        Table(("a", "b"), (("x", "1"), ("x", "2"))), Table(("a", "b"), (("x", "1"), ("x", "3")))
    )
    assert (found.changed, found.cells) == (1, 4)


def test_tables_of_many_kinds_are_read() -> None:
    assert read_table(b"a;b\r\n1;2\r\n") == Table(("a", "b"), (("1", "2"),))
    assert read_table(b"a\tb\n1\n", "x.tsv") == Table(("a", "b"), (("1", ""),))
    assert read_table(b'\xef\xbb\xbf"a, b",c\n1,2\n') == Table(("a, b", "c"), (("1", "2"),))
    assert read_table(b'[{"a": 1}, {"b": null, "a": 2}]') == Table(
        ("a", "b"), (("1", ""), ("2", ""))
    )
    assert read_table(b"\xff\xfe") is None
    assert read_table(b"") is None


def test_two_images_are_compared_by_their_pixels() -> None:
    red, blue = picture("red"), picture("blue")
    found = compare("a.png", [Version("git:1", 5, red), Version("git:2", 6, blue)])
    assert (found.kind, found.change) == ("image", "changed")
    assert found.dimensions == ((4, 4), (4, 4)) and found.sizes == (5, 6)
    assert found.difference is not None and found.difference.share == 1
    assert found.difference.picture == b"" and found.contents == ()
    kept = compare("a.png", [Version("git:1", 5, red), Version("git:2", 6, blue)], contents=True)
    assert kept.contents == (red, blue)
    assert kept.difference is not None and kept.difference.picture.startswith(b"\x89PNG")


def test_changes_are_told_of_two_and_of_several() -> None:
    one, other = Version("git:1"), Version("git:2")
    told = {
        (one, one): "same",
        (one, other): "changed",
        (None, other): "added",
        (one, None): "removed",
        (one, one, other): "differs",
        (one, None, one): "differs",
        (one, one, one): "same",
    }
    for versions, change in told.items():
        assert compare("a.png", versions).change == change
    assert compare("a.png", [one, other]).kind == "image"


def test_the_same_bytes_stored_in_two_ways_are_the_same() -> None:
    content = picture("red")
    found = compare("a.png", [Version("git:1", 1, content), Version("dvc:2", 1, content)])
    assert found.change == "same"


def test_plots_of_different_kinds_are_not_compared() -> None:
    found = compare("a", [Version("git:1", 1, picture("red")), Version("git:2", 1, b"<svg/>")])
    assert found.kind == "other" and found.difference is None
    assert "same kind" in found.note
