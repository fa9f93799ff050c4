from __future__ import annotations

import numpy as np
import pytest

from latentspace import projection
from latentspace.scores import knn_accuracy


@pytest.fixture
def clusters() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(150) % 3
    centres = rng.normal(0, 6, (3, 10))
    return (centres[labels] + rng.normal(size=(150, 10))).astype(np.float32), labels


def test_tsne_keeps_clusters_apart_and_reports_progress(
    clusters: tuple[np.ndarray, np.ndarray],
) -> None:
    vectors, labels = clusters
    reports: list[tuple[int, float]] = []
    result = projection.tsne(
        vectors, perplexity=15, seed=0, on_progress=lambda *report: reports.append(report)
    )
    assert result.points.shape == (150, 2)
    assert result.points.dtype == np.float32
    assert knn_accuracy(result.points, labels) > 0.98
    assert 0 < result.kl_divergence < 2
    assert result.seconds > 0
    iterations = [iteration for iteration, _ in reports]
    assert iterations == sorted(iterations)
    assert iterations[-1] == projection.ITERATIONS
    assert reports[-1][1] < reports[0][1]


def test_perplexity_beyond_the_data_is_refused(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="perplexity=50"):
        projection.tsne(clusters[0], perplexity=50, seed=0)


def test_largest_perplexity_is_accepted(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    vectors = clusters[0][:31]
    assert projection.largest_perplexity(31) == 10
    assert projection.tsne(vectors, perplexity=10, seed=0).points.shape == (31, 2)


def test_align_undoes_turning_mirroring_and_shifting() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(40, 2))
    turn = np.array([[np.cos(2.0), -np.sin(2.0)], [np.sin(2.0), np.cos(2.0)]])
    moved = (reference * [1, -1]) @ turn + [3, -5]
    np.testing.assert_allclose(projection.align(moved, reference), reference, atol=1e-9)


def test_align_keeps_distances() -> None:
    rng = np.random.default_rng(0)
    points, reference = rng.normal(size=(2, 40, 2))
    aligned = projection.align(points * 3, reference)
    distances = np.linalg.norm(aligned[:1] - aligned, axis=1)
    np.testing.assert_allclose(distances, 3 * np.linalg.norm(points[:1] - points, axis=1))
