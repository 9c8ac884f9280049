"""`gitml.log_figure` takes the figures of every library, and writes the same bytes for the same."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gitml
from gitml.errors import ArtifactError
from tests.api.made_files import examples_of, left_over, run

__all__ = ["run"]

PNG = b"\x89PNG\r\n\x1a\n"


def drawn() -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1.5), dpi=50)
    axes = figure.add_subplot()
    axes.plot([1, 3, 2])
    axes.set_title("loss")
    return figure


def test_the_examples_of_the_documentation_work(run: Path) -> None:
    lines = examples_of(gitml.log_figure)
    assert len(lines) == 2
    for line in lines:
        exec(line, {"gitml": gitml, "figure": drawn(), "epoch": 10})
    assert sorted(os.listdir(run / "made/plots")) == ["confusion.png", "samples-00010.png"]


@pytest.mark.parametrize("format", ["png", "svg"])
def test_the_same_figure_gives_the_same_bytes_in_every_process(run: Path, format: Any) -> None:
    first = gitml.log_figure(drawn(), "loss", format=format).read_bytes()
    script = (
        "import gitml, sys; sys.path.insert(0, '.')\n"
        "from tests.api.test_log_figure import drawn\n"
        f"gitml.log_figure(drawn(), 'other', format={format!r})"
    )
    env = {**os.environ, "SOURCE_DATE_EPOCH": "1", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", script], check=True, env=env)
    again = (run / f"made/plots/other.{format}").read_bytes()
    assert first == again
    assert b"matplotlib v" not in first.lower() and b"Software" not in first
    assert first.startswith(PNG) if format == "png" else b"<svg" in first


def test_axes_their_arrays_lines_and_pyplot_itself_stand_for_their_figure(run: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(2, 2, figsize=(2, 2), dpi=40)
    lines = grid[0, 0].plot([1, 2])
    subfigure = pyplot.figure(figsize=(2, 2), dpi=40).subfigures(1, 2)[0].subplots()
    pyplot.figure(figure)
    whole = gitml.log_figure(figure, "whole").read_bytes()
    for form in (grid, grid[1, 1], lines, lines[0], pyplot):
        assert gitml.log_figure(form, "form").read_bytes() == whole
    assert gitml.log_figure(subfigure, "sub").read_bytes() != whole
    pyplot.close("all")
    with pytest.raises(ArtifactError, match="no current figure"):
        gitml.log_figure(pyplot)


def test_displays_of_scikit_learn_are_figures(run: Path) -> None:
    from sklearn.metrics import ConfusionMatrixDisplay

    display = ConfusionMatrixDisplay(np.eye(2))
    display.plot()
    assert gitml.log_figure(display, "confusion").read_bytes().startswith(PNG)


def test_plotly_figures_keep_all_that_they_show(run: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(y=np.array([1.0, np.nan, 3.0])), {"title": "x"})
    path = gitml.log_figure(figure, "curves")
    assert path.name == "curves.plotly.json"
    known = json.loads(path.read_bytes())
    assert known["layout"]["title"]["text"] == "x" and len(known["data"]) == 1
    assert known == json.loads(figure.to_json())
    assert gitml.log_figure(figure, "again.plotly.json").read_bytes() == path.read_bytes()
    assert gitml.log_figure(figure.to_dict(), "dict").name == "dict.plotly.json"


def test_vega_lite_specifications_are_strict_json(run: Path) -> None:
    class Chart:  # what altair's charts are
        def __init__(self, spec: dict[str, Any]) -> None:
            self.spec = spec

        def to_dict(self) -> dict[str, Any]:
            return self.spec

    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "mark": "bar",
        "data": {"values": [{"a": np.int64(1), "b": float("nan")}, {"a": 2, "b": np.float32(0.5)}]},
    }
    for form in (spec, Chart(spec), {key: spec[key] for key in ("mark", "data")}):
        path = gitml.log_figure(form, "bars")
        assert path.name == "bars.vl.json"
        values = json.loads(path.read_text())["data"]["values"]
        assert values == [{"a": 1, "b": None}, {"a": 2, "b": 0.5}]
    vega = {"$schema": "https://vega.github.io/schema/vega/v6.json", "marks": []}
    assert gitml.log_figure(vega, "v").name == "v.vg.json"


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (3, 4, 3), (3, 4, 4)])
def test_arrays_of_bytes_are_images_with_exactly_their_pixels(run: Path, shape: Any) -> None:
    import torch
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    path = gitml.log_figure(pixels, "image")
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), pixels.squeeze() if shape[-1] == 1 else pixels)
    data = path.read_bytes()
    assert gitml.log_figure(torch.from_numpy(pixels), "image").read_bytes() == data
    views = pixels.repeat(2, axis=0)[::2]
    assert gitml.log_figure(views, "image").read_bytes() == data


def test_images_of_pil_are_written_without_their_metadata(run: Path) -> None:
    from PIL import Image, PngImagePlugin

    plain = Image.new("RGB", (4, 3), (9, 8, 7))
    about = PngImagePlugin.PngInfo()
    about.add_text("Author", "somebody")
    file = io.BytesIO()
    plain.save(file, "PNG", pnginfo=about)
    file.seek(0)
    with Image.open(file) as image:
        image.load()
        assert gitml.log_figure(image, "a").read_bytes() == gitml.log_figure(plain).read_bytes()
    for mode in ("1", "L", "P", "RGBA", "CMYK", "I", "I;16", "F"):
        assert gitml.log_figure(Image.new(mode, (4, 3)), "m").read_bytes().startswith(PNG)
    deep = gitml.log_figure(Image.new("I", (4, 3), 60_000), "m")
    with Image.open(deep) as image:
        assert image.getpixel((0, 0)) == 60_000
    with pytest.raises(ArtifactError, match="can't be written as PNG"):
        gitml.log_figure(Image.new("L", (0, 3)), "none")


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (None, "None is no figure"),
        ("confusion.png", "is no figure"),
        ({"a": 1}, "is no figure"),
        ([], "is no figure"),
        (np.zeros((4, 4)), "float64, and not uint8"),
        (np.zeros((3, 4, 4, 3), "uint8"), "shape .3, 4, 4, 3."),
        (np.zeros((3, 64, 64), "uint8"), "shape"),
        (np.zeros((64, 64, 2), "uint8"), "shape"),
        (np.zeros((0, 4), "uint8"), "shape .0, 4."),
        ({"mark": "bar", "data": object()}, "a object, which JSON can't hold"),
    ],
)
def test_what_is_no_figure_is_said_with_what_is_one(run: Path, figure: Any, said: str) -> None:
    with pytest.raises(ArtifactError, match=said) as caught:
        gitml.log_figure(figure)
    assert isinstance(caught.value, ValueError)
    assert not (run / "made/plots").exists()


def test_channels_first_are_told_how_to_turn(run: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        gitml.log_figure(np.zeros((3, 64, 64), "uint8"))
    assert "image.transpose(1, 2, 0)" in caught.value.__notes__[0]
    import torch

    with pytest.raises(ArtifactError) as caught:
        gitml.log_figure(torch.zeros(3, 64, 64, dtype=torch.uint8))
    assert "image.permute(1, 2, 0)" in caught.value.__notes__[0]
    with pytest.raises(ArtifactError) as caught:
        gitml.log_figure(torch.zeros(64, 64))
    assert "(image * 255).round().byte()" in caught.value.__notes__[0]


def test_the_suffix_of_the_name_is_a_format_and_contradictions_are_refused(run: Path) -> None:
    assert gitml.log_figure(drawn(), "a.svg").name == "a.svg"
    assert gitml.log_figure(drawn(), "b.PNG", step=3).name == "b-00003.png"
    assert gitml.log_figure(drawn(), "v1.2").name == "v1.2.png"
    image = np.zeros((2, 2), "uint8")
    for wrong in (
        lambda: gitml.log_figure(drawn(), "a.svg", format="png"),
        lambda: gitml.log_figure(drawn(), "a", format="pdf"),  # type: ignore[arg-type]
        lambda: gitml.log_figure(image, "a.svg"),
        lambda: gitml.log_figure({"data": []}, "a", format="png"),
    ):
        with pytest.raises(ArtifactError):
            wrong()


@pytest.mark.parametrize("step", [-1, 1.5, True, "3", float("nan")])
def test_steps_are_whole_numbers(run: Path, step: Any) -> None:
    with pytest.raises(ArtifactError, match="no whole number"):
        gitml.log_figure(drawn(), "a", step=step)
    assert gitml.log_figure(drawn(), "a", step=np.int64(123456)).name == "a-123456.png"


def test_a_second_figure_replaces_the_first_and_steps_stay_apart(run: Path) -> None:
    image = np.zeros((2, 2), "uint8")
    first = gitml.log_figure(image, "train/now")
    second = gitml.log_figure(image + 9, "train/now")
    steps = {gitml.log_figure(image, "train/now", step=n).name for n in (1, 2)}
    assert first == second and steps == {"now-00001.png", "now-00002.png"}
    assert len(list((run / "made/plots/train").iterdir())) == 3
    assert not left_over(run)
