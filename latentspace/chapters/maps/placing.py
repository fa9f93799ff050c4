"""On a finished map: what the decoder draws between its images, and where further images lie."""

from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import projection, tsne
from latentspace.analysis.neighbors import find_nearest
from latentspace.chapters.maps.measure import OnMaps
from latentspace.chapters.study import Selected

GRID_SIDE = 40
GRID_NEIGHBORS = 5
GRID_REACH = 1.0  # cells; a cell without an image so near stays empty
SHOWN_NEIGHBORS = 5


class Placing(OnMaps):
    """Codes and images that are brought to the maps when these are finished."""

    section = "placing"
    needs = ("images",)

    def check(self) -> None:
        for name in self.study.settings.place:
            self.study.check_selection(name, f"--place {name}")

    @cached_property
    def grid(self) -> np.ndarray:
        """The latent map in cells, each decoded from the codes near it.

        float32 (side, side, H, W, C), the top row first; NaN in cells without an image near them.
        """
        points, codes = self.maps.get_points("latent"), self.maps.codes
        low, high = points.min(axis=0), points.max(axis=0)
        cell = float((high - low).max()) / (GRID_SIDE - 1)
        steps = (np.arange(GRID_SIDE) - (GRID_SIDE - 1) / 2) * cell
        x, y = (low + high) / 2
        places = np.stack(np.meshgrid(x + steps, y - steps), axis=-1).reshape(-1, 2)
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
    def placed(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """By map places, float (M, 2), and the nearest images, int (M, `SHOWN_NEIGHBORS`)."""
        chosen = {
            "pixel": np.stack([item.image.ravel() for item in self.selected]),
            "latent": np.stack([item.code for item in self.selected]),
        }
        sources = {"pixel": self.maps.pixel_rows, "latent": self.maps.codes}
        put = tsne.transform if self.maps.settings.method == "tsne" else projection.place
        found = {}
        for space, vectors in chosen.items():
            source = sources[space]
            reference, condense = projection.reduce_dimensions(source)
            mapped = self.maps.project(self.maps.flat)[space].embedded
            points = self.maps.get_points(space)[mapped]
            places = put(condense(vectors), reference[mapped], points)
            neighbors = find_nearest(vectors, source, min(SHOWN_NEIGHBORS, len(source)))[1]
            found[space] = places, neighbors
        return found

    @property
    def metrics(self) -> dict[str, Any]:
        names = self.study.data.class_names
        return {
            item.name: {
                space: {
                    "point": places[number].tolist(),
                    "neighbors": self.maps.indices[neighbors[number]].tolist(),
                    "classes": [names[label] for label in self.maps.labels[neighbors[number]]],
                }
                for space, (places, neighbors) in self.placed.items()
            }
            for number, item in enumerate(self.selected)
        }
