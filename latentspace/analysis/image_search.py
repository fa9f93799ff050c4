"""The nearest of many images to others, exact, by way of a few numbers of each."""

from functools import cached_property

import numpy as np

from latentspace.analysis import neighbors
from latentspace.analysis.projection import fit_pca
from latentspace.core.pixels import (
    UnitImages,
    count_images_at_once,
    iterate_parts,
    map_parts,
    space_evenly,
)

SKETCH_DIM, SKETCH_CANDIDATES, SKETCH_FIT = 128, 12, 10_000
POOLED_SIDE = 32  # at most so many places a side, where images are sketched


class ImageSearch:
    """Finds the nearest of some images to each of others, by Euclidean distance, exact.

    Each image is sketched by principal components of a pooled copy, between which a distance is
    never longer than between the images. That tells a few candidates; an image whose candidates are
    not proven by it is compared with all. What is searched is sketched once, and stays as it is in
    memory.
    """

    def __init__(self, searched: UnitImages) -> None:
        """Takes M images (H, W, C)."""
        self._searched = searched

    def find(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nearest to each image, float32 (N, H, W, C) in [0, 1].

        Distances are float32 (N,), where a pixel from black to white counts 1; indices int64 (N,).
        """
        sketches = map_parts(self._sketch, images)
        bounds, candidates = neighbors.find_nearest(sketches, self._sketches, SKETCH_CANDIDATES)
        flat, searched = _flatten(images), self._searched.flatten()
        distances = np.empty(len(flat), np.float32)
        found = np.empty(len(flat), np.int64)
        for rows in iterate_parts(flat, max(1, count_images_at_once(flat) // SKETCH_CANDIDATES)):
            away = searched[candidates[rows]]
            away -= flat[rows, np.newaxis]
            squares = np.einsum("nkp,nkp->nk", away, away)
            best = squares.argmin(axis=1)[:, np.newaxis]
            distances[rows] = np.sqrt(np.take_along_axis(squares, best, axis=1)[:, 0])
            found[rows] = np.take_along_axis(candidates[rows], best, axis=1)[:, 0]
        unproven = np.flatnonzero(distances > bounds[:, -1])
        if len(unproven) and candidates.shape[1] < len(searched):
            exact, nearest = neighbors.find_nearest(flat[unproven], searched, 1)
            distances[unproven], found[unproven] = exact[:, 0], nearest[:, 0]
        return distances, found

    @cached_property
    def _mean(self) -> np.ndarray:
        rows = space_evenly(len(self._searched), count_images_at_once(self._searched))
        return self._searched[rows].mean(axis=0)

    @cached_property
    def _axes(self) -> np.ndarray:
        """Principal components of pooled images, float32 (values, up to SKETCH_DIM)."""
        rows = space_evenly(len(self._searched), SKETCH_FIT)
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


def _flatten(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)
