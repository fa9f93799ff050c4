"""Maps of pixels and of codes, with their scores."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import neighborhoods
from latentspace.analysis.neighborhoods import Estimate
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.analysis.projection import Settings
from latentspace.chapters.chapter import HIGHER, Row, value_in
from latentspace.chapters.maps.images import SPACES
from latentspace.chapters.maps.projections import MapProjections
from latentspace.chapters.study import Study

COMPARED = {  # of the pixel map and the latent map
    "silhouette": "silhouette",
    "knn_accuracy": "10-NN label accuracy",
}
SCORES = {  # of the table, in words
    "source_knn_accuracy": "10-NN label accuracy before any map",
    "knn_accuracy": "10-NN label accuracy in the map",
    "source_silhouette": "Silhouette of the classes before any map",
    "silhouette": "Silhouette of the classes in the map",
    "knn_preservation": "k-NN preservation in the map",
    "trustworthiness": "Trustworthiness of the map",
    "class_knn_preservation": "k-NN preservation of class means in the map",
    "distance_correlation": "Rank correlation of distances with the map's",
}


class Maps(MapProjections):
    """The same images, mapped from their pixels and from their codes, and how good the maps are."""

    section = "maps"

    def __init__(self, study: Study, *, most: int | None = None) -> None:
        super().__init__(study, most=most)
        self._sources: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]] = {}

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The scores of both maps, each mean with its interval, and the pixel map's distance.

        For each space: samples, seconds and what t-SNE says of itself; knn_accuracy,
        knn_preservation, trustworthiness, silhouette, class_knn_preservation and
        distance_correlation of the map; source_knn_accuracy and source_silhouette before it. Under
        "difference": what the latent map has more than the pixel map, by image.
        """
        settings = self.settings
        about: dict[str, Any] = {
            "method": settings.method,
            "dims": settings.dims,
            "split": self.study.settings.split,
            "scored_images": min(self._samples, neighborhoods.SCORED_IMAGES),
        }
        estimates = self.estimates
        for space, made in self.project(settings).items():
            about[space] = {"samples": self._samples, "seconds": made.seconds, **made.facts}
            if settings.method == "tsne":
                about[space] |= {"perplexity": settings.perplexity}
            about[space] |= to_numbers(estimates[space])
        return {**about, "difference": to_numbers(estimates["difference"])}

    @property
    def rows(self) -> list[Row]:
        """The scores of the codes and of their map, beside those of the pixels."""
        latent, pixel = self.metrics["latent"], self.metrics["pixel"]
        rows = [
            Row(words, value_in(latent, name), {"pixels": value_in(pixel, name)}, better=HIGHER)
            for name, words in SCORES.items()
        ]
        return [row for row in rows if not math.isnan(row.own.value)]

    @property
    def estimates(self) -> dict[str, dict[str, Estimate]]:
        """The scores of the maps by space, see `metrics`, and their differences."""
        return self.score_maps(self.settings)

    @property
    def answer(self) -> str | None:
        """Whether classes are denser in the latent map, in a line; None without two classes."""
        found = self.estimates
        silhouette = found["difference"]["silhouette"]
        if not np.isfinite(silhouette.value):
            return None
        verdict = "neither map has clearly denser classes"
        if silhouette.excludes_zero:
            where = "latent" if silhouette.value > 0 else "pixel"
            verdict = f"classes are denser in the {where} map"
        parts = []
        for name, words in COMPARED.items():
            more = found["difference"][name]
            parts.append(
                f"{words} {found['latent'][name].value:.3f} against "
                f"{found['pixel'][name].value:.3f} ({more.value:+.3f}, 95% interval "
                f"{more.low:+.3f} to {more.high:+.3f})"
            )
        return f"{verdict}: {'; '.join(parts)}"

    def score_images(self, space: str, settings: Settings) -> dict[str, np.ndarray]:
        """Scores of each scored image, before the projection and in the map.

        Args:
            space: One of `SPACES`.
            settings: How the map is made.

        Returns:
            source_knn_accuracy, source_silhouette, knn_accuracy, knn_preservation, trustworthiness
            and silhouette, each float64 (R,).
        """

        def compute() -> dict[str, np.ndarray]:
            points = self.project(settings, spaces=(space,))[space].points
            before, scores_before = self._get_source_scores(space)
            after = find_nearest_others(points, rows)[1]
            return scores_before | {
                "knn_accuracy": neighborhoods.score_votes(after, self.labels, rows),
                "knn_preservation": neighborhoods.knn_preservation(before, after),
                "trustworthiness": neighborhoods.trustworthiness(
                    self.get_vectors(space), after, rows
                ),
                "silhouette": neighborhoods.silhouettes(points[rows], self.labels[rows]),
            }

        rows, key = self._rows, self._make_key(space, np.arange(self._samples))
        return self.study.load_or_compute("map_scores_by_image", compute, *key, *settings.key)

    def score_source(self, vectors: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """What is known of vectors of the images without any projection.

        Args:
            vectors: float (samples, D).

        Returns:
            The neighbours of the scored images, int64 (R, neighbors), and by image
            source_knn_accuracy and source_silhouette, float64 (R,).
        """
        rows = self._rows
        neighbors = find_nearest_others(vectors, rows)[1]
        silhouettes = neighborhoods.silhouettes(vectors[rows], self.labels[rows])
        return neighbors, {
            "source_knn_accuracy": neighborhoods.score_votes(neighbors, self.labels, rows),
            "source_silhouette": silhouettes,
        }

    def score_maps(self, settings: Settings) -> dict[str, dict[str, Estimate]]:
        """The scores of both maps that some settings give, and their differences."""
        study = self.study

        def compute() -> dict[str, dict[str, tuple[float, ...]]]:
            return {
                group: {name: dataclasses.astuple(found) for name, found in estimates.items()}
                for group, estimates in self._score(settings).items()
            }

        everything = np.arange(self._samples)
        keys = [part for space in SPACES for part in self._make_key(space, everything)]
        groups = study.load_or_compute_groups("map_scores", compute, *keys, *settings.key)
        return {
            group: {name: Estimate(*map(float, found)) for name, found in estimates.items()}
            for group, estimates in groups.items()
        }

    def _score(self, settings: Settings) -> dict[str, dict[str, Estimate]]:
        rng = np.random.default_rng(self.study.settings.seed)
        made, rows = self.project(settings), self._rows
        labels = self.labels[rows]
        found: dict[str, dict[str, Estimate]] = {}
        by_image = {space: self.score_images(space, settings) for space in SPACES}
        for space in SPACES:
            found[space] = {
                name: neighborhoods.mean_estimate(values, rng)
                for name, values in by_image[space].items()
            }
            pair = (self.get_vectors(space)[rows], made[space].points[rows])
            found[space] |= {
                "class_knn_preservation": neighborhoods.class_knn_preservation(*pair, labels, rng),
                "distance_correlation": neighborhoods.distance_correlation(*pair, rng),
            }
        found["difference"] = {
            name: neighborhoods.mean_estimate(
                by_image["latent"][name] - by_image["pixel"][name], rng
            )
            for name in COMPARED
        }
        return found

    @cached_property
    def _rows(self) -> np.ndarray:
        """Which of the images are scored, int64 (R,)."""
        rng = np.random.default_rng(self.study.settings.seed)
        return neighborhoods.choose_scored_rows(self._samples, rng)

    def _get_source_scores(self, space: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """`score_source` of a space, the same for every map of it."""
        if space not in self._sources:
            self._sources[space] = self.score_source(self.get_vectors(space))
        return self._sources[space]


def to_numbers(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """Estimates as numbers for metrics.json: each value, and its interval as [low, high]."""
    numbers: dict[str, Any] = {}
    for name, estimate in estimates.items():
        numbers[name] = estimate.value
        numbers[f"{name}_interval"] = [estimate.low, estimate.high]
    return numbers
