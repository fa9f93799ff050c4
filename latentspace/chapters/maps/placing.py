"""On a finished map: what the decoder draws between its images, and where further images lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import projection, tsne
from latentspace.analysis.neighbors import find_nearest
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.maps.images import SPACES
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Selected

GRID_SIDE = 40
GRID_NEIGHBORS = 5
GRID_REACH = 1.0  # cells; a cell without an image so near stays empty
SHOWN_NEIGHBORS = 5


@dataclass(frozen=True)
class PlacedImage:
    """An image on one of the maps.

    Attributes:
        point: float32 (2,), its place.
        neighbors: int (SHOWN_NEIGHBORS,), which of the images on the map are nearest to it before
            the projection, nearest first.
    """

    point: np.ndarray
    neighbors: np.ndarray


class Placing(Chapter):
    """Codes and images that are brought to the maps when these are finished."""

    section = "placing"

    @property
    def _maps(self) -> Maps:
        return self.study.of(Maps)

    def check(self) -> None:
        """Refuses images to place that are not there.

        Raises:
            InputError: Says what is there.
        """
        for name in self.study.settings.place:
            self.study.check_selection(name, f"--place {name}")

    @property
    def unavailable(self) -> str | None:
        """Why there is no map to place anything on; None where there is."""
        return self._maps.unavailable

    @property
    def settings_used(self) -> dict[str, Any]:
        """Those of the maps."""
        return self._maps.settings_used

    @cached_property
    def grid(self) -> np.ndarray:
        """A square of cells over the latent map, each decoded from the codes near it.

        float32 (side, side, H, W, C), the top row first; NaN in cells without an image near them.
        Codes are weighted by the inverse of their squared distance on the map.
        """
        points, codes = self._maps.get_points("latent"), self._maps.codes
        low, high = points.min(axis=0), points.max(axis=0)
        cell = float((high - low).max()) / (GRID_SIDE - 1)
        steps = (np.arange(GRID_SIDE) - (GRID_SIDE - 1) / 2) * cell
        middle = (low + high) / 2
        xs, ys = np.meshgrid(middle[0] + steps, middle[1] - steps)
        places = np.stack([xs, ys], axis=-1).reshape(-1, 2)
        distances, indices = find_nearest(places, points, GRID_NEIGHBORS)
        weights = 1 / np.maximum(distances, 1e-3 * cell) ** 2
        weights /= weights.sum(axis=1, keepdims=True)
        blended = np.einsum("ck,ckd->cd", weights, codes[indices]).astype(np.float32)
        drawn = distances[:, 0] <= GRID_REACH * cell
        images = np.full((GRID_SIDE**2, *self.study.run.image_shape), np.nan, np.float32)
        images[drawn] = self.study.decode(blended[drawn])
        return images.reshape(GRID_SIDE, GRID_SIDE, *images.shape[1:])

    @cached_property
    def selected(self) -> list[Selected]:
        """The images that a person wants to see on the maps."""
        return [self.study.select(name) for name in self.study.settings.place]

    @cached_property
    def placed(self) -> dict[str, list[PlacedImage]]:
        """Where they lie on each map; the maps stay as they are."""
        found = {}
        for space in SPACES:
            vectors = {
                "pixel": np.stack([item.image.ravel() for item in self.selected]),
                "latent": np.stack([item.code for item in self.selected]),
            }[space]
            source, points = self._maps.get_vectors(space), self._maps.get_points(space)
            reference, condense = projection.reduce_dimensions(source)
            is_tsne = self._maps.settings.method == "tsne"
            put = tsne.transform if is_tsne else projection.place
            places = put(condense(vectors), reference, points)
            neighbors = find_nearest(vectors, source, min(SHOWN_NEIGHBORS, len(source)))[1]
            found[space] = [
                PlacedImage(point, near) for point, near in zip(places, neighbors, strict=True)
            ]
        return found

    @property
    def metrics(self) -> dict[str, Any]:
        """For each placed image and space its point, and its neighbours' indices and classes."""
        names = self.study.data.class_names
        return {
            item.name: {
                space: {
                    "point": placed[number].point.tolist(),
                    "neighbors": self._maps.indices[placed[number].neighbors].tolist(),
                    "classes": [
                        names[self._maps.labels[index]] for index in placed[number].neighbors
                    ],
                }
                for space, placed in self.placed.items()
            }
            for number, item in enumerate(self.selected)
        }
