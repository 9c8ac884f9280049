"""Images of examples are drawn so that they can be seen, and never trusted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gitml.errors import RecordError
from gitml.outputs.example_images import images_of, media_of, smaller
from gitml.outputs.example_rows import rows_of
from gitml.outputs.png import picture


def pixels(content: bytes) -> Any:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return np.asarray(image)


def drawn(folder: Path, images: Any, wanted: tuple[str, ...] = ("0",)) -> dict[str, Any]:
    path = folder / "d.npz"
    np.savez(path, ids=np.arange(len(images)), images=images)
    found = images_of(path, "d.npz", ("ids", "images"), wanted)
    return {name: pixels(content) for name, content in found}


def test_a_png_has_the_pixels_of_the_array() -> None:
    grey = np.arange(200 * 150, dtype=np.uint16).reshape(150, 200) % 256
    assert (pixels(picture(grey, 0, 255)) == grey).all()
    colour = np.random.default_rng(0).integers(0, 256, (130, 140, 3))
    assert (pixels(picture(colour, 0, 255)) == colour).all()
    assert (pixels(picture(np.moveaxis(colour, -1, 0), 0, 255)) == colour).all()
    assert pixels(picture(np.zeros((130, 130, 4)), 0, 1)).shape == (130, 130, 4)


def test_small_images_are_enlarged_without_smoothing(tmp_path: Path) -> None:
    digit = np.zeros((1, 8, 8), dtype=np.uint8)
    digit[0, 2, 3] = 16
    image = drawn(tmp_path, digit)["0"]
    assert image.shape == (128, 128)
    assert set(np.unique(image)) == {0, 255}
    assert (image[32:48, 48:64] == 255).all()
    assert image.sum() == 255 * 256


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 128, 255], dtype=np.uint8), [0, 128, 255]),
        (np.array([0, 8, 16], dtype=np.uint8), [0, 128, 255]),
        (np.array([0.0, 0.5, 1.0]), [0, 128, 255]),
        (np.array([-1.0, 0.0, 1.0]), [0, 128, 255]),
        (np.array([False, True, True]), [0, 255, 255]),
        (np.array([-2.0, 0.0, 2.0]), [0, 128, 255]),
        (np.array([np.nan, np.inf, 1.0]), [0, 255, 255]),
        (np.array([0, 128, 255], dtype=np.int64), [0, 128, 255]),
        (np.zeros(3), [0, 0, 0]),
    ],
)
def test_numbers_of_any_kind_become_grey(tmp_path: Path, values: Any, expected: list[int]) -> None:
    image = drawn(tmp_path, values.reshape(1, 1, 3))["0"]
    assert image[0, ::42][:3].tolist() == expected


def test_examples_are_found_by_their_ids(tmp_path: Path) -> None:
    images = np.arange(5).reshape(5, 1, 1).repeat(200, axis=1).repeat(200, axis=2) * 60
    found = drawn(tmp_path, images.astype(np.uint8), ("3", "missing", "1"))
    assert {name: int(image[0, 0]) for name, image in found.items()} == {"3": 180, "1": 60}


def test_arrays_that_are_no_images_are_refused(tmp_path: Path) -> None:
    for images in (np.zeros((2, 3)), np.zeros((2, 3, 4, 5, 6)), np.array([[["a"]]]), np.zeros((2, 5, 5, 7))):  # fmt: skip
        with pytest.raises(RecordError, match="no images"):
            drawn(tmp_path, images)
    np.savez(tmp_path / "d.npz", ids=np.arange(3), images=np.zeros((2, 4, 4)))
    with pytest.raises(RecordError, match="3 ids and 2 images"):
        list(images_of(tmp_path / "d.npz", "d.npz", ("ids", "images"), ["0"]))
    with pytest.raises(RecordError, match="no array 'pictures'"):
        list(images_of(tmp_path / "d.npz", "d.npz", ("ids", "pictures"), ["0"]))


def test_only_images_are_called_images() -> None:
    assert media_of(picture(np.zeros((1, 1)), 0, 1)) == "image/png"
    assert media_of(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert media_of(b"<svg onload=alert(1)>") == ""
    assert media_of(b"") == ""


def test_large_images_become_small_and_damaged_ones_stay() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1_000, 500, 3))
    media, content = smaller("image/png", picture(noise, 0, 255))
    assert media == "image/png"
    assert pixels(content).shape[:2] == (320, 160)
    damaged = b"\x89PNG\r\n\x1a\n" + bytes(200_000)
    assert smaller("image/png", damaged) == ("image/png", damaged)


def test_rows_of_a_table_are_shown_by_id(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('id,text,weight\na,hello,1\nb,"two\nlines",2\n')
    shown = rows_of(path, "t.csv", ".csv", "", ["text"], ["b", "x"])
    assert shown == {"b": "two\nlines"}
    assert rows_of(path, "t.csv", ".csv", "id", [], ["a"]) == {"a": "text: hello\nweight: 1"}
    with pytest.raises(RecordError, match="no column 'nope'"):
        rows_of(path, "t.csv", ".csv", "id", ["nope"], ["a"])
