from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentspace.core.errors import InputError
from latentspace.datasets import Ink, find_ink, read_image


@pytest.mark.parametrize("size", [(28, 28), (50, 200), (90, 30)])
def test_own_image_fits_whole_and_keeps_its_aspect(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    pixels = np.zeros((height, width), np.uint8)
    pixels[height // 4 : height - height // 4, width // 4 : width - width // 4] = 255
    path = tmp_path / "mine.png"
    Image.fromarray(pixels).save(path)
    image = read_image(path, (28, 28, 1))
    assert image.shape == (28, 28, 1)
    assert image.dtype == np.float32
    assert 0 <= image.min() <= image.max() <= 1
    bright = image[..., 0] > 0.5
    aspect = np.ptp(np.nonzero(bright)[1]) + 1, np.ptp(np.nonzero(bright)[0]) + 1
    assert aspect[0] / aspect[1] == pytest.approx(width / height, rel=0.35)


def test_light_ground_is_inverted_and_transparent_paper_is_light(tmp_path: Path) -> None:
    pixels = np.zeros((28, 28, 4), np.uint8)
    pixels[10:18, 10:18] = (0, 0, 0, 255)  # black ink, no paper
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    image = read_image(tmp_path / "mine.png", (28, 28, 1))
    assert image[14, 14] == 1
    assert image[0, 0] == 0
    colour = read_image(tmp_path / "mine.png", (28, 28, 3))
    assert colour[0, 0].tolist() == [1, 1, 1]


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.png"
    path.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"mine\.png can't be read as an image"):
        read_image(path, (28, 28, 1))


def test_margins_are_cut_and_what_is_drawn_gets_the_usual_size(tmp_path: Path) -> None:
    pixels = np.full((300, 200), 255, np.uint8)
    pixels[20:100, 30:70] = 0  # twice as high as wide, far from the centre
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    image = read_image(tmp_path / "mine.png", (28, 28, 1), ink=Ink(20))
    rows, columns = np.nonzero(image[..., 0] > 0.5)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 10)
    assert (rows.mean(), columns.mean()) == (13.5, 13.5)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "empty.png")
    assert not read_image(tmp_path / "empty.png", (28, 28, 1), ink=Ink(20)).any()


def test_what_is_drawn_is_centred_as_the_data_is(tmp_path: Path) -> None:
    spots = np.zeros((9, 28, 28, 1), np.uint8)
    spots[:, 7:21, 13:15] = 255
    for place, image in enumerate(spots):
        image[14, 15 + place] = 60  # widens the box, and hardly moves the mass
    found = find_ink(spots)
    np.testing.assert_allclose(found.centre, (13.6, 13.5), atol=0.1)
    pixels = np.zeros((300, 200), np.uint8)
    pixels[20:100, 30:70] = 255
    pixels[80:100, 30:170] = 255  # an L, heavy at the bottom left
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    by_box, by_mass = (
        read_image(tmp_path / "mine.png", (28, 28, 1), ink=ink)[..., 0]
        for ink in (Ink(16), Ink(16, (13.0, 14.0)))
    )
    rows, columns = np.nonzero(by_box > 0.4)
    assert abs(rows.min() + rows.max() - 27) <= 1
    assert abs(columns.min() + columns.max() - 27) <= 1
    middles = [np.average(np.arange(28), weights=by_mass.sum(axis=axis)) for axis in (1, 0)]
    np.testing.assert_allclose(middles, (14, 13), atol=0.51)


def test_usual_size_of_what_is_drawn() -> None:
    pixels = np.zeros((3, 28, 28, 1), np.uint8)
    pixels[:2, 4:24, 10:15] = 255
    assert find_ink(pixels) == Ink(20)
    assert find_ink(np.full((3, 28, 28, 1), 255, np.uint8)) is None
    assert find_ink(np.zeros((3, 28, 28, 1), np.uint8)) is None
    assert find_ink(pixels.repeat(3, axis=3)) is None
