"""The flat maps by every method of projection, with the same scores."""

from __future__ import annotations

import dataclasses
from typing import Any

from latentspace.analysis.neighborhoods import Estimate
from latentspace.analysis.projection import Settings
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.maps.images import SPACES
from latentspace.chapters.maps.measure import Maps, to_numbers

METHODS = ("pca", "ica", "tsne", "umap")


class ProjectionMethods(Chapter):
    """The same images, projected by PCA, ICA, t-SNE and UMAP."""

    section = "methods"

    @property
    def _maps(self) -> Maps:
        return self.study.of(Maps)

    @property
    def settings(self) -> dict[str, Settings]:
        """By method how its maps are made: flat, all else as chosen."""
        return {method: dataclasses.replace(self._maps.flat, method=method) for method in METHODS}

    @property
    def scores(self) -> dict[str, dict[str, dict[str, Estimate]]]:
        """By method and space the scores of the map, see `Maps.metrics`."""
        return {
            method: self._maps.score_maps(settings) for method, settings in self.settings.items()
        }

    @property
    def metrics(self) -> dict[str, Any]:
        """The same as numbers, with the seconds that each map took."""
        return {
            method: {
                space: {
                    "seconds": self._maps.project(self.settings[method])[space].seconds,
                    **to_numbers(found[space]),
                }
                for space in SPACES
            }
            for method, found in self.scores.items()
        }
