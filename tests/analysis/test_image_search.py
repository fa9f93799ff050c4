"""The nearest images: what is found is what comparing all with all finds."""

import numpy as np
import pytest

from latentspace.analysis import image_search, neighbors
from latentspace.analysis.image_search import ImageSearch
from latentspace.core import pixels
from latentspace.core.pixels import UnitImages


def test_nearest_images_are_exact() -> None:
    rng = np.random.default_rng(0)
    searched = UnitImages(rng.integers(0, 256, (300, 6, 5, 1), dtype=np.uint8))
    images = rng.random((40, 6, 5, 1)).astype(np.float32)
    images[0] = searched[17]
    distances, indices = ImageSearch(searched).find(images)
    away = np.linalg.norm((images[:, None] - searched[:][None]).reshape(40, 300, -1), axis=2)
    np.testing.assert_array_equal(indices, away.argmin(axis=1))
    np.testing.assert_allclose(distances, away.min(axis=1), atol=1e-5)
    assert (distances[0], indices[0]) == (0, 17)


@pytest.mark.parametrize("wide", [5, 100])  # of 30 pixels
def test_they_are_exact_where_the_sketch_says_little(
    wide: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_search, "SKETCH_DIM", 2)
    monkeypatch.setattr(image_search, "SKETCH_CANDIDATES", 2)
    monkeypatch.setattr(image_search, "POOLED_SIDE", 4)  # of six rows and five columns
    monkeypatch.setattr(pixels, "VALUES_AT_ONCE", 20 * 30)  # parts of 20 images
    monkeypatch.setattr(neighbors, "WIDE", wide)
    test_nearest_images_are_exact()


def test_few_images_do() -> None:
    searched = UnitImages(np.zeros((1, 4, 4, 1), np.uint8))
    distances, indices = ImageSearch(searched).find(searched[:] + np.float32(0.5))
    assert (distances.tolist(), indices.tolist()) == ([2], [0])
