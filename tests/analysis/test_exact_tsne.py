"""All pairs of points, beside the same sums written out and beside Barnes-Hut's of openTSNE."""

from __future__ import annotations

import numpy as np
import pytest

from latentspace.analysis import exact_tsne


@pytest.mark.parametrize("scale", [1e-4, 10.0])
@pytest.mark.parametrize(("count", "dims"), [(2, 2), (300, 2), (256, 3)])
def test_repulsion_is_that_of_all_pairs(count: int, dims: int, scale: float) -> None:
    points = np.random.default_rng(0).normal(0, scale, (count, dims))
    before = points.copy()
    forces, total = exact_tsne.sum_repulsion(points)
    np.testing.assert_array_equal(points, before)
    apart = points[:, np.newaxis] - points
    similar = 1 / (1 + (apart**2).sum(axis=2))
    np.fill_diagonal(similar, 0)
    assert total == pytest.approx(similar.sum(), rel=1e-4)
    expected = (similar[..., np.newaxis] ** 2 * apart).sum(axis=1)
    np.testing.assert_allclose(forces, expected, rtol=0, atol=5e-3 * np.abs(expected).max())


def test_gradient_and_divergence_are_those_that_fine_barnes_hut_comes_near_to() -> None:
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.tsne import kl_divergence_bh

    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 5))
    affinities = PerplexityBasedNN(vectors, 20, method="exact", n_jobs=1).P
    points = rng.normal(0, 5, (200, 2))
    how = {"dof": 1, "should_eval_error": True, "n_jobs": 1}
    divergence, gradient = exact_tsne.compute_gradient(points, affinities, **how)
    theirs = kl_divergence_bh(points, affinities, bh_params={"theta": 0.05}, **how)
    assert divergence == pytest.approx(theirs[0], rel=1e-3)
    np.testing.assert_allclose(gradient, theirs[1], rtol=0, atol=2e-3 * np.abs(gradient).max())
