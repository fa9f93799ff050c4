from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from latentspace.datasets.pictures import (
    brought_to,
    fitted,
    open_picture,
    picture_size,
    suffixes,
)
from latentspace.files import InputError


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def on_its_side() -> bytes:
    """A picture of 6x4 pixels, wide, that a camera noted as lying on its side."""
    pixels = np.zeros((4, 6), np.uint8)
    pixels[:, :3] = 255  # left becomes top
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.fromarray(pixels), exif=exif)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "PPM", "WEBP", "BMP", "TIFF", "GIF"])
def test_common_formats_are_read(kind: str) -> None:
    picture = Image.new("RGB", (16, 8), (200, 30, 90))
    data = encoded(picture, kind)
    assert picture_size(data)[:2] == (8, 16)
    pixels = fitted(open_picture(data, 3), (8, 16))
    assert np.abs(pixels.astype(int) - (200, 30, 90)).max() <= 6


def test_pictures_stand_upright() -> None:
    data = on_its_side()
    assert picture_size(data) == (6, 4, True)
    pixels = fitted(open_picture(data, 1), (6, 4))
    assert (pixels[:3] == 255).all()
    assert (pixels[3:] == 0).all()


def test_what_is_transparent_is_white() -> None:
    data = encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 0)))
    assert (fitted(open_picture(data, 3), (4, 4)) == 255).all()
    palette = Image.new("P", (4, 4))
    assert (fitted(open_picture(encoded(palette, transparency=0), 1), (4, 4)) == 255).all()


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    deep = Image.fromarray(np.array([[0, 32768, 65535]], np.uint16))
    for kind in ("PNG", "TIFF", "PPM"):
        data = encoded(deep, kind)
        assert picture_size(data)[2], kind
        assert fitted(open_picture(data, 1), (1, 3)).ravel().tolist() == [0, 128, 255], kind
    light = Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32))
    assert fitted(open_picture(encoded(light, "TIFF"), 1), (1, 3)).ravel().tolist() == [0, 128, 255]


def test_a_large_jpeg_is_decoded_small_enough() -> None:
    data = encoded(Image.new("L", (800, 600), 90), "JPEG")
    picture = open_picture(data, 1, draft=100)
    assert 100 <= min(picture.size) < 600
    assert np.abs(fitted(picture, (75, 100)).astype(int) - 90).max() <= 2


def test_nothing_is_stretched() -> None:
    pixels = np.zeros((10, 30), np.uint8)
    pixels[:, 10:20] = 255  # the middle
    assert (fitted(Image.fromarray(pixels), (10, 10)) > 250).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no image"),
        (b"GIF89a", "no image|broken|.+"),
        (encoded(Image.new("L", (50, 50), 7))[:60], ".+"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n", "no image"),
    ],
)
def test_what_is_no_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_picture(data, 1)


def test_an_image_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("L", (300, 300)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match="decompression bomb"):
        picture_size(data)


def test_names_tell_images() -> None:
    assert {".png", ".jpg", ".pgm", ".webp", ".tif", ".bmp"} <= suffixes()
    assert not {".eps", ".txt", ".csv", ".pdf", ".npz"} & suffixes()


def test_grey_and_colour_images_are_brought_to_each_other() -> None:
    grey = np.arange(48, dtype=np.uint8).reshape(3, 4, 4, 1)
    assert brought_to(grey, (4, 4), 1) is grey
    colour = brought_to(grey, (4, 4), 3)
    np.testing.assert_array_equal(colour, grey.repeat(3, axis=3))
    np.testing.assert_array_equal(brought_to(colour, (4, 4), 1), grey)
