"""The flat maps by every method of projection, with the same scores."""

import dataclasses
from typing import Any

from latentspace.analysis.neighborhoods import Estimate
from latentspace.analysis.projection import Settings
from latentspace.chapters.chapter import HIGHER, Row, list_rows
from latentspace.chapters.figure import METHODS as METHOD_NAMES
from latentspace.chapters.maps.measure import OnMaps, to_numbers

METHODS = ("pca", "ica", "tsne", "umap")


class ProjectionMethods(OnMaps):
    """The same images, projected by PCA, ICA, t-SNE and UMAP."""

    section = "methods"

    @property
    def settings(self) -> dict[str, Settings]:
        """By method how its maps are made: flat, all else as chosen."""
        return {method: dataclasses.replace(self.maps.flat, method=method) for method in METHODS}

    @property
    def scores(self) -> dict[str, dict[str, dict[str, Estimate]]]:
        """By method and space the scores of the map, see `Maps.metrics`."""
        return {method: self.maps.score_maps(used) for method, used in self.settings.items()}

    @property
    def metrics(self) -> dict[str, Any]:
        return {
            method: {
                space: {"seconds": of.seconds, **of.facts, **to_numbers(found[space])}
                for space, of in self.maps.project(self.settings[method]).items()
            }
            for method, found in self.scores.items()
        }

    @property
    def rows(self) -> list[Row]:
        found = []
        words = f"{self.maps.knn} label accuracy in the map by"
        for method, spaces in self.metrics.items():
            table = {"knn_accuracy": (f"{words} {METHOD_NAMES[method]}", HIGHER, 3)}
            found += list_rows(table, spaces, "latent", {"pixels": "pixel"})
        return found
