from __future__ import annotations

import io
import struct
import zlib
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from gitml.comparison import pixels
from gitml.comparison.contents import PixelDifference
from gitml.comparison.pixels import as_png, compare_pixels, dimensions


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    made = io.BytesIO()
    image.save(made, form, **options)
    return made.getvalue()


def difference(
    one: Image.Image | bytes, other: Image.Image | bytes, *, picture: bool = False
) -> PixelDifference:
    first, second = (it if isinstance(it, bytes) else saved(it) for it in (one, other))
    found, note = compare_pixels(first, second, picture=picture)
    assert found is not None, note
    return found


def test_the_share_and_the_strength_of_a_difference() -> None:
    white = Image.new("RGB", (100, 50), "white")
    other = white.copy()
    ImageDraw.Draw(other).rectangle((0, 0, 9, 49), fill="black")
    found = difference(white, other)
    assert (found.width, found.height) == (100, 50)
    assert found.share == pytest.approx(0.1)
    assert found.mean == pytest.approx(0.1)
    assert difference(white, white).share == 0


def test_the_picture_is_white_where_nothing_differs_and_redder_the_more() -> None:
    one = Image.new("RGB", (3, 1), "white")
    other = one.copy()
    other.putpixel((1, 0), (254, 255, 255))
    other.putpixel((2, 0), (0, 0, 0))
    drawn = Image.open(io.BytesIO(difference(one, other, picture=True).picture)).convert("RGB")
    same, faint, strong = (drawn.getpixel((x, 0)) for x in range(3))
    assert same == (255, 255, 255)
    assert faint[1] == faint[2] <= 192 and faint[0] > 240
    assert strong[1] == strong[2] == 0 and strong[0] > 200
    assert difference(one, one, picture=True).picture == b""


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "PA"])
def test_the_same_picture_in_another_mode_is_the_same(mode: str) -> None:
    image = Image.new("RGB", (8, 8), "white")
    ImageDraw.Draw(image).line((0, 0, 7, 7), fill="black")
    palette = image.convert("P") if mode == "PA" else image
    form = "TIFF" if mode == "PA" else "PNG"
    assert difference(image, saved(palette.convert(mode), form)).share == 0


def test_the_colour_of_what_cannot_be_seen_does_not_count() -> None:
    red, green = (Image.new("RGBA", (4, 4), (*colour, 0)) for colour in ((255, 0, 0), (0, 255, 0)))
    assert difference(red, green).share == 0
    assert difference(red, Image.new("RGBA", (4, 4), (255, 0, 0, 9))).share == 1
    # Of an image without transparency every pixel is seen.
    assert difference(red, Image.new("RGB", (4, 4), (255, 0, 0))).share == 1


def sixteen(values: list[int]) -> Image.Image:
    return Image.frombytes("I;16", (len(values), 1), array("H", values).tobytes())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 65_535)), min_size=1, max_size=20))
def test_grey_images_with_sixteen_bits_are_compared_with_all_of_them(
    pairs: list[tuple[int, int]],
) -> None:
    found = difference(sixteen([one for one, _ in pairs]), sixteen([two for _, two in pairs]))
    assert found.share == sum(one != two for one, two in pairs) / len(pairs)
    mean = sum(abs(one - two) for one, two in pairs) / len(pairs) / 65_535
    assert found.mean == pytest.approx(mean, abs=1e-9)


def test_sixteen_bits_and_eight_bits_meet() -> None:
    assert difference(sixteen([0, 65_535]), Image.frombytes("L", (2, 1), b"\0\xff")).share == 0
    colours = Image.new("RGB", (2, 1), "black")
    colours.putpixel((1, 0), (255, 255, 255))
    assert difference(sixteen([0, 65_535]), colours).share == 0


def test_images_of_different_sizes_get_a_note() -> None:
    found = compare_pixels(
        saved(Image.new("L", (4, 4))), saved(Image.new("L", (1000, 4))), picture=True
    )
    assert found == (None, "They have different sizes: 4 × 4 and 1,000 × 4 pixels.")


def test_of_an_animation_the_first_picture_counts_and_that_is_said() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    moving = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    found, note = compare_pixels(moving, saved(frames[0], "GIF"))
    assert found is not None and found.share == 0
    assert "first picture" in note


def bomb(side: int) -> bytes:
    """Return a small PNG that says it has `side` × `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [5_000, 20_000, 100_000])
def test_a_decompression_bomb_is_not_decoded(side: int) -> None:
    for content in (bomb(side), saved(Image.new("1", (side, 1000)))):
        found, note = compare_pixels(content, content)
        if found is None:
            assert "16,000,000 pixels" in note
        else:
            assert side * 1000 <= 16_000_000
    assert as_png(bomb(side))[0] == b""


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_damaged_image_is_a_note_and_never_more(data: st.DataObject) -> None:
    image = Image.radial_gradient("L").resize((20, 20)).convert("RGB")
    form = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"]))
    whole = bytearray(saved(image, form))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    for content in (bytes(whole), cut):
        found, note = compare_pixels(content, saved(image), picture=True)
        assert found is not None or note.endswith(".")
        dimensions(content)
        as_png(content)


def test_other_formats_that_pillow_knows_are_not_tried() -> None:
    found, note = compare_pixels(saved(Image.new("L", (4, 4)), "PPM"), b"")
    assert found is None and "can't be read as an image" in note


def test_images_without_a_scale_are_not_compared() -> None:
    floats = saved(Image.new("F", (2, 2), 0.5), "TIFF")
    assert compare_pixels(floats, floats) == (
        None,
        "Images whose values have no scale aren't compared.",
    )


def test_what_is_no_picture_of_browsers_becomes_one() -> None:
    png, _ = as_png(saved(Image.new("CMYK", (2, 3)), "TIFF"))
    assert Image.open(io.BytesIO(png)).size == (2, 3)


def test_without_pillow_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "pillow_is_there", lambda: False)
    found, note = compare_pixels(b"", b"")
    assert found is None and "gitml[report]" in note
    assert "gitml[report]" in as_png(b"")[1]
