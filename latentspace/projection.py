"""Codes or pixels (N, D) -> points (N, 2): t-SNE, and laying one map over another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

EARLY_ITERATIONS, EARLY_EXAGGERATION, EARLY_MOMENTUM = 250, 12.0, 0.5
LATE_ITERATIONS, LATE_MOMENTUM = 500, 0.8
ITERATIONS = EARLY_ITERATIONS + LATE_ITERATIONS
CALLBACK_EVERY = 50
NEIGHBORS_PER_PERPLEXITY = 3
PLACING_NEIGHBORS = 10
BARNES_HUT_LIMIT = 10_000  # images up to which Barnes-Hut on all cores beats interpolation (FFT)


@dataclass(frozen=True)
class Projection:
    """A map, and what it cost.

    Attributes:
        points: float32 (N, 2).
        kl_divergence: What t-SNE minimised, in nats.
        seconds: Wall time.
    """

    points: np.ndarray
    kl_divergence: float
    seconds: float


def largest_perplexity(count: int) -> float:
    """The largest perplexity that `count` points allow: three times as many neighbours exist."""
    return (count - 1) / NEIGHBORS_PER_PERPLEXITY


def tsne(
    vectors: np.ndarray,
    *,
    perplexity: float,
    seed: int,
    on_progress: Callable[[int, float], None] | None = None,
) -> Projection:
    """t-distributed stochastic neighbour embedding into the plane.

    Source: van der Maaten & Hinton 2008; with the principal components as start (Kobak & Berens
    2019) and the learning rate N / 12 (Belkina et al. 2019). The nearest neighbours are exact.

    Args:
        vectors: float32 (N, D).
        perplexity: Effective number of neighbours, at most `largest_perplexity(N)`.
        seed: Seed of the little noise in the start.
        on_progress: Called now and then with the number of finished iterations (of `ITERATIONS`)
            and the KL divergence.

    Returns:
        The projection.

    Raises:
        ValueError: The perplexity is too large for N points.
    """
    if perplexity > largest_perplexity(len(vectors)):
        raise ValueError(
            f"expected perplexity <= {largest_perplexity(len(vectors)):g} for {len(vectors)} "
            f"points. Received: perplexity={perplexity}"
        )
    from openTSNE import TSNEEmbedding, affinity, initialization, nearest_neighbors
    from sklearn.neighbors import NearestNeighbors

    started = time.perf_counter()
    neighbors = int(NEIGHBORS_PER_PERPLEXITY * perplexity)
    search = NearestNeighbors(n_neighbors=neighbors, algorithm="brute", n_jobs=-1).fit(vectors)
    distances, indices = search.kneighbors()
    affinities = affinity.PerplexityBasedNN(
        perplexity=perplexity,
        knn_index=nearest_neighbors.PrecomputedNeighbors(indices, distances),
        n_jobs=-1,
    )
    embedding = TSNEEmbedding(
        initialization.pca(vectors, random_state=seed),
        affinities,
        negative_gradient_method="bh" if len(vectors) <= BARNES_HUT_LIMIT else "fft",
        n_jobs=-1,
        random_state=seed,
    )
    done = 0
    for iterations, exaggeration, momentum in (
        (EARLY_ITERATIONS, EARLY_EXAGGERATION, EARLY_MOMENTUM),
        (LATE_ITERATIONS, 1.0, LATE_MOMENTUM),
    ):

        def report(iteration: int, error: float, _: np.ndarray, before: int = done) -> None:
            if on_progress is not None:
                on_progress(before + iteration, error)

        embedding.optimize(
            iterations,
            exaggeration=exaggeration,
            momentum=momentum,
            inplace=True,
            callbacks=report,
            callbacks_every_iters=CALLBACK_EVERY,
        )
        done += iterations
    return Projection(
        points=np.asarray(embedding, np.float32),
        kl_divergence=float(embedding.kl_divergence),
        seconds=time.perf_counter() - started,
    )


def place(vectors: np.ndarray, reference: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Puts further vectors on a map at the median place of their nearest neighbours on it.

    Source: the initial placement of Poličar, Stražar & Zupan 2019, "Embedding to reference t-SNE
    space". A vector far from all others still lands among those nearest to it.

    Args:
        vectors: float (M, D).
        reference: float (N, D), what the map was made of.
        points: float (N, 2), the map.

    Returns:
        float (M, 2).
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(PLACING_NEIGHBORS, len(reference))).fit(reference)
    return np.median(points[search.kneighbors(vectors, return_distance=False)], axis=1)


def align(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Turns and mirrors a map so that it lies as near as possible to another one.

    Source: orthogonal Procrustes (Schönemann 1966). Distances within the map stay what they are.

    Args:
        points: float (N, 2).
        reference: float (N, 2), the same images in the same order.

    Returns:
        float (N, 2), centred on the centre of `reference`.
    """
    from scipy.linalg import orthogonal_procrustes

    centre = reference.mean(axis=0)
    centred = points - points.mean(axis=0)
    rotation, _ = orthogonal_procrustes(centred, reference - centre)
    return centred @ rotation + centre
