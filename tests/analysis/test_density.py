from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from latentspace.analysis.density import Density, fit_density, fit_gaussian


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def make_clusters(rng: np.random.Generator, count: int = 400) -> np.ndarray:
    """Two far clusters, one three times as large, float32 (count, 2)."""
    return np.concatenate(
        [rng.normal((-9, 0), 1, (count // 4, 2)), rng.normal((9, 5), 0.5, (3 * count // 4, 2))]
    ).astype(np.float32)


def test_density_is_that_of_the_mixture(rng: np.random.Generator) -> None:
    covariances = np.array([[[2.0, 0.5], [0.5, 1.0]], [[0.3, 0.0], [0.0, 4.0]]])
    means, weights = np.array([[0.0, 1.0], [3.0, -2.0]]), np.array([0.3, 0.7])
    density = Density(weights, means, covariances, np.array([0, 1]))
    codes = rng.normal(size=(5000, 2)).astype(np.float32)
    parts = zip(weights, means, covariances, strict=True)
    expected = sum(w * multivariate_normal(m, c).pdf(codes) for w, m, c in parts)
    np.testing.assert_allclose(density.log_density(codes), np.log(expected), atol=1e-4)


def test_gradient_is_that_of_the_log_density(rng: np.random.Generator) -> None:
    density = fit_density(make_clusters(rng), np.zeros(400, int), rng)
    codes, step = rng.normal(0, 4, (50, 2)), 1e-2
    values, gradient = density.log_density_gradient(codes)
    np.testing.assert_array_equal(values, density.log_density(codes))
    for axis in range(2):
        move = step * np.eye(2)[axis]
        slope = (density.log_density(codes + move) - density.log_density(codes - move)) / step / 2
        np.testing.assert_allclose(gradient[:, axis], slope, rtol=0.05, atol=0.05)


def test_samples_of_a_set_of_two_components_find_both(rng: np.random.Generator) -> None:
    codes = make_clusters(rng)
    density = fit_density(codes, np.zeros(400, int), rng)
    drawn = density.sample(1000, rng)
    assert drawn.dtype == np.float32
    left = drawn[:, 0] < 0
    assert left.mean() == pytest.approx(0.25, abs=0.05)
    np.testing.assert_allclose(drawn[left].mean(axis=0), (-9, 0), atol=0.4)
    np.testing.assert_allclose(drawn[~left].mean(axis=0), (9, 5), atol=0.2)
    between = fit_gaussian(codes).sample(1000, rng)
    assert (np.abs(between[:, 0]) < 4).mean() > 0.1 > (np.abs(drawn[:, 0]) < 4).mean()


def test_a_lower_temperature_draws_nearer_to_the_means(rng: np.random.Generator) -> None:
    density = fit_gaussian(make_clusters(rng))
    warm, cold = (
        density.sample(500, np.random.default_rng(1), temperature=temperature)
        for temperature in (1.0, 0.5)
    )
    np.testing.assert_allclose(cold - density.means, (warm - density.means) / 2, atol=1e-5)


def test_more_components_are_taken_only_where_held_back_codes_gain(
    rng: np.random.Generator,
) -> None:
    one = fit_density(rng.normal(size=(2000, 3)).astype(np.float32), np.zeros(2000, int), rng)
    assert len(one.weights) == 1
    assert len(fit_density(make_clusters(rng), np.zeros(400, int), rng).weights) >= 2


def test_each_class_has_components_of_its_own(rng: np.random.Generator) -> None:
    codes, labels = make_clusters(rng), np.repeat([3, 7], [100, 300])
    density = fit_density(codes, labels, rng)
    assert set(density.classes) == {3, 7}
    assert density.weights.sum() == pytest.approx(1)
    assert (density.sample(200, rng, 3)[:, 0] < 0).all()
    assert (density.sample(200, rng, 7)[:, 0] > 0).all()
    np.testing.assert_array_equal(density.classify(codes), labels)


@pytest.mark.parametrize("members", [1, 2, 5])
def test_small_classes_of_many_dimensions_lean_on_all(
    rng: np.random.Generator, members: int
) -> None:
    labels = np.repeat(np.arange(12), members)
    codes = (rng.normal(0, 5, (12, 16))[labels] + rng.normal(size=(len(labels), 16))).astype("f4")
    density = fit_density(codes, labels, rng)
    assert len(density.weights) == 12
    assert np.isfinite(density.log_density(codes)).all()
    assert np.isfinite(density.sample(100, rng)).all()


def test_scale_of_codes_makes_no_difference(rng: np.random.Generator) -> None:
    codes = make_clusters(rng)
    small, large = (
        fit_density(codes * scale, np.zeros(400, int), np.random.default_rng(1))
        for scale in (1, 1000)
    )
    np.testing.assert_allclose(small.means * 1000, large.means, rtol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 50])
def test_equal_codes_have_a_narrow_density(rng: np.random.Generator, count: int) -> None:
    density = fit_density(np.full((count, 3), 7, np.float32), np.zeros(count, int), rng)
    assert np.abs(density.sample(20, rng) - 7).max() < 0.5


def test_units_that_never_move_are_no_obstacle(rng: np.random.Generator) -> None:
    codes = np.column_stack([make_clusters(rng), np.zeros(400)]).astype(np.float32)
    density = fit_density(codes, np.zeros(400, int), rng)
    assert np.isfinite(density.log_density(codes)).all()
    assert np.abs(density.sample(100, rng)[:, 2]).max() < 0.5
