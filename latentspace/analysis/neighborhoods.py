"""What a map or a space does to neighbours and classes: scores per image, with intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from latentspace.analysis.neighbors import NEIGHBORS
from latentspace.core.pixels import iterate_parts

SCORED_IMAGES = 5_000  # of larger maps so many are scored, their neighbours sought among all
SCORED_PAIRS = 10**9  # an image with each other: of more than 200,000 images fewer are scored
CORRELATED_IMAGES = 1_000
RESAMPLES, CONFIDENCE = 1_000, 0.95
ROWS_AT_ONCE, DISTANCES_AT_ONCE = 512, 2**26


class Estimate(NamedTuple):
    """A mean over images, and its interval by bootstrap percentiles (Efron & Tibshirani 1993)."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval."""
        return self.low > 0 or self.high < 0


def choose_scored_rows(count: int, rng: np.random.Generator) -> np.ndarray:
    """Sorted indices of the images to score: all, or as many as may be drawn from more."""
    most = min(count, SCORED_IMAGES, max(1, SCORED_PAIRS // count))
    return np.sort(rng.choice(count, most, replace=False))


def count_votes(found: np.ndarray, num_classes: int) -> np.ndarray:
    """Of the labels of neighbours, int (R, k) from 0: how many of each, int64 (R, num_classes)."""
    votes = np.zeros((len(found), num_classes), np.int64)
    np.add.at(votes, (np.arange(len(found))[:, np.newaxis], found), 1)
    return votes


def has_several_classes(labels: np.ndarray) -> bool:
    """Whether labels (N,) divide images at all: neither into one class nor into single images."""
    return 2 <= len(np.unique(labels)) < len(labels)


def count_voters(labels: np.ndarray) -> int:
    """How many neighbours vote: as many as half of the classes can fill, at most `NEIGHBORS`.

    0 where most classes of the labels (N,) are single images, of which no vote can be right.
    """
    _, members = np.unique(labels, return_counts=True)
    return min(NEIGHBORS, int(np.median(members)) - 1)


def name_votes(labels: np.ndarray) -> str:
    """What votes by `count_voters` are called, such as "10-NN"."""
    return f"{max(count_voters(labels), 1)}-NN"


def score_votes(neighbors: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Whether the label of an image wins the vote of its neighbours; ties go to the lower label.

    Of the neighbours, int (R, k) from `find_nearest_others` of rows, int (R,), the first
    `count_voters` vote. Labels are int (N,), from 0. The result is float64 (R,), 1 or 0; the mean
    is the leave-one-out accuracy of a k-nearest-neighbour classifier. NaN without
    `has_several_classes`: of one class every vote is right; and where there are no `count_voters`.
    """
    voters = count_voters(labels)
    if not has_several_classes(labels) or not voters:
        return np.full(len(rows), np.nan)
    votes = count_votes(labels[neighbors[:, :voters]], labels.max() + 1)
    return (votes.argmax(axis=1) == labels[rows]).astype(np.float64)


def knn_preservation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Share of each image's neighbours that are still neighbours in the map, float64 (R,).

    Source: the KNN score of Kobak & Berens 2019, "The art of using t-SNE for single-cell
    transcriptomics". Neighbours are int (R, k), before the projection and after it.
    """
    return (source[:, :, np.newaxis] == target[:, np.newaxis]).any(axis=2).mean(axis=1)


def trustworthiness(source: np.ndarray, neighbors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """How far the neighbours that images have in a map are neighbours in the source.

    Source: Venna & Kaski 2001, "Neighborhood preservation in nonlinear projection methods"; the
    mean over all images equals `sklearn.manifold.trustworthiness`. The source is (N, D) coordinates
    before the projection, `neighbors`, int (R, k), those of rows, int (R,), after it. The result is
    float64 (R,), 1 where every neighbour in the map is one of the k nearest in the source; NaN
    where k is no less than N / 2, of which the measure is not defined.
    """
    from sklearn.metrics.pairwise import euclidean_distances

    count, k = len(source), neighbors.shape[1]
    if 2 * k >= count:
        return np.full(len(rows), np.nan)
    penalties = np.zeros(len(rows))
    at_once = max(1, min(ROWS_AT_ONCE, DISTANCES_AT_ONCE // count))
    for part in iterate_parts(rows, at_once):
        distances = euclidean_distances(source[rows[part]], source, squared=True)
        distances[np.arange(len(distances)), rows[part]] = np.inf
        for column in np.take_along_axis(distances, neighbors[part], axis=1).T:
            # Rank of a neighbour: how many points are nearer than it.
            nearer = np.count_nonzero(distances < column[:, np.newaxis], axis=1)
            penalties[part] += np.maximum(nearer + 1 - k, 0)
    return 1 - penalties * 2 / (k * (2 * count - 3 * k - 1))


def silhouettes(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much nearer the images of the own class are than those of the next one.

    Source: Rousseeuw 1987; a measure of how dense and how separate classes are. Of coordinates
    (R, D) and labels, int (R,): float64 (R,) in [-1, 1]; NaN without `has_several_classes`.
    """
    from sklearn.metrics import silhouette_samples

    if not has_several_classes(labels):
        return np.full(len(labels), np.nan)
    return silhouette_samples(points, labels)


def mean_estimate(values: np.ndarray, rng: np.random.Generator) -> Estimate:
    """The mean of a score per image, (R,), and its interval over resampled images."""
    values = np.asarray(values, np.float64)
    count = len(values)
    means = [values[rng.integers(count, size=count)].mean() for _ in range(RESAMPLES)]
    return _make_estimate(float(values.mean()), means)


def distance_correlation(
    source: np.ndarray, target: np.ndarray, rng: np.random.Generator
) -> Estimate:
    """Rank correlation of the distances between images before and after the projection.

    Source: the CPD score of Kobak & Berens 2019: Spearman's correlation of all pairwise distances
    among (up to) 1,000 points. Ranks are those among all pairs, in the resamples too. Coordinates
    are (R, D) before the projection and (R, dims) after it; `rng` chooses the points and resamples
    them. NaN where all distances of one kind are equal.
    """
    from scipy.spatial.distance import pdist, squareform
    from scipy.stats import rankdata

    chosen = rng.choice(len(source), min(len(source), CORRELATED_IMAGES), replace=False)
    first, second = (
        squareform(rankdata(pdist(space[chosen])) - (len(chosen) * (len(chosen) - 1) / 2 + 1) / 2)
        for space in (source, target)
    )
    # Each image counts as often as it was drawn, each pair as the product.
    draws = rng.multinomial(len(chosen), np.full(len(chosen), 1 / len(chosen)), size=RESAMPLES)
    weights = np.concatenate([np.ones((1, len(chosen))), draws])
    pairs = 1.0 - np.eye(len(chosen))

    mass, sum_1, sum_2, products, squares_1, squares_2 = (
        np.einsum("bi,bi->b", weights @ matrix, weights)
        for matrix in (pairs, first, second, first * second, first**2, second**2)
    )
    variances = (squares_1 - sum_1**2 / mass) * (squares_2 - sum_2**2 / mass)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = (products - sum_1 * sum_2 / mass) / np.sqrt(variances)
    correlations[~np.isfinite(correlations)] = np.nan
    return _make_estimate(float(correlations[0]), correlations[1:])


def _make_estimate(value: float, resampled: Sequence[float] | np.ndarray) -> Estimate:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))
