"""The nearest neighbours of points, exact, by scikit-learn on all cores."""

from __future__ import annotations

import numpy as np

NEIGHBORS = 10
WORTH_THREADS = 250  # points; for fewer, starting threads takes longer than the search
TREE_DIMS = 4  # up to which a tree is faster than all distances; with 15 it is 20 times slower


def find_nearest(
    points: np.ndarray, references: np.ndarray, neighbors: int = NEIGHBORS
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of other points to each point, nearest first.

    Args:
        points: (N, D) coordinates, Euclidean.
        references: (M, D) coordinates.
        neighbors: How many, k; all where there are fewer.

    Returns:
        Distances, float (N, k), and indices into `references`, int64 (N, k).
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(neighbors, len(references))
    algorithm = "kd_tree" if references.shape[1] <= TREE_DIMS else "brute"
    jobs = -1 if len(points) >= WORTH_THREADS else None
    search = NearestNeighbors(n_neighbors=count, algorithm=algorithm, n_jobs=jobs)
    return search.fit(references).kneighbors(points)


def find_nearest_others(
    points: np.ndarray, rows: np.ndarray, neighbors: int = NEIGHBORS
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest other points of some points, nearest first.

    Args:
        points: (N, D) coordinates, Euclidean.
        rows: int (R,) whose neighbours are sought among all.
        neighbors: How many, below N.

    Returns:
        Distances, float (R, neighbors), and indices, int64 (R, neighbors).
    """
    distances, found = find_nearest(points[rows], points, neighbors + 1)
    # A point is left out of its own neighbours; among equal points another one may stand first.
    own = found == rows[:, np.newaxis]
    own[:, -1] |= ~own.any(axis=1)
    others = ~own
    return distances[others].reshape(len(rows), -1), found[others].reshape(len(rows), -1)
