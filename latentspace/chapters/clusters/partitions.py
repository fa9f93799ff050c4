"""Images divided into clusters by several methods, each with several seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
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

COPIES = 8
MANIFOLD_STARTS = 10
K_MEANS, MIXTURE, DENSE = "k-means", "Gaussian mixture", "HDBSCAN"
PIXELS, CODES, DEFORMED = "pixels", "codes", ", deformed copies"


class Partitions:
    """Clusters in pixels, in principal components, in codes, and in what UMAP makes of these."""

    def __init__(self, study: Study, images: MapImages, count: int, seeds: Sequence[int]) -> None:
        """Takes the images, how many clusters to find, and the seeds of each method."""
        self.study, self._images, self._count, self._seeds = study, images, count, seeds

    def find(self) -> dict[str, dict[str, np.ndarray]]:
        """What each method found, by its name, from the cache where possible.

        Returns:
            For each seed the "labels", int64 (seeds, N), and the "uncertainty", float64 (seeds, N),
            of a `Clustering`, and "seconds", float64 (seeds,), the wall time of one clustering with
            all that it needs.
        """
        study = self.study
        chosen = (study.settings.split, hash_content(self._images.indices), self._count)
        return study.load_or_compute_groups(
            "clusters", self._compute, *study.model_key, *chosen, *self._seeds
        )

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
            wanted = [(source, K_MEANS, clustering.cluster_k_means) for source in flat]
            wanted.append((CODES, MIXTURE, clustering.cluster_gaussian_mixture))
            made = {}
            for source, name, method in wanted:
                runs = []
                for seed in self._seeds:
                    runs.append(_time_clustering(partial(method, flat[source], self._count, seed)))
                    bar.update()
                made[f"{source}: {name}"] = _stack_runs(runs)
            return {**made, **self._cluster_manifolds(bar.update)}

    def _cluster_manifolds(self, advance: Callable[[], Any]) -> dict[str, dict[str, np.ndarray]]:
        condensed, condense = projection.reduce_dimensions(self._images.get_vectors("pixel"))
        vectors = {PIXELS: condensed, CODES: self._images.codes}
        represent = {
            PIXELS: lambda batch: condense(batch.reshape(len(batch), -1)),
            CODES: self.study.run.encode,
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
        inputs = {}
        for source, found in vectors.items():
            for name, changed in ((source, []), (source + DEFORMED, copies[source])):
                started = time.perf_counter()
                graph = clustering.build_neighbor_graph(found, changed)
                spent = time.perf_counter() - started + (copying[source] if changed else 0.0)
                for seed in self._seeds:
                    dense = name == CODES + DEFORMED
                    inputs[f"{name}/{seed}"] = (found, graph, self._count, seed, dense, spent)
        many = len(self._images.indices) > projection.SEQUENTIAL_LIMIT
        done = run_all(
            _cluster_manifold,
            inputs,
            processes=count_cores() if many else 1,
            on_report=lambda name: advance(),
        )
        runs: dict[str, list[dict[str, Any]]] = {}
        for name, of_seed in done.items():
            for finder, run in of_seed.items():
                runs.setdefault(f"{name.partition('/')[0]}: UMAP, {finder}", []).append(run)
        return {name: _stack_runs(of_method) for name, of_method in runs.items()}

    def _encode_deformed(self, rng: np.random.Generator) -> np.ndarray:
        images = self._images.images
        return np.concatenate([deform(images[part], rng) for part in iterate_parts(images)])


def _cluster_manifold(
    vectors: np.ndarray,
    graph: tuple[np.ndarray, np.ndarray],
    count: int,
    seed: int,
    dense: bool,
    spent: float,
    report: Callable[[], None],
) -> dict[str, dict[str, Any]]:
    """Clusters by a mixture, and by density if wanted; `spent` seconds went before."""
    started = time.perf_counter()
    points = clustering.reduce_dimensions(vectors, graph, seed)
    spent += time.perf_counter() - started
    mix = partial(clustering.cluster_gaussian_mixture, points, count, seed, starts=MANIFOLD_STARTS)
    found = {MIXTURE: _time_clustering(mix, spent)}
    if dense:
        found[DENSE] = _time_clustering(partial(clustering.cluster_hdbscan, points), spent)
    report()
    return found


def _time_clustering(find: Callable[[], Clustering], spent: float = 0.0) -> dict[str, Any]:
    """A clustering and its seconds, with those that were spent before."""
    started = time.perf_counter()
    found = find()
    return {**vars(found), "seconds": time.perf_counter() - started + spent}


def _stack_runs(runs: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    return {name: np.stack([run[name] for run in runs]) for name in runs[0]}
