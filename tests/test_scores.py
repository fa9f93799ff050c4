from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness as sklearn_trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from latentspace import scores


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
    assert scores.structural_similarity(images, images) == pytest.approx(1)
    assert 0.7 < scores.structural_similarity(images, noisy) < 0.99
    assert scores.structural_similarity(images, 1 - images) < 0


def test_structural_similarity_is_the_mean_over_single_images(rng: np.random.Generator) -> None:
    first, second = rng.random((2, 4, 16, 16, 1)).astype(np.float32)
    single = [scores.structural_similarity(first[i : i + 1], second[i : i + 1]) for i in range(4)]
    assert scores.structural_similarity(first, second) == pytest.approx(np.mean(single))


def test_pca_error_is_that_of_the_best_projection(rng: np.random.Generator) -> None:
    basis = rng.normal(size=(3, 20))
    images = (rng.normal(size=(50, 3)) @ basis).reshape(50, 5, 4, 1).astype(np.float32)
    train, test = images[:40], images[40:]
    assert scores.pca_error(train, test, 3) == pytest.approx(0, abs=1e-8)
    pca = PCA(2).fit(train.reshape(40, -1))
    flat = test.reshape(10, -1)
    expected = np.mean((pca.inverse_transform(pca.transform(flat)) - flat) ** 2)
    assert scores.pca_error(train, test, 2) == pytest.approx(expected, rel=1e-4)


def test_knn_accuracy_leaves_the_point_itself_out(rng: np.random.Generator) -> None:
    points, labels = rng.normal(size=(80, 2)), rng.integers(0, 3, 80)
    hits = []
    for index in range(80):
        others = np.arange(80) != index
        model = KNeighborsClassifier(10).fit(points[others], labels[others])
        hits.append(model.predict(points[index : index + 1])[0] == labels[index])
    assert scores.knn_accuracy(points, labels) == np.mean(hits)


def test_knn_accuracy_of_separate_and_of_alternating_classes() -> None:
    line = np.arange(40.0)[:, None]
    assert scores.knn_accuracy(line + 1000 * (line >= 20), np.repeat([0, 1], 20)) == 1
    assert scores.knn_accuracy(line, np.arange(40) % 2, neighbors=1) == 0


@pytest.mark.parametrize("rows", [16, 1000])
def test_trustworthiness_equals_scikit_learn(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(scores, "ROWS_AT_ONCE", rows)
    source = rng.normal(size=(90, 6))
    for points in (source[:, :2], rng.normal(size=(90, 2))):
        expected = sklearn_trustworthiness(source, points, n_neighbors=10)
        assert scores.trustworthiness(source, points) == pytest.approx(expected, abs=1e-12)
