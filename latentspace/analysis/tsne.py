"""t-SNE: the schedule of its optimisation, the way it went, and placing further points."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.analysis.exact_tsne import compute_gradient

if TYPE_CHECKING:
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import Affinities

    from latentspace.analysis.projection import Settings

NEIGHBORS_PER_PERPLEXITY = 3
START_DEVIATION = 1e-4  # as in openTSNE
REPORT_EVERY = 5  # iterations; the trajectory has a frame for each report
PLACING_PERPLEXITY, PLACING_NEIGHBORS = 5, 10


@dataclass(frozen=True)
class Phase:
    iterations: int
    momentum: float
    rate: float  # as a multiple of N / exaggeration (Belkina et al. 2019)
    gradient: str | Callable[..., Any]  # exact, "bh" (Barnes-Hut) or "fft" (a grid)
    coarseness: float = 0  # of repulsion: theta of Barnes-Hut, or the side of a grid cell
    exaggeration: float = 1.0  # of attraction, where the settings ask for no more


EXACT_LIMIT, SMALL_LIMIT, BARNES_HUT_LIMIT = 2_500, 5_000, 20_000  # points up to which
# The usual course is an exaggeration of 12 for 250 iterations, then none for 500. Attraction that
# lessens in steps, and longer steps after it, reach a lower divergence in less than half of them
# (benchmarks/maps.py), on few points only where repulsion is exact.
EXACT = (
    Phase(100, 0.8, 4, compute_gradient, exaggeration=4),
    Phase(50, 0.8, 2, compute_gradient, exaggeration=2),
    Phase(150, 0.9, 4, compute_gradient),
)
SMALL = (
    Phase(100, 0.8, 4, "bh", 0.8, exaggeration=4),
    Phase(50, 0.8, 2, "bh", 0.8, exaggeration=2),
    Phase(150, 0.9, 8, "bh", 0.6),
    Phase(50, 0.9, 4, "bh", 0.3),
)
PULLING_TOGETHER = (
    Phase(50, 0.8, 2.4, "fft", 2, exaggeration=12),
    Phase(50, 0.8, 4, "fft", 2, exaggeration=4),
    Phase(50, 0.8, 2, "fft", 2, exaggeration=2),
)
MEDIUM = (
    *PULLING_TOGETHER,
    Phase(200, 0.9, 6, "bh", 0.8),
    Phase(50, 0.9, 4, "bh", 0.4),
)
LARGE = (
    *PULLING_TOGETHER,
    Phase(200, 0.9, 5, "fft", 2.5),
    Phase(50, 0.9, 3, "fft", 1),
)
FOLLOWING = (Phase(100, 0.8, 1, compute_gradient),)  # from a map of nearly the same vectors
SPATIAL = (Phase(250, 0.5, 1, "bh", 0.8, exaggeration=12), Phase(400, 0.8, 1, "bh", 0.8))


def find_largest_perplexity(count: int) -> float:
    """The largest perplexity that `count` points allow: three times as many neighbours exist."""
    return (count - 1) / NEIGHBORS_PER_PERPLEXITY


def plan_phases(count: int, dims: int) -> tuple[Phase, ...]:
    """The phases of the descent for `count` points in `dims` dimensions."""
    if count <= EXACT_LIMIT:
        return EXACT
    if dims == 3:  # for which interpolation on a grid does not exist
        return SPATIAL
    return SMALL if count <= SMALL_LIMIT else MEDIUM if count <= BARNES_HUT_LIMIT else LARGE


def count_iterations(count: int, dims: int) -> int:
    """Iterations of the whole descent."""
    return sum(phase.iterations for phase in plan_phases(count, dims))


def embed(
    vectors: np.ndarray, settings: Settings, threads: int, on_progress: Callable[[int, float], None]
) -> tuple[np.ndarray, dict[str, float], dict[str, np.ndarray]]:
    """t-distributed stochastic neighbour embedding of vectors, float32 (N, D).

    Source: van der Maaten & Hinton 2008; with the principal components as start (Kobak & Berens
    2019) and learning rates in proportion to N (Belkina et al. 2019). Neighbours are exact.
    `on_progress` is called with the number of finished iterations and the KL divergence. Raises a
    `ValueError` where the perplexity is too large for N points.

    Returns:
        The map, float32 (N, dims).
        Facts: "iterations", "kl_divergence" (what was minimised, in nats), and the wall time:
        "seconds_neighbors" (search and affinities) and "seconds_optimization".
        Arrays: "trajectory", float16 (T, N, dims), the points at the start and after every
        `REPORT_EVERY` iterations, and "divergences", float32 (T,), the KL divergence in each frame,
        NaN at the start; while attraction is exaggerated, that of the exaggerated affinities.
    """
    count, perplexity = len(vectors), settings.perplexity
    if perplexity > find_largest_perplexity(count):
        raise ValueError(
            f"expected perplexity <= {find_largest_perplexity(count):g} for {count} points. "
            f"Received: perplexity={perplexity}"
        )
    from openTSNE import TSNEEmbedding
    from threadpoolctl import threadpool_limits

    started = time.perf_counter()
    with threadpool_limits(threads):
        affinities = _compute_affinities(vectors, perplexity, threads)
        start = _initialize(vectors, settings.dims, settings.seed)
    found = time.perf_counter()
    embedding = TSNEEmbedding(start, affinities, n_jobs=threads, random_state=settings.seed)
    trajectory, divergences = [start.astype(np.float16)], [np.nan]

    def report(_: int, error: float, points: np.ndarray) -> None:
        on_progress(REPORT_EVERY * len(trajectory), error)
        trajectory.append(np.asarray(points, np.float16))
        divergences.append(error)

    for phase in plan_phases(count, settings.dims):
        _descend(embedding, phase, settings.exaggeration, callbacks=report)
    # A report comes before the step that it belongs to; the last frame is the map itself.
    points = np.asarray(embedding, np.float32)
    trajectory[-1], divergences[-1] = points.astype(np.float16), embedding.kl_divergence
    facts = {
        "iterations": count_iterations(count, settings.dims),
        # Summed up by several threads: the last digits are another in each run.
        "kl_divergence": float(np.float32(embedding.kl_divergence)),
        "seconds_neighbors": found - started,
        "seconds_optimization": time.perf_counter() - found,
    }
    arrays: dict[str, np.ndarray] = {
        "trajectory": np.stack(trajectory),
        "divergences": np.array(divergences, np.float32),
    }
    return points, facts, arrays


def follow(
    frames: np.ndarray, *, perplexity: float, seed: int, on_progress: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Flat maps of vectors that change, each started from the one before, so that points travel.

    A start is enough to keep one map like the next where the vectors change a little at a time;
    Rauber, Falcão & Telea 2016, "Visualizing time-dependent data using dynamic t-SNE", hold points
    back by a penalty as well, at the cost of each map's own quality.

    Frames are float32 (T, N, D), the same N things through time. The perplexity is at most
    `find_largest_perplexity(N)`; the seed is of the noise in the first start; `on_progress` is
    called after each map. Maps are float32 (T, N, 2), their KL divergences, in nats, float64 (T,).
    """
    from openTSNE import TSNEEmbedding

    points = _initialize(frames[0], 2, seed)
    maps: list[np.ndarray] = []
    divergences = []
    for vectors in frames:
        # The points are few: a second thread would wait longer than it works.
        affinities = _compute_affinities(vectors, perplexity, threads=1)
        embedding = TSNEEmbedding(points, affinities, n_jobs=1, random_state=seed)
        for phase in FOLLOWING if maps else EXACT:
            _descend(embedding, phase)
        points = np.array(embedding)
        maps.append(points.astype(np.float32))
        divergences.append(embedding.kl_divergence)
        on_progress()
    return np.stack(maps), np.array(divergences)


