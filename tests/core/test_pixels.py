from __future__ import annotations

import numpy as np
import pytest

from latentspace.core import pixels
from latentspace.core.pixels import UnitImages, iterate_parts, map_parts, to_uint8, to_unit_range


def test_unit_range_maps_the_ends_exactly_and_leaves_the_input() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    images = to_unit_range(pixels)
    assert images.dtype == np.float32
    assert (images[0], images[255]) == (0.0, 1.0)
    np.testing.assert_array_equal(np.rint(images * 255), np.arange(256))
    assert pixels[255] == 255


def test_pixels_are_clipped_and_rounded_never_stretched() -> None:
    images = np.array([-1.0, 0.0, 0.2, 0.5 / 255, 0.51 / 255, 1.0, 7.0], np.float32)
    before = images.copy()
    assert to_uint8(images).tolist() == [0, 0, 51, 0, 1, 255, 255]
    np.testing.assert_array_equal(images, before)


def test_bytes_survive_the_way_through_floats() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(pixels.astype(np.float32) / 255), pixels)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros(3, np.uint8), "dtype=uint8"),
        (np.array([0.5, np.nan]), "NaN"),
        (np.array([0.5, np.inf]), "infinity"),
    ],
)
def test_what_is_no_image_is_refused(images: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_uint8(images)


def test_parts_cover_all_images_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.zeros((10, 4, 5, 1), np.uint8)
    assert list(iterate_parts(images)) == [slice(0, pixels.VALUES_AT_ONCE // 20)]
    monkeypatch.setattr(pixels, "VALUES_AT_ONCE", 60)
    rows = np.concatenate([np.arange(10)[part] for part in iterate_parts(images)])
    assert rows.tolist() == list(range(10))
    assert next(iterate_parts(images)) == slice(0, 3)


def test_images_become_floats_when_they_are_indexed() -> None:
    values = np.arange(0, 250, 25, dtype=np.uint8).reshape(10, 1, 1, 1)
    images = UnitImages(values)
    assert (len(images), images.shape, images.dtype) == (10, (10, 1, 1, 1), np.float32)
    np.testing.assert_array_equal(images[2:], to_unit_range(values[2:]))
    np.testing.assert_array_equal(np.asarray(images), to_unit_range(values))
    chosen = UnitImages(values, np.array([7, 2, 5]))
    assert (len(chosen), chosen.shape) == (3, (3, 1, 1, 1))
    np.testing.assert_array_equal(chosen[1:], to_unit_range(values[[2, 5]]))
    np.testing.assert_array_equal(chosen[np.array([2, 0])], to_unit_range(values[[5, 7]]))
    assert chosen.flatten().shape == (3, 1)
    np.testing.assert_array_equal(chosen.flatten()[1:], chosen[1:].reshape(2, 1))
    values[0] = 255
    assert images[0].item() == 1  # nothing was copied before


def test_a_function_of_parts_gives_what_it_gives_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "VALUES_AT_ONCE", 60)
    images, sizes = UnitImages(np.arange(200, dtype=np.uint8).reshape(10, 4, 5, 1)), []

    def average(part: np.ndarray) -> np.ndarray:
        sizes.append(len(part))
        return part.mean(axis=(1, 2, 3))

    np.testing.assert_array_equal(map_parts(average, images), average(images[:]))
    assert sizes == [3, 3, 3, 1, 10]
