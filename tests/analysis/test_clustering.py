from __future__ import annotations

import numpy as np
import pytest

from latentspace.analysis import clustering


@pytest.fixture
def groups() -> tuple[np.ndarray, np.ndarray]:
    """Three clouds of 60, far from each other, float32 (180, 6), and which is which."""
    rng = np.random.default_rng(0)
    labels = np.arange(180) % 3
    centres = np.eye(6)[:3] * 20
    return (centres[labels] + rng.normal(size=(180, 6))).astype(np.float32), labels


@pytest.mark.parametrize(
    "method", [clustering.cluster_k_means, clustering.cluster_gaussian_mixture]
)
def test_clouds_are_found_and_the_seed_repeats(groups, method) -> None:
    vectors, labels = groups
    found = method(vectors, 3, 1)
    assert clustering.score_agreement(labels, found.labels) == {
        "accuracy": 1.0,
        "nmi": 1.0,
        "ari": 1.0,
    }
    np.testing.assert_array_equal(method(vectors, 3, 1).labels, found.labels)
    assert found.labels.dtype == np.int64


def test_doubts_are_largest_between_two_clouds() -> None:
    rng = np.random.default_rng(0)
    clouds = [rng.normal(centre, 1, (200, 2)) for centre in (-4.0, 4.0)]
    found = clustering.cluster_gaussian_mixture(np.concatenate([*clouds, np.zeros((1, 2))]), 2, 0)
    assert found.uncertainty.argmax() == 400
    assert 0 < found.uncertainty.min() < 1e-16  # what 1 - share would round away


def test_density_finds_the_number_of_clouds_and_leaves_strays_out(groups) -> None:
    vectors, labels = groups
    stray = np.full((1, 6), 400, np.float32)
    found = clustering.cluster_hdbscan(np.concatenate([vectors, stray]))
    assert found.labels[-1] == clustering.NOISE
    assert len(np.unique(found.labels[:-1][found.labels[:-1] >= 0])) == 3
    assert clustering.score_agreement(labels, found.labels[:-1])["accuracy"] > 0.9


def test_manifold_keeps_clouds_apart(groups) -> None:
    vectors, labels = groups
    points = clustering.reduce_dimensions(vectors, clustering.build_neighbor_graph(vectors), 0)
    assert points.shape == (180, clustering.MANIFOLD_DIMS)
    found = clustering.cluster_gaussian_mixture(points, 3, 0, starts=3)
    assert clustering.score_agreement(labels, found.labels)["accuracy"] == 1


def test_graph_holds_the_nearest_and_either_way_round() -> None:
    places = np.array([0, 1, 3, 7, 15], np.float32)[:, None]
    indices, distances = clustering.build_neighbor_graph(places)
    np.testing.assert_array_equal(indices[:, 0], np.arange(5))
    np.testing.assert_allclose(distances[0], [0, 1, 3, 7, 15], rtol=1e-5)
    np.testing.assert_array_equal(indices[4], [4, 3, 2, 1, 0])
    assert indices.dtype == np.int64
    assert distances.dtype == np.float32


def test_copies_bring_images_near_that_they_resemble() -> None:
    places = np.array([[0.0], [10.0], [20.0]], np.float32)
    copy = np.array([[0.0], [10.0], [1.0]], np.float32)  # the third may lie near the first
    indices, distances = clustering.build_neighbor_graph(places, [copy])
    assert list(indices[0]) == [0, 2, 1]
    np.testing.assert_allclose(distances[0], [0, 1, 10], rtol=1e-5)
    assert list(indices[2]) == [2, 0, 1]  # the other way round as well
    np.testing.assert_allclose(distances[2], [0, 1, 9], rtol=1e-5)


def test_equal_vectors_stay_their_own_first_neighbours() -> None:
    indices, distances = clustering.build_neighbor_graph(np.ones((40, 3), np.float32))
    assert indices.shape == (40, clustering.NEIGHBORS)
    np.testing.assert_array_equal(indices[:, 0], np.arange(40))
    assert np.isfinite(distances).all()


def test_matching_takes_no_class_twice() -> None:
    table = np.array([[9, 8], [7, 1], [0, 0]])
    np.testing.assert_array_equal(clustering.match_clusters(table), [1, 0, -1])


def test_agreement_by_hand_and_images_in_no_cluster_are_wrong() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert clustering.score_agreement(labels, np.array([1, 1, 1, 0, 0, 1]))["accuracy"] == 5 / 6
    assert clustering.score_agreement(labels, np.array([1, 1, 1, 0, 0, -1]))["accuracy"] == 5 / 6
    assert clustering.score_agreement(labels, np.array([0, 0, 0, 0, 0, 0]))["nmi"] == 0
    table = clustering.contingency_table(labels, np.array([1, 1, -1, 0, 0, 0]), 2)
    np.testing.assert_array_equal(table, [[0, 3], [2, 0]])


def test_stability_is_one_when_only_names_differ() -> None:
    first = np.array([0, 0, 1, 1, 2, 2])
    assert clustering.score_stability([first, (first + 1) % 3]) == pytest.approx(1)
    assert clustering.score_stability([first, np.array([0, 1, 0, 1, 0, 1])]) < 0.1
