"""Images divided into clusters by several methods, each with several seeds."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from latentspace.analysis import clustering, projection
from latentspace.analysis.clustering import Clustering
from latentspace.chapters.maps.images import MapImages
from latentspace.core.pixels import iterate_parts
from latentspace.core.processes import count_cores, run_all
from latentspace.core.provenance import hash_content
from latentspace.datasets.augmentation import deform

COPIES = 8
MANIFOLD_STARTS = 10
K_MEANS, MIXTURE, DENSE = "k-means", "Gaussian mixture", "HDBSCAN"
PIXELS, CODES, DEFORMED = "pixels", "codes", ", deformed copies"
Found = dict[str, dict[str, np.ndarray]]  # by method and by name of the number


def find_partitions(images: MapImages, count: int, seeds: Sequence[int]) -> Found:
    """So many clusters by each method, by its name, from the cache where possible.

    For each seed "labels", int64 (seeds, N), and "uncertainty", float64 (seeds, N), are those of a
    `Clustering`.
    """
    study = images.study
    chosen = (study.settings.split, hash_content(images.indices), count)
    compute = partial(_compute_partitions, images, count, seeds)
    model = study.whole.model_key
    return study.load_or_compute_groups("clusters", compute, *model, *chosen, *seeds)


def _compute_partitions(images: MapImages, count: int, seeds: Sequence[int]) -> Found:
    from sklearn.exceptions import ConvergenceWarning

    study = images.study
    with study.make_bar("clusters", 8 * len(seeds) + COPIES) as bar:
        flat = {}
        if study.data.has_images:
            encode, _ = study.make_linear_autoencoder(study.run.latent_dim)
            components = encode(images.images).astype(np.float32)
            flat = {PIXELS: images.get_vectors("pixel"), f"PCA {study.run.latent_dim}": components}
        flat[CODES] = images.codes
        wanted = [(source, K_MEANS, clustering.cluster_k_means) for source in flat]
        wanted.append((CODES, MIXTURE, clustering.cluster_gaussian_mixture))
        finds = {
            f"{source}: {name}/{seed}": (partial(method, flat[source], count, seed),)
            for source, name, method in wanted
            for seed in seeds
        }
        # Two that each use all cores wait for each other most of the time. Limits, and what is said
        # of warnings, hold for all threads: set by one of them, they would end with it.
        ignored = warnings.catch_warnings(action="ignore", category=ConvergenceWarning)
        with threadpool_limits(1), ignored:
            done = run_all(
                _run_clustering,
                finds,
                at_once=count_cores(),
                in_threads=True,
                on_report=lambda name: bar.update(),
            )
        done |= _cluster_manifolds(images, count, seeds, bar.update)
    runs: dict[str, list[dict[str, Any]]] = {}
    for name, run in done.items():
        runs.setdefault(name.partition("/")[0], []).append(run)
    return {name: _stack_runs(of_method) for name, of_method in runs.items()}


def _cluster_manifolds(
    images: MapImages, count: int, seeds: Sequence[int], advance: Callable[[], Any]
) -> dict[str, dict[str, Any]]:
    """Runs by method and seed."""
    vectors = {CODES: images.codes}
    if images.study.data.has_images:
        condensed, condense = projection.reduce_dimensions(images.pixel_rows)
        vectors = {PIXELS: condensed, **vectors}
    deforms = images.study.explain_lack("images", "encoder") is None
    represent = {
        PIXELS: lambda batch: condense(batch.reshape(len(batch), -1)),
        CODES: images.study.run.encode,
    }
    copies: dict[str, list[np.ndarray]] = {source: [] for source in vectors}
    rng = np.random.default_rng(images.study.settings.seed)
    parts = list(iterate_parts(images.images)) if deforms else []
    for _ in range(COPIES if deforms else 0):
        batch = np.concatenate([deform(images.images[part], rng) for part in parts])
        for source in vectors:
            copies[source].append(represent[source](batch))
        advance()
    inputs = {}
    for source, found in vectors.items():
        forms = {source: [], **({source + DEFORMED: copies[source]} if deforms else {})}
        for name, changed in forms.items():
            graph = clustering.build_neighbor_graph(found, changed)
            for seed in seeds:
                dense = name == (CODES + DEFORMED if deforms else CODES)
                inputs[f"{name}/{seed}"] = (found, graph, count, seed, dense)
    cores = count_cores() if len(images.indices) > projection.THREADS_LIMIT else 1
    done = run_all(_cluster_manifold, inputs, at_once=cores, on_report=lambda name: advance())
    runs: dict[str, dict[str, Any]] = {}
    for of_input, found_by in done.items():
        name, _, of_seed = of_input.partition("/")
        runs |= {f"{name}: UMAP, {finder}/{of_seed}": run for finder, run in found_by.items()}
    return runs


def _cluster_manifold(
    vectors: np.ndarray,
    graph: tuple[np.ndarray, np.ndarray],
    count: int,
    seed: int,
    dense: bool,
    report: Callable[[], None],
) -> dict[str, dict[str, Any]]:
    """Clusters by a mixture, and by density if wanted."""
    points = clustering.reduce_dimensions(vectors, graph, seed)
    mixed = clustering.cluster_gaussian_mixture(points, count, seed, starts=MANIFOLD_STARTS)
    found = {MIXTURE: vars(mixed)}
    if dense:
        found[DENSE] = vars(clustering.cluster_hdbscan(points))
    report()
    return found


def _run_clustering(find: Callable[[], Clustering], report: Callable[[], None]) -> dict[str, Any]:
    found = vars(find())
    report()
    return found


def _stack_runs(runs: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    return {name: np.stack([run[name] for run in runs]) for name in runs[0]}
