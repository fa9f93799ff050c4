"""The nearest images: what is found is what comparing all with all finds."""

import numpy as np
import pytest

from latentspace.analysis import image_search
from latentspace.analysis.image_search import ImageSearch
from latentspace.core import pixels
from latentspace.core.pixels import UnitImages


@pytest.mark.parametrize("count", [1, 5])
def test_nearest_images_are_exact(count: int) -> None:
    rng = np.random.default_rng(0)
    searched = UnitImages(rng.integers(0, 256, (300, 6, 5, 1), dtype=np.uint8))
    images = rng.random((40, 6, 5, 1)).astype(np.float32)
    images[0] = searched[17]
    distances, indices = ImageSearch(searched).find(images, count)
    away = np.linalg.norm((images[:, None] - searched[:][None]).reshape(40, 300, -1), axis=2)
    np.testing.assert_array_equal(indices, away.argsort(axis=1)[:, :count])
    np.testing.assert_allclose(distances, np.sort(away, axis=1)[:, :count], atol=1e-5)
    assert (distances[0, 0], indices[0, 0]) == (0, 17)


@pytest.mark.parametrize("count", [1, 5])
def test_they_are_exact_where_the_sketch_says_little(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_search, "SKETCH_DIM", 2)
    monkeypatch.setattr(image_search, "SPARE_CANDIDATES", 0)
    monkeypatch.setattr(pixels, "VALUES_AT_ONCE", 20 * 30)  # parts of 20 images
    test_nearest_images_are_exact(count)


def test_fewer_than_are_wanted_are_all_found() -> None:
    searched = UnitImages(
        np.array([0, 255], np.uint8).reshape(2, 1, 1, 1).repeat(4, 1).repeat(4, 2)
    )
    distances, indices = ImageSearch(searched).find(searched[:1] + np.float32(0.25), 3)
    assert distances.tolist() == [[1, 3]]
    assert indices.tolist() == [[0, 1]]
    alone = ImageSearch(UnitImages(np.zeros((1, 4, 4, 1), np.uint8)))
    assert [each.tolist() for each in alone.find(searched[1:])] == [[[4]], [[0]]]
