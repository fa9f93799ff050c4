"""The nearest of many images to others, exact, by way of a few numbers of each."""

from functools import cached_property

import numpy as np

from latentspace.analysis import neighbors
from latentspace.analysis.projection import fit_pca
from latentspace.core.pixels import UnitImages, count_images_at_once, iterate_parts, map_parts

SKETCH_DIM, SKETCH_FIT = 128, 10_000
POOLED_SIDE = 32  # at most so many places a side, where images are sketched
SPARE_CANDIDATES = 10  # beside twice as many as are wanted


class ImageSearch:
    """Finds the nearest of some images to others, by Euclidean distance, exact.

    Each image is sketched by principal components of a pooled copy, between which a distance is
    never longer than between the images. That tells a few candidates; an image whose candidates are
    not proven by it is compared with all. What is searched is sketched once, and stays as it is in
    memory.
    """

    def __init__(self, searched: UnitImages) -> None:
        """Takes M images (H, W, C)."""
        self._searched = searched

    def find(self, images: np.ndarray, count: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """The nearest to each image, float32 (N, H, W, C) in [0, 1], nearest first.

        Distances are float32 (N, count), where a pixel from black to white counts 1, and indices
        int64 (N, count); all M where there are fewer.
        """
        count = min(count, len(self._searched))
        wanted = 2 * count + SPARE_CANDIDATES
        sketches = map_parts(self._sketch, images)
        bounds, candidates = neighbors.find_nearest(sketches, self._sketches, wanted)
        flat, searched = _flatten(images), self._searched.flatten()
        distances = np.empty((len(flat), count), np.float32)
        found = np.empty((len(flat), count), np.int64)
        for rows in iterate_parts(flat, max(1, count_images_at_once(flat) // wanted)):
            away = searched[candidates[rows]]
            away -= flat[rows, np.newaxis]
            lengths = np.sqrt(np.einsum("nkp,nkp->nk", away, away))
            distances[rows], found[rows] = _keep_least(lengths, candidates[rows], count)
        unproven = np.flatnonzero(distances[:, -1] > bounds[:, -1])
        if len(unproven) and candidates.shape[1] < len(self._searched):
            exact = _compare_all(flat[unproven].astype(np.float64), searched, count)
            distances[unproven], found[unproven] = exact
        return distances, found

    @cached_property
    def _mean(self) -> np.ndarray:
        rows = _space_evenly(len(self._searched), count_images_at_once(self._searched))
        return self._searched[rows].mean(axis=0)

    @cached_property
    def _axes(self) -> np.ndarray:
        """Principal components of pooled images, float32 (values, up to SKETCH_DIM)."""
        rows = _space_evenly(len(self._searched), SKETCH_FIT)
        parts = iterate_parts(rows, count_images_at_once(self._searched))
        pooled = [_pool(self._searched[rows[part]] - self._mean) for part in parts]
        return fit_pca(np.concatenate(pooled), SKETCH_DIM).components_.T

    @cached_property
    def _sketches(self) -> np.ndarray:
        return map_parts(self._sketch, self._searched)

    def _sketch(self, images: np.ndarray) -> np.ndarray:
        """Images (N, H, W, C) in a few numbers, float32 (N, up to SKETCH_DIM + 1)."""
        centred = images - self._mean
        parts = _pool(centred) @ self._axes
        # What the components leave out goes in as its length: |a - b| >= ||a| - |b||.
        rest = np.square(_flatten(centred)).sum(axis=1) - np.square(parts).sum(axis=1)
        return np.column_stack([parts, np.sqrt(np.maximum(rest, 0))]).astype(np.float32)


def _pool(images: np.ndarray) -> np.ndarray:
    """Images (N, H, W, C) on a coarser grid, in rows, (N, values), no farther from one another."""
    height, width = images.shape[1:3]
    side = -(-max(height, width) // POOLED_SIDE)
    if side > 1:
        for axis, length in ((1, height), (2, width)):
            images = np.add.reduceat(images, np.arange(0, length, side), axis=axis)
        images = images / side
    return _flatten(images)


def _compare_all(
    flat: np.ndarray, searched: UnitImages, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `ImageSearch.find`, of rows float64 (N, P) among rows (M, P), a part of these at a time.

    A search of scikit-learn would take all of them as floats.
    """
    from sklearn.metrics.pairwise import euclidean_distances

    distances, found = np.empty((len(flat), 0)), np.empty((len(flat), 0), np.int64)
    for part in iterate_parts(searched):
        away = euclidean_distances(flat, searched[part].astype(np.float64))
        places = np.broadcast_to(np.arange(len(searched))[part], away.shape)
        both = np.column_stack([distances, away]), np.column_stack([found, places])
        distances, found = _keep_least(*both, count)
    return distances, found


def _keep_least(
    distances: np.ndarray, places: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The least of distances (N, K) and their places (N, K), each (N, count), ascending."""
    best = distances.argsort(axis=1, kind="stable")[:, :count]
    return np.take_along_axis(distances, best, axis=1), np.take_along_axis(places, best, axis=1)


def _flatten(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


def _space_evenly(count: int, most: int) -> np.ndarray:
    """Indices of all of so many, or of as many as are wanted."""
    return np.linspace(0, count - 1, min(count, most)).astype(int)
