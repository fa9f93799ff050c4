"""The nearest neighbours of points, exact, by scikit-learn on all cores."""

import numpy as np

from latentspace.core.pixels import Images, iterate_parts

NEIGHBORS = 10
WORTH_THREADS = 250  # points; for fewer, starting threads takes longer than the search
WIDE = 20_000  # values of a point, from which scikit-learn takes longer than a part at a time
TREE_DIMS = 4  # up to which a tree is faster than all distances; with 15 it is 20 times slower


def find_nearest(
    points: np.ndarray, references: Images, neighbors: int = NEIGHBORS
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of other points, (M, D), to each point, (N, D), nearest first; Euclidean.

    Distances, float (N, k), and indices into `references`, int64 (N, k); all where there are fewer.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(neighbors, len(references))
    if references.shape[1] > WIDE:
        return _find_by_parts(points.astype(np.float64), references, count)
    algorithm = "kd_tree" if references.shape[1] <= TREE_DIMS else "brute"
    jobs = -1 if len(points) >= WORTH_THREADS else None
    search = NearestNeighbors(n_neighbors=count, algorithm=algorithm, n_jobs=jobs)
    return search.fit(np.asarray(references)).kneighbors(points)


def _find_by_parts(
    points: np.ndarray, references: Images, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """What `find_nearest` gives, where scikit-learn would spend its time on making room."""
    from sklearn.metrics.pairwise import euclidean_distances

    distances, found = (np.empty((len(points), 0), dtype) for dtype in (np.float64, np.int64))
    for part in iterate_parts(references):
        away = euclidean_distances(points, references[part].astype(np.float64))
        places = np.broadcast_to(np.arange(part.start, part.start + away.shape[1]), away.shape)
        distances, found = np.hstack([distances, away]), np.hstack([found, places])
        best = distances.argsort(axis=1, kind="stable")[:, :count]
        distances, found = (np.take_along_axis(each, best, axis=1) for each in (distances, found))
    return distances, found


def find_nearest_others(
    points: np.ndarray, rows: np.ndarray, neighbors: int = NEIGHBORS
) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices, (R, k), of the nearest others of rows (R,) of points (N, D)."""
    distances, found = find_nearest(points[rows], points, neighbors + 1)
    return leave_out(distances, found, found == rows[:, np.newaxis])


def leave_out(
    distances: np.ndarray, found: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Leaves each point out of its own neighbours: where `own`, bool (N, k + 1), or else the last.

    Among equal points another one may stand first. Returns distances and indices, (N, k).
    """
    others = ~own
    others[:, -1] &= own.any(axis=1)
    return tuple(each[others].reshape(len(others), -1) for each in (distances, found))
