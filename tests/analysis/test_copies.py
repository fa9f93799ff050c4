from __future__ import annotations

import numpy as np
import pytest

from latentspace.analysis import copies


def make_blobs(count: int, shape: tuple[int, int, int] = (28, 24, 1)) -> np.ndarray:
    """Smooth random images, uint8."""
    rng = np.random.default_rng(5)
    height, width, channels = shape
    small = rng.integers(0, 256, (count, 7, 6, channels))
    large = small.repeat(-(-height // 7), axis=1).repeat(-(-width // 6), axis=2)
    return large[:, :height, :width].astype(np.uint8)


def find(pixels: np.ndarray, labels: np.ndarray | None = None) -> dict[str, np.ndarray]:
    labels = np.zeros(len(pixels), int) if labels is None else labels
    return copies.find_near_copies(pixels, labels, np.random.default_rng(0))


def list_near(found: dict[str, np.ndarray]) -> set[tuple[int, int]]:
    return set(map(tuple, found["pairs"][: int(found["near"])].tolist()))


@pytest.mark.parametrize("shape", [(28, 24, 1), (32, 32, 3), (75, 90, 1)])
def test_shifted_and_saved_copies_are_found_and_nothing_else(shape: tuple[int, int, int]) -> None:
    pixels = make_blobs(200, shape)
    shifted = copies.shift_images(pixels[:5], np.random.default_rng(1))
    saved = copies.save_as_jpeg(pixels[5:10])
    found = find(np.concatenate([pixels, shifted, saved]))
    assert list_near(found) == {(row, 200 + row) for row in range(10)}
    assert found["distances"][: int(found["near"])].max() < 0.15
    assert found["found"].mean() > 0.95
    assert not found["false_alarms"].any()
    assert len(found["made"]) == len(found["sources"]) == len(found["found"])


def test_pairs_come_once_and_the_best_first() -> None:
    found = find(make_blobs(60))
    pairs = found["pairs"]
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert int(found["near"]) == 0


def test_images_in_series_are_taken_for_copies_and_the_rate_says_so() -> None:
    pixels = make_blobs(20).repeat(4, axis=0).astype(int)
    pixels += np.random.default_rng(2).integers(-6, 7, pixels.shape)
    found = find(np.clip(pixels, 0, 255).astype(np.uint8))
    assert {(row // 4, other // 4) for row, other in list_near(found)} == {
        (n, n) for n in range(20)
    }
    assert found["false_alarms"].mean() > 0.5


def test_a_distance_is_the_least_over_shifts() -> None:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (6, 12, 11, 3)).astype(np.uint8)
    moved = np.roll(images, (1, -1), axis=(1, 2))
    own = np.arange(6)[:, np.newaxis]
    np.testing.assert_array_equal(copies.measure_distances(images, moved, own), 0)
    others = np.roll(own, 1)
    inner = images[:, 1:-1, 1:-1].astype(float)
    least = min(
        np.sqrt(np.mean((inner[0] - moved[5, 1 + y : 11 + y, 1 + x : 10 + x].astype(float)) ** 2))
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
    )
    found = copies.measure_distances(images, moved, others)
    assert found[0, 0] == pytest.approx(least / 255, rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 40, 1), (3, 200, 3), (4, 4, 1), (2, 2, 3)])
def test_images_of_any_shape_have_distances(shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(4).integers(0, 256, (10, *shape)).astype(np.uint8)
    images[:, 0, 0, 0] = np.arange(0, 250, 25)
    found = find(images)
    assert np.isfinite(found["distances"]).all()
    assert np.isfinite(found["level"])
    assert copies.measure_spectra(images).dtype == np.float32


def test_a_shift_is_by_one_pixel_and_repeats_the_edge() -> None:
    images = np.random.default_rng(4).integers(0, 256, (30, 9, 8, 1)).astype(np.uint8)
    for image, moved in zip(
        images, copies.shift_images(images, np.random.default_rng(0)), strict=True
    ):
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), "edge")
        places = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if (padded[y : y + 9, x : x + 8] == moved).all()
        ]
        assert len(places) == 1
        assert places != [(1, 1)]
