"""Images divided into clusters by several methods, each with several seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from latentspace.analysis import clustering, projection, scores
from latentspace.analysis.clustering import Clustering
from latentspace.chapters.maps.images import MapImages
from latentspace.chapters.study import Study
from latentspace.core.pixels import Subset, iterate_parts
from latentspace.core.processes import count_cores, run_all
from latentspace.core.provenance import hash_content
from latentspace.datasets.augmentation import deform

KIND = "clusters"  # begins the names of files in the cache
COPIES = 8
MANIFOLD_STARTS = 10
K_MEANS, MIXTURE, DENSE = "k-means", "Gaussian mixture", "HDBSCAN"
PIXELS, CODES, DEFORMED = "pixels", "codes", ", deformed copies"


@dataclass(frozen=True)
class FoundClusters:
    """What a method found, once for each seed.

    Attributes:
        labels: int64 (seeds, N), see `Clustering`.
        uncertainty: float64 (seeds, N).
        seconds: float64 (seeds,), wall time of one clustering, with all that it needs.
    """

    labels: np.ndarray
    uncertainty: np.ndarray
    seconds: np.ndarray


class Partitions:
    """Clusters in pixels, in principal components, in codes, and in what UMAP makes of these."""

    def __init__(self, study: Study, images: MapImages, count: int, seeds: Sequence[int]) -> None:
        """Takes the images, how many clusters to find, and the seeds of each method."""
        self.study, self._images, self._count, self._seeds = study, images, count, seeds

    @cached_property
    def found(self) -> dict[str, FoundClusters]:
        """What each method found, by its name."""
        arrays = self.study.load_or_compute_groups(KIND, self._compute, *self._key)
        return {name: FoundClusters(**group) for name, group in arrays.items()}

    @property
    def _key(self) -> tuple[str | int, ...]:
        study = self.study
        chosen = (study.settings.split, hash_content(self._images.indices), self._count)
        return (*study.model_key, *chosen, *self._seeds)

    def _compute(self) -> dict[str, dict[str, np.ndarray]]:
        study, images = self.study, self._images
        with study.make_bar("clusters", 8 * len(self._seeds) + COPIES) as bar:
            encode, _ = scores.linear_autoencoder(
                Subset(study.data.train_pixels, study.fit_indices), study.run.latent_dim
            )
            flat = {
                PIXELS: images.get_vectors("pixel"),
                f"PCA {study.run.latent_dim}": encode(images.images).astype(np.float32),
                CODES: images.codes,
            }
            wanted = {
                f"{source}: {K_MEANS}": (clustering.cluster_k_means, source) for source in flat
            }
            wanted[f"{CODES}: {MIXTURE}"] = (clustering.cluster_gaussian_mixture, CODES)
            made = {}
            for name, (method, source) in wanted.items():
                runs = []
                for seed in self._seeds:
                    runs.append(_time_clustering(partial(method, flat[source], self._count, seed)))
                    bar.update()
                made[name] = _gather_runs(runs)
            return {**made, **self._cluster_manifolds(bar.update)}

    def _cluster_manifolds(self, advance: Callable[[], Any]) -> dict[str, dict[str, np.ndarray]]:
        condensed, condense = projection.reduce_dimensions(self._images.get_vectors("pixel"))
        vectors = {PIXELS: condensed, CODES: self._images.codes}
        represent = {
            CODES: self.study.run.encode,
            PIXELS: lambda batch: condense(batch.reshape(len(batch), -1)),
        }
        copies: dict[str, list[np.ndarray]] = {source: [] for source in vectors}
        copying = dict.fromkeys(vectors, 0.0)
        rng = np.random.default_rng(self.study.settings.seed)
        for _ in range(COPIES):
            started = time.perf_counter()
            batch = self._encode_deformed(rng)
            deforming = time.perf_counter() - started
            for source in vectors:
                started = time.perf_counter()
                copies[source].append(represent[source](batch))
                copying[source] += time.perf_counter() - started + deforming
            advance()
        inputs, spent = {}, {}
        for source, found in vectors.items():
            for kind, changed in (("", []), (DEFORMED, copies[source])):
                started = time.perf_counter()
                graph = clustering.build_neighbor_graph(found, changed)
                spent[source + kind] = time.perf_counter() - started
                spent[source + kind] += copying[source] if kind else 0.0
                for seed in self._seeds:
                    arguments = (found, graph, self._count, seed, source + kind == CODES + DEFORMED)
                    inputs[f"{source}{kind}/{seed}"] = arguments
        many = len(self._images.indices) > projection.SEQUENTIAL_LIMIT
        done = run_all(
            _cluster_manifold,
            inputs,
            processes=count_cores() if many else 1,
            on_report=lambda name: advance(),
        )
        made = {}
        for source in spent:
            runs = [done[f"{source}/{seed}"] for seed in self._seeds]
            for number, finder in enumerate((MIXTURE, DENSE)[: len(runs[0])]):
                each = [run[number] for run in runs]
                made[f"{source}: UMAP, {finder}"] = _gather_runs(each, spent[source])
        return made

    def _encode_deformed(self, rng: np.random.Generator) -> np.ndarray:
        images = self._images.images
        return np.concatenate([deform(images[part], rng) for part in iterate_parts(images)])


def _cluster_manifold(
    vectors: np.ndarray,
    graph: tuple[np.ndarray, np.ndarray],
    count: int,
    seed: int,
    dense: bool,
    report: Callable[[], None],
) -> list[tuple[Clustering, float]]:
    """Clusters by a mixture, and by density if wanted, with the seconds of each."""
    started = time.perf_counter()
    points = clustering.reduce_dimensions(vectors, graph, seed)
    spent = time.perf_counter() - started
    finders = [
        partial(clustering.cluster_gaussian_mixture, points, count, seed, starts=MANIFOLD_STARTS)
    ]
    if dense:
        finders.append(partial(clustering.cluster_hdbscan, points))
    made = [_time_clustering(finder) for finder in finders]
    report()
    return [(found, seconds + spent) for found, seconds in made]


def _time_clustering(find: Callable[[], Clustering]) -> tuple[Clustering, float]:
    started = time.perf_counter()
    return find(), time.perf_counter() - started


def _gather_runs(
    runs: list[tuple[Clustering, float]], more_seconds: float = 0.0
) -> dict[str, np.ndarray]:
    return {
        "labels": np.stack([found.labels for found, _ in runs]),
        "uncertainty": np.stack([found.uncertainty for found, _ in runs]),
        "seconds": np.array([seconds + more_seconds for _, seconds in runs]),
    }