def _initialize(vectors: np.ndarray, dims: int, seed: int) -> np.ndarray:
    """Where points begin: at the principal components, tiny, with a little noise, (N, dims)."""
    from openTSNE import initialization

    if np.ptp(vectors, axis=0).max() == 0:  # without any variance to scale components by
        return np.random.default_rng(seed).normal(0, START_DEVIATION, (len(vectors), dims))
    vectors = np.pad(vectors, ((0, 0), (0, max(0, dims - vectors.shape[1]))))
    return initialization.pca(vectors, n_components=dims, random_state=seed)


def _compute_affinities(vectors: np.ndarray, perplexity: float, threads: int) -> Affinities:
    from openTSNE.affinity import PerplexityBasedNN

    exact: dict[str, Any] = {"method": "exact", "knn_kwargs": {"algorithm": "brute"}}
    return PerplexityBasedNN(vectors, perplexity, n_jobs=threads, **exact)


def _descend(
    embedding: TSNEEmbedding, phase: Phase, exaggeration: float = 1.0, **reporting: Any
) -> None:
    factor = max(phase.exaggeration, exaggeration)
    embedding.optimize(
        phase.iterations,
        exaggeration=factor,
        learning_rate=phase.rate * len(embedding) / factor,
        momentum=phase.momentum,
        negative_gradient_method=phase.gradient,
        theta=phase.coarseness,
        ints_in_interval=phase.coarseness,
        inplace=True,
        callbacks_every_iters=REPORT_EVERY,
        **reporting,
    )


def transform(vectors: np.ndarray, reference: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Places further vectors on a finished map, each by itself, without moving the map.

    Source: Poličar, Stražar & Zupan 2019, "Embedding to reference t-SNE space", as in openTSNE's
    `transform`: a start at the median of the neighbours, then gradient descent of the new points.
    Vectors, float32 (M, D), are placed, float32 (M, dims), in the coordinates of the map, `points`
    (N, dims), that was made of `reference`, float32 (N, D).
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN

    count = len(reference)
    own = min(PLACING_PERPLEXITY, find_largest_perplexity(count))
    known = {"n_neighbors": min(NEIGHBORS_PER_PERPLEXITY * PLACING_PERPLEXITY, count)}
    affinities = PerplexityBasedNN(reference, own, method="exact", n_jobs=-1, knn_kwargs=known)
    # `transform` moves the map onto its own centre, and the new points with it.
    centre = (points.max(axis=0) + points.min(axis=0)) / 2
    embedding = TSNEEmbedding(points - centre, affinities, negative_gradient_method="bh")
    perplexity = min(PLACING_PERPLEXITY, count / NEIGHBORS_PER_PERPLEXITY)
    placed = embedding.transform(vectors, perplexity=perplexity, k=PLACING_NEIGHBORS)
    return (np.asarray(placed) + centre).astype(np.float32)
