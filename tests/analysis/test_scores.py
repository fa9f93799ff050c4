from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import structural_similarity
from sklearn.decomposition import PCA

from latentspace.analysis import scores
from latentspace.core.pixels import to_unit_range


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_squared_errors(rng: np.random.Generator) -> None:
    first, second = rng.random((2, 7, 5, 4, 3)).astype(np.float32)
    expected = ((first.astype(float) - second) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(scores.squared_errors(first, second), expected, rtol=1e-5)
    assert scores.squared_errors(first, first).max() == 0


@pytest.mark.parametrize("side", [28, 8])
def test_structural_similarity_of_equal_noisy_and_inverted_images(
    rng: np.random.Generator, side: int
) -> None:
    images = rng.random((6, side, side, 1)).astype(np.float32)
    noisy = np.clip(images + rng.normal(0, 0.1, images.shape), 0, 1).astype(np.float32)
    np.testing.assert_allclose(scores.structural_similarity(images, images), 1)
    similar = scores.structural_similarity(images, noisy)
    assert similar.shape == (6,)
    assert (similar > 0.7).all()
    assert (similar < 0.99).all()
    assert (scores.structural_similarity(images, 1 - images) < 0).all()


def test_structural_similarity_is_that_of_each_image_and_channel(rng: np.random.Generator) -> None:
    first, second = rng.random((2, 4, 16, 17, 3)).astype(np.float32)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [
        np.mean(
            [
                structural_similarity(one[..., c], other[..., c], data_range=1.0, **options)
                for c in range(3)
            ]
        )
        for one, other in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(scores.structural_similarity(first, second), expected, rtol=1e-5)


def test_pca_error_is_that_of_the_best_projection(rng: np.random.Generator) -> None:
    basis = rng.normal(size=(3, 20))
    images = 128 + 10 * (rng.normal(size=(50, 3)) @ basis).reshape(50, 5, 4, 1)
    pixels = np.clip(images, 0, 255).astype(np.uint8)
    train, test = to_unit_range(pixels[:40]), to_unit_range(pixels[40:])
    assert scores.pca_error(scores.fit_components(train, 3), test) == pytest.approx(0, abs=1e-4)
    pca = PCA(2).fit(train.reshape(40, -1))
    flat = test.reshape(10, -1)
    back = np.clip(pca.inverse_transform(pca.transform(flat)), 0, 1)
    expected = np.mean((back - flat) ** 2)
    assert scores.pca_error(scores.fit_components(train, 2), test) == pytest.approx(
        expected, rel=1e-4
    )


def test_linear_autoencoder_gives_back_what_lies_in_its_components(
    rng: np.random.Generator,
) -> None:
    basis = rng.normal(size=(3, 24))
    images = 128 + 10 * (rng.normal(size=(50, 3)) @ basis).reshape(50, 4, 2, 3)
    pixels = np.clip(images, 0, 255).astype(np.uint8)
    encode, decode = scores.linear_autoencoder(
        scores.fit_components(to_unit_range(pixels[:40]), 3), pixels.shape[1:]
    )
    unseen = to_unit_range(pixels[40:])
    codes = encode(unseen)
    assert codes.shape == (10, 3)
    np.testing.assert_allclose(decode(codes), unseen, atol=0.01)  # but for the rounding to bytes
    beyond = decode(100 * codes)  # clipped as images of a model are
    assert (beyond.min(), beyond.max(), beyond.dtype) == (0, 1, np.float32)


def test_fine_power_is_that_of_waves_shorter_than_four_pixels() -> None:
    across = np.arange(16) * 2 * np.pi
    waves = [np.cos(across / length) for length in (8, 3.2, 2)]
    images = np.stack([np.tile(0.5 + wave / 4, (12, 1)) for wave in waves])[..., np.newaxis]
    power = scores.measure_fine_power(images.astype(np.float32))
    np.testing.assert_allclose(power, [0, 1 / 32, 1 / 16], atol=1e-6)  # the last is 1 or -1
    turned = scores.measure_fine_power(images.astype(np.float32).swapaxes(1, 2))
    np.testing.assert_allclose(turned, power, atol=1e-6)
    colour = np.repeat(images, 3, axis=3).astype(np.float32)
    np.testing.assert_allclose(scores.measure_fine_power(colour), power, atol=1e-6)


def test_reconstructions_are_scored_part_by_part(rng: np.random.Generator) -> None:
    images = rng.random((30, 12, 12, 1), dtype=np.float32)
    blurred = (images + np.roll(images, 1, axis=2)) / 2
    found = scores.score_reconstructions(images, lambda part: blurred[part])
    np.testing.assert_allclose(found["mse"], scores.squared_errors(images, blurred))
    np.testing.assert_allclose(found["ssim"], scores.structural_similarity(images, blurred))
    power = scores.measure_fine_power(images).mean()
    np.testing.assert_allclose(found["detail"], scores.measure_fine_power(blurred) / power)
    assert found["detail"].mean() < 0.6
    same = scores.score_reconstructions(images, lambda part: images[part])
    assert same["detail"].mean() == pytest.approx(1)
    plain = np.full((2, 8, 8, 1), 0.5, np.float32)
    assert np.isnan(scores.score_reconstructions(plain, lambda part: plain[part])["detail"]).all()


def test_grey_share_counts_ink_that_is_not_bright() -> None:
    image = np.array([0.0, 0.1, 0.3, 0.6, 0.7, 1.0], np.float32).reshape(1, 2, 3, 1)
    assert scores.grey_share(image) == 0.5
    assert scores.grey_share(np.zeros((1, 2, 2, 1), np.float32)) == 0


def test_step_lengths() -> None:
    way = np.zeros((1, 3, 2, 2, 1), np.float32)
    way[0, 1], way[0, 2] = 0.5, 0.5
    assert scores.step_lengths(way).tolist() == [[1, 0]]


def test_rank_correlations() -> None:
    first = np.array([1.0, 2, 3, np.nan, 5])
    assert scores.rank_correlation(first, first**3) == pytest.approx(1)
    rows = np.array([[1.0, 5, 9], [3, 2, 1], [1, 1, 1], [1, np.nan, 2]])
    assert scores.mean_rank_correlation(np.array([-1.0, 0, 1]), rows) == pytest.approx(0)
    assert scores.mean_rank_correlation(np.array([-1.0, 0, 1]), rows[:1]) == pytest.approx(1)


def test_precision_and_recall_count_who_lies_among_whom() -> None:
    grid = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    half = grid[grid[:, 0] < 5] + 0.3
    assert scores.precision_and_recall(grid, half)[0] == 1
    assert 0.5 <= scores.precision_and_recall(grid, half)[1] <= 0.7
    assert scores.precision_and_recall(grid, grid + 100) == (0, 0)
    assert np.isnan(scores.precision_and_recall(grid[:1], half)[0])


def test_blur_takes_sharpness_away() -> None:
    rng = np.random.default_rng(0)
    images = rng.random((4, 12, 10, 3)).astype(np.float32)
    blurred = (images + np.roll(images, 1, axis=1) + np.roll(images, 1, axis=2)) / 3
    assert (scores.sharpness(blurred) < scores.sharpness(images)).all()
    step = np.zeros((1, 4, 4, 1), np.float32)
    step[:, :, 2:] = 1
    assert scores.sharpness(step)[0] == pytest.approx(1 / 3)
    assert scores.sharpness(images[:, :1]).tolist() == [0, 0, 0, 0]
