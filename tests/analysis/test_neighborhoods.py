from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier

from latentspace.analysis import neighborhoods
from latentspace.analysis.neighborhoods import Estimate
from latentspace.analysis.neighbors import find_nearest, find_nearest_others

ALL = np.arange(60)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def measure_accuracy(points: np.ndarray, labels: np.ndarray, neighbors: int = 10) -> float:
    rows = np.arange(len(points))
    found = find_nearest_others(points, rows, neighbors)[1]
    return float(neighborhoods.score_votes(found, labels, rows).mean())


def test_no_point_is_its_own_neighbour_and_the_nearest_come_first(
    rng: np.random.Generator,
) -> None:
    points = rng.normal(size=(60, 4))
    found = find_nearest_others(points, ALL[::3])[1]
    distances = np.linalg.norm(points[::3, np.newaxis] - points, axis=2)
    np.testing.assert_array_equal(found, distances.argsort(axis=1)[:, 1:11])


def test_equal_points_are_neighbours_of_each_other() -> None:
    points = np.zeros((30, 2))
    found = find_nearest_others(points, np.arange(30), 5)[1]
    assert found.shape == (30, 5)
    assert (found != np.arange(30)[:, np.newaxis]).all()


def test_accuracy_leaves_the_point_itself_out(rng: np.random.Generator) -> None:
    points, labels = rng.normal(size=(60, 3)), rng.integers(0, 4, 60)
    hits = []
    for left_out in range(60):
        others = np.arange(60) != left_out
        classifier = KNeighborsClassifier(10).fit(points[others], labels[others])
        hits.append(classifier.predict(points[left_out : left_out + 1])[0] == labels[left_out])
    assert measure_accuracy(points, labels) == np.mean(hits)


def test_accuracy_of_separate_and_of_alternating_classes() -> None:
    line = np.arange(40.0)[:, np.newaxis]
    assert measure_accuracy(line + 1000 * (line >= 20), np.repeat([0, 1], 20)) == 1
    assert measure_accuracy(line, np.arange(40) % 2, neighbors=1) == 0


def test_kept_shares_count_common_neighbours() -> None:
    first = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    second = np.array([[4, 3, 9, 10], [5, 6, 7, 8]])
    assert neighborhoods.knn_preservation(first, second).tolist() == [0.5, 1]


@pytest.mark.parametrize("shuffled", [False, True])
def test_trust_equals_scikit_learn(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, shuffled: bool
) -> None:
    source = rng.normal(size=(60, 8))
    points = source[:, :2] if not shuffled else rng.permutation(source[:, :2])
    near = find_nearest_others(points, ALL)[1]
    values = neighborhoods.trustworthiness(source, near, ALL)
    expected = trustworthiness(source, points, n_neighbors=10)
    assert values.mean() == pytest.approx(expected, abs=1e-12)
    part = neighborhoods.trustworthiness(source, near[5:9], ALL[5:9])
    np.testing.assert_allclose(part, values[5:9])
    monkeypatch.setattr(neighborhoods, "DISTANCES_AT_ONCE", 150)  # two images at a time
    np.testing.assert_allclose(neighborhoods.trustworthiness(source, near, ALL), values)


def test_silhouettes_equal_scikit_learn_and_need_two_classes(rng: np.random.Generator) -> None:
    points, labels = rng.normal(size=(60, 3)), ALL % 3
    values = neighborhoods.silhouettes(points, labels)
    assert values.mean() == pytest.approx(silhouette_score(points, labels))
    assert np.isnan(neighborhoods.silhouettes(points, np.zeros(60, int))).all()


def test_a_mean_lies_in_its_interval_which_narrows_with_more_images(
    rng: np.random.Generator,
) -> None:
    def estimate(count: int) -> Estimate:
        return neighborhoods.mean_estimate(rng.normal(0.5, 1, count), rng)

    few, many = estimate(50), estimate(5000)
    for found in (few, many):
        assert found.low < found.value < found.high
    # 95% of a normal distribution lie within 1.96 standard deviations.
    assert many.high - many.low == pytest.approx(2 * 1.96 / np.sqrt(5000), rel=0.15)
    assert few.high - few.low > 3 * (many.high - many.low)
    assert many.excludes_zero
    assert not Estimate(0.1, -0.2, 0.4).excludes_zero
    assert Estimate(-0.1, -0.2, -0.05).excludes_zero


def test_distance_correlation_is_spearmans(rng: np.random.Generator) -> None:
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr

    source = rng.normal(size=(60, 5))
    target = source[:, :2] + 0.3 * rng.normal(size=(60, 2))
    found = neighborhoods.distance_correlation(source, target, rng)
    expected = spearmanr(pdist(source), pdist(target)).statistic
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.low < found.value < found.high
    same = neighborhoods.distance_correlation(source, 3 * source, rng)
    assert (same.value, same.low) == (pytest.approx(1), pytest.approx(1))


def test_of_many_images_a_choice_is_scored(rng: np.random.Generator) -> None:
    rows = neighborhoods.choose_scored_rows(12_000, rng)
    assert len(np.unique(rows)) == neighborhoods.SCORED_IMAGES
    assert (np.diff(rows) > 0).all()
    assert neighborhoods.choose_scored_rows(60, rng).tolist() == list(range(60))
    assert len(neighborhoods.choose_scored_rows(10**6, rng)) == 1_000


def test_the_nearest_references_are_those_of_all_distances(rng: np.random.Generator) -> None:
    points, references = rng.normal(size=(7, 3)), rng.normal(size=(40, 3))
    distances, found = find_nearest(points, references, 5)
    every = np.linalg.norm(points[:, None] - references, axis=2)
    np.testing.assert_array_equal(found, np.argsort(every, axis=1)[:, :5])
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :5])


def test_votes_are_counted_by_class() -> None:
    votes = neighborhoods.count_votes(np.array([[0, 2, 2], [1, 1, 1]]), 4)
    assert votes.tolist() == [[1, 0, 2, 0], [0, 3, 0, 0]]


@pytest.mark.parametrize(
    ("members", "voters", "name"),
    [(20, 10, "10-NN"), (11, 10, "10-NN"), (3, 2, "2-NN"), (1, 0, "1-NN")],
)
def test_as_many_neighbours_vote_as_a_class_can_fill(members: int, voters: int, name: str) -> None:
    labels = np.arange(30).repeat(members)
    assert neighborhoods.count_voters(labels) == voters
    assert neighborhoods.name_votes(labels) == name


def test_small_classes_that_stand_apart_are_told_apart() -> None:
    """Thirty classes of three images each: of ten neighbours, eight would be of others."""
    labels = np.arange(30).repeat(3)
    points = labels[:, None] + np.random.default_rng(0).normal(0, 0.01, (90, 2))
    neighbors = find_nearest_others(points, np.arange(90))[1]
    assert neighborhoods.score_votes(neighbors, labels, np.arange(90)).mean() == 1


def test_votes_on_classes_of_single_images_mean_nothing() -> None:
    labels = np.concatenate([np.arange(30), [0]])  # two of a kind, the others alone
    points = np.random.default_rng(0).normal(size=(31, 2))
    neighbors = find_nearest_others(points, np.arange(31))[1]
    assert np.isnan(neighborhoods.score_votes(neighbors, labels, np.arange(31))).all()
