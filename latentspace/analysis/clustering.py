"""Clusters of codes or pixels, found without labels, and how far they are the classes."""

import itertools
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from latentspace.analysis.neighbors import find_nearest
from latentspace.analysis.projection import umap

STARTS = 3  # of k-means; the best fit is taken
NEIGHBORS = 15  # itself among them
MANIFOLD_DIMS, MANIFOLD_EPOCHS = 10, 100
LEAST_CLUSTER, CORE_NEIGHBORS = 0.01, 15  # of HDBSCAN: share of the images; neighbours
NOISE = -1


@dataclass(frozen=True)
class Clustering:
    """Which cluster each image belongs to."""

    labels: np.ndarray  # int64 (N,) from 0; `NOISE` where an image belongs to none
    uncertainty: np.ndarray  # float64 (N,) in [0, 1]: how probably it belongs to another one


def cluster_k_means(vectors: np.ndarray, count: int, seed: int) -> Clustering:
    """K-means++ (Arthur & Vassilvitskii 2007) of float32 (N, D), N or fewer clusters."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    # Fewer different vectors than clusters leave some empty.
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        labels = KMeans(count, n_init=STARTS, random_state=seed).fit_predict(vectors)
    return Clustering(labels.astype(np.int64), np.zeros(len(labels)))


def cluster_gaussian_mixture(
    vectors: np.ndarray, count: int, seed: int, *, starts: int = 1
) -> Clustering:
    """A mixture by EM (Dempster, Laird & Rubin 1977) of float32 (N, D), N parts at most."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    # Its matrices are so small that threads only wait for each other. A mixture that still moves
    # after the last step is scored like any other.
    with (
        threadpool_limits(1),
        warnings.catch_warnings(action="ignore", category=ConvergenceWarning),
    ):
        vectors = vectors.astype(np.float64)
        mixture = GaussianMixture(count, n_init=starts, random_state=seed).fit(vectors)
        shares = mixture.predict_proba(vectors)
    labels = shares.argmax(axis=1)
    # Summed over the others: of an almost certain image, 1 - share would round to 0.
    shares[np.arange(len(shares)), labels] = 0
    return Clustering(labels.astype(np.int64), shares.sum(axis=1))


def cluster_hdbscan(vectors: np.ndarray) -> Clustering:
    """HDBSCAN (Campello et al. 2013) of float32 (N, D), clusters of `LEAST_CLUSTER` or more."""
    from sklearn.cluster import HDBSCAN

    least = max(2, round(LEAST_CLUSTER * len(vectors)))
    core = min(CORE_NEIGHBORS, len(vectors))
    search = HDBSCAN(least, min_samples=core, n_jobs=-1, copy=True).fit(vectors)
    return Clustering(search.labels_.astype(np.int64), 1 - search.probabilities_)


def reduce_dimensions(
    vectors: np.ndarray, graph: tuple[np.ndarray, np.ndarray], seed: int
) -> np.ndarray:
    """Brings vectors to a few dimensions in which what hangs together lies together.

    Source: N2D (McConville, Santos-Rodríguez, Piechocki & Craddock 2019, "Not too deep"): UMAP of
    an autoencoder's codes, clustered by a Gaussian mixture. Vectors are float32 (N, D), the graph
    is of `build_neighbor_graph`, and the result float32 (N, at most `MANIFOLD_DIMS`).
    """
    return umap(
        vectors, dims=MANIFOLD_DIMS, seed=seed, min_dist=0.0, epochs=MANIFOLD_EPOCHS, graph=graph
    )


def build_neighbor_graph(
    vectors: np.ndarray, copies: Iterable[np.ndarray] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest neighbours of vectors, also through copies that were changed a little.

    The distance of two images is that of their vectors, or of a copy of one to the other where that
    is less. What a copy may undo, such as a turn or a shift, no longer keeps images apart: the idea
    of the tangent distance (Simard, LeCun & Denker 1993), with samples in place of tangents.

    Vectors are float32 (N, D), and so are the copies, each those of the changed images in the same
    order. For each vector itself and its nearest others are returned: indices, int64 (N, k), and
    distances, float32 (N, k), with k = `NEIGHBORS` or N where that is less.
    """
    from scipy.sparse import csr_array

    count = len(vectors)
    neighbors = min(NEIGHBORS, count)
    near = csr_array((count, count))
    for batch in itertools.chain([vectors], copies):
        distances, indices = find_nearest(batch, vectors, neighbors)
        # As nearness, so that what is missing in a sparse matrix counts as infinitely far.
        found = csr_array(
            (1 / (1 + distances.ravel()), indices.ravel(), np.arange(count + 1) * neighbors),
            shape=(count, count),
        )
        near = near.maximum(found)
    near = near.maximum(near.T).tocsr()
    near.setdiag(2)  # nearer than anything else can be
    rows = np.repeat(np.arange(count), np.diff(near.indptr))
    order = np.lexsort((-near.data, rows))
    first = order[near.indptr[:-1, np.newaxis] + np.arange(neighbors)]
    distances = np.maximum(1 / near.data[first] - 1, 0)
    return near.indices[first].astype(np.int64), distances.astype(np.float32)


def contingency_table(labels: np.ndarray, clusters: np.ndarray, num_classes: int) -> np.ndarray:
    """How many images of each class lie in each cluster, int64 (clusters, num_classes).

    Both are int (N,) from 0. `NOISE`, in no cluster, is left out; a cluster of no image has no row.
    """
    from scipy.stats.contingency import crosstab

    inside = clusters != NOISE
    classes = range(num_classes)
    return crosstab(clusters[inside], labels[inside], levels=(None, classes)).count


def match_clusters(table: np.ndarray) -> np.ndarray:
    """The class that each cluster stands for, no class twice, so that most images are right.

    Source: Kuhn 1955 (the Hungarian method), as is usual for the accuracy of a clustering. Returns
    int64 (clusters,), of a `contingency_table`; -1 for a cluster left without a class.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table, maximize=True)
    matched = np.full(len(table), -1, np.int64)
    matched[rows] = columns
    return matched


def score_agreement(labels: np.ndarray, clusters: np.ndarray) -> dict[str, float]:
    """How far clusters are the classes, both int (N,) from 0.

    "accuracy" under the best `match_clusters`, "nmi" (mutual information over the mean entropy,
    Vinh, Epps & Bailey 2010) and "ari" (adjusted Rand index, Hubert & Arabie 1985), at most 1 each.
    Images in no cluster are wrong for the accuracy, and a cluster of their own for the others.
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    table = contingency_table(labels, clusters, int(labels.max()) + 1)
    right = table[linear_sum_assignment(table, maximize=True)].sum()
    return {
        "accuracy": float(right / len(labels)),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
    }


def score_stability(partitions: Iterable[np.ndarray]) -> float:
    """How far clusterings, int (N,), agree: their adjusted Rand index, mean over pairs."""
    from sklearn.metrics import adjusted_rand_score

    pairs = itertools.combinations(partitions, 2)
    return float(np.mean([adjusted_rand_score(first, second) for first, second in pairs]))
